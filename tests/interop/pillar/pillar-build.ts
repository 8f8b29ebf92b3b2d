/**
 * EVE's own agents as a program, from a folder with EVE's sources: its Go modules are not published with what they
 * need. The sources stay as they are; our few files are laid over them for the compiler alone.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const here = import.meta.dirname;
const cache = join(here, "../../../.cache/go");
const program = join(cache, "pillar-box");
/** Of what the program was made. */
const made = join(cache, "pillar-box.json");
/** The first build compiles some 1,300 packages. */
const buildTimeout = 1_200_000;

/** The commit of github.com/lf-edge/eve that docs/compatibility.md speaks of. */
export const eveCommit = "2c6b41543bd34725363073f04627500ad775e17f";

/** The built program's path, or the reason why there is none. One that does not compile is an error. */
export function buildPillar(): { readonly path: string } | string {
  const named = process.env["SELVEDGE_EVE"];
  const ours = sourcesHash();
  const kept = existsSync(program) && existsSync(made) ? readFileSync(made, "utf8") : "";
  if (kept === `${ours} ${named}` || (named === undefined && kept.startsWith(ours))) return { path: program };
  if (named === undefined) {
    return `SELVEDGE_EVE names no checkout of github.com/lf-edge/eve (known good: ${eveCommit.slice(0, 12)})`;
  }
  if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain to build EVE's agents with";
  const source = [join(named, "pkg/pillar"), named].find((path) => existsSync(join(path, "zedbox")));
  if (source === undefined) return `SELVEDGE_EVE: ${named} holds no pkg/pillar`;
  mkdirSync(cache, { recursive: true });
  const overlay = join(cache, "pillar-overlay.json");
  writeFileSync(overlay, JSON.stringify({ Replace: overlaid(source) }));
  // Without C: the one library that EVE links is the one laid over.
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=vendor", GOTOOLCHAIN: "local" };
  const args = ["build", "-overlay", overlay, "-ldflags", "-s -w", "-o", program, "./cmd/selvedge-box"];
  execFileSync("go", args, {
    cwd: source,
    env,
    timeout: buildTimeout,
    stdio: ["ignore", "inherit", "inherit"],
  });
  writeFileSync(made, `${ours} ${named}`);
  return { path: program };
}

/** Where the compiler is to see a file of ours, or none where there is one. */
function overlaid(source: string): Record<string, string> {
  const replaced: Record<string, string> = {};
  const library = join(source, "vendor/github.com/andrewd-zededa/go-libzfs");
  for (const name of readdirSync(library)) {
    if (/\.(go|c|h)$/.test(name)) replaced[join(library, name)] = "";
  }
  for (const [folder, place] of [
    ["libzfs", library],
    ["box", join(source, "cmd/selvedge-box")],
    ["domainmgr", join(source, "cmd/domainmgr")],
    ["diskmetrics", join(source, "diskmetrics")],
  ] as const)
    for (const { name, full } of ourFiles(folder)) replaced[join(place, name)] = full;
  return replaced;
}

function ourFiles(folder: string): { readonly name: string; readonly full: string }[] {
  const names = readdirSync(join(here, folder)).filter((name) => name.endsWith(".go"));
  return names.sort().map((name) => ({ name, full: join(here, folder, name) }));
}

function sourcesHash(): string {
  const hash = createHash("sha256");
  for (const { full } of ["libzfs", "box", "domainmgr", "diskmetrics"].flatMap(ourFiles))
    hash.update(readFileSync(full));
  return hash.digest("hex");
}
