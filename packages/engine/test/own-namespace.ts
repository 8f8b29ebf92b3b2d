import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Why no world of its own can be made here, with these programs in it; false: nothing is missing. */
export function noNamespace(programs: readonly string[]): string | false {
  const missing = ["unshare", ...programs].filter((name) => spawnSync("which", [name]).status !== 0);
  if (missing.length > 0) return `${missing.join(", ")} not installed`;
  return spawnSync("unshare", ["-n", "-m", "true"]).status !== 0 && "needs root for a network namespace";
}

/** Runs a script of this folder with a network and mounts of its own; who waits for ever is ended. */
export function runInNamespace(file: string, timeout = 300_000): { status: number | null; said: string } {
  const args = ["-n", "-m", process.execPath, join(import.meta.dirname, file)];
  const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", timeout });
  return { status, said: `${stdout}\n${stderr}` };
}
