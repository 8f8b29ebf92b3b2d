/** Go modules and programs in folders beside this file, where Go and what it fetches are to be had. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const cache = join(here, "../../.cache/go");
/** A slow network is no failure of ours. */
const fetchTimeout = 120_000;
const buildTimeout = 400_000;
const answersMax = 512 * 1024 * 1024;

/** What a program makes of lines: as many lines. */
export type GoProgram = (lines: readonly string[]) => string[];

/** The built program, or the reason why there is none. One that does not compile is an error. */
export function buildGo(name: string): GoProgram | string {
  const cwd = join(here, name);
  if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain";
  const fetched = spawnSync("go", ["mod", "download"], { cwd, encoding: "utf8", timeout: fetchTimeout });
  if (fetched.status !== 0) {
    const [reason = "timed out"] = fetched.stderr.trim().split("\n");
    return `its Go modules cannot be fetched: ${reason}`;
  }
  mkdirSync(cache, { recursive: true });
  const program = join(cache, name);
  try {
    execFileSync("go", ["build", "-o", program, "."], { cwd, timeout: buildTimeout });
  } catch (error) {
    // What was compiled is kept: the next time takes less.
    if ((error as { code?: string }).code === "ETIMEDOUT")
      return `its build takes longer than ${buildTimeout} ms`;
    throw error;
  }
  return (lines) => {
    const options = { input: lines.join("\n"), encoding: "utf8", maxBuffer: answersMax } as const;
    return execFileSync(program, options).trimEnd().split("\n");
  };
}

/** One whose build takes ten minutes of a small machine: for whoever has them, and says so. */
export function buildLargeGo(name: string): GoProgram | string {
  if (process.env["SELVEDGE_GO"] === undefined)
    return "SELVEDGE_GO is not set: its build takes ten minutes the first time";
  return buildGo(name);
}

/** The folder of a module, `k8s.io/api@v0.35.0`, or the reason why there is none. */
export function fetchGoModule(module: string): { readonly folder: string } | string {
  if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain";
  const options = { cwd: tmpdir(), encoding: "utf8", timeout: fetchTimeout } as const;
  const fetched = spawnSync("go", ["mod", "download", "-json", module], options);
  if (fetched.status !== 0) return `${module} cannot be fetched`;
  return { folder: (JSON.parse(fetched.stdout) as { Dir: string }).Dir };
}
