/** EVE's own edge-view as a program, from a folder with EVE's sources, as they are. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eveCommit } from "../pillar/pillar-build.ts";

const cache = join(import.meta.dirname, "../../../.cache/go");
const program = join(cache, "edge-view");
/** Of which folder the program was made. */
const made = join(cache, "edge-view.from");
/** The first build compiles some 700 packages. */
const buildTimeout = 600_000;

/** The built program's path, or the reason why there is none. One that does not compile is an error. */
export function buildEdgeview(): { readonly path: string } | string {
  const named = process.env["SELVEDGE_EVE"];
  const kept = existsSync(program) && existsSync(made) ? readFileSync(made, "utf8") : undefined;
  if (kept !== undefined && (named === undefined || named === kept)) return { path: program };
  if (named === undefined)
    return `SELVEDGE_EVE names no checkout of github.com/lf-edge/eve (known good: ${eveCommit.slice(0, 12)})`;
  if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain to build EVE's edge-view with";
  const cwd = join(named, "pkg/edgeview/src");
  if (!existsSync(join(cwd, "edge-view.go"))) return `SELVEDGE_EVE: ${named} holds no pkg/edgeview/src`;
  mkdirSync(cache, { recursive: true });
  // Without C: it runs in a root folder with nothing else in it.
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=vendor", GOTOOLCHAIN: "local" };
  execFileSync("go", ["build", "-ldflags", "-s -w", "-o", program, "."], {
    ...{ cwd, env, timeout: buildTimeout },
    stdio: ["ignore", "inherit", "inherit"],
  });
  writeFileSync(made, named);
  return { path: program };
}
