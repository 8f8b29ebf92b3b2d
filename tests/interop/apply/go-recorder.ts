/** Builds and runs the Go program beside this file, where Go and the modules it needs are to be had. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Recording } from "./random-writes.ts";

const here = import.meta.dirname;
const cache = join(here, "../../../.cache/apply");
/** A slow network is no failure of ours. */
const fetchTimeout = 120_000;
const buildTimeout = 400_000;
const answersMax = 512 * 1024 * 1024;

/** The built recorder, or the reason why there is none. One that does not compile is an error. */
export function buildRecorder(): ((recordings: readonly Recording[]) => string[]) | string {
  if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain";
  const fetched = spawnSync("go", ["mod", "download"], {
    cwd: here,
    encoding: "utf8",
    timeout: fetchTimeout,
  });
  if (fetched.status !== 0) {
    const [reason = "timed out"] = fetched.stderr.trim().split("\n");
    return `its Go modules cannot be fetched: ${reason}`;
  }
  mkdirSync(cache, { recursive: true });
  const program = join(cache, "recorder");
  execFileSync("go", ["build", "-o", program, "."], { cwd: here, timeout: buildTimeout });
  return (recordings) => {
    const input = recordings.map((recording) => JSON.stringify(recording)).join("\n");
    const output = execFileSync(program, { input, encoding: "utf8", maxBuffer: answersMax });
    return output.trimEnd().split("\n");
  };
}
