/**
 * Gets Adam, LF Edge's own small EVE controller, as its Go module, where Go and the modules it needs are to
 * be had.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const moduleName = "github.com/lf-edge/adam";
const version = "v0.0.0-20260515145729-b27f2aa6a214";
const cache = join(import.meta.dirname, "../../../.cache/adam");
/** A slow network is no failure of ours. */
const buildTimeout = 400_000;

export interface AdamProgram {
  readonly path: string;
}

/** The built program, or the reason why there is none. A source that does not compile is an error. */
export function buildAdam(): AdamProgram | string {
  if (spawnSync("go", ["version"]).status !== 0) return "no Go toolchain to build Adam with";
  mkdirSync(cache, { recursive: true });
  const source = process.env["SELVEDGE_ADAM"];
  return source === undefined ? installed() : built(source);
}

function installed(): AdamProgram | string {
  const folder = join(cache, version);
  const path = join(folder, "adam");
  if (existsSync(path)) return { path };
  const { status, stderr } = spawnSync("go", ["install", `${moduleName}@${version}`], {
    ...{ encoding: "utf8", timeout: buildTimeout, env: { ...process.env, GOBIN: folder } },
  });
  if (status === 0) return { path };
  const [reason = "timed out"] = stderr.trim().split("\n");
  return `Adam's Go module cannot be had; SELVEDGE_ADAM may name a folder with its source: ${reason}`;
}

function built(source: string): AdamProgram {
  const path = join(cache, "adam");
  const { status, stderr } = spawnSync("go", ["build", "-o", path, "."], {
    ...{ cwd: source, encoding: "utf8", timeout: buildTimeout },
  });
  if (status !== 0) throw new Error(`Adam in ${source} does not build: ${stderr}`);
  return { path };
}
