import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { NetworkDriverError } from "../network-driver.ts";

/** The kernel answers at once; a program that does not is stuck. */
const runMs = 20_000;
/** Of a listing: a full set of addresses is far below. */
const outputMax = 64 * 2 ** 20;

/**
 * What a program says, all of it. One that is stuck is ended and fails; whether it then says that all went well
 * is not asked: half a listing would be taken for what there is.
 */
export function run(
  program: string,
  args: readonly string[],
  input = "",
  limitMs: number = runMs,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: Error): void =>
      reject(new NetworkDriverError(`${program} ${args.join(" ")}: ${why}`, { cause }));
    const child = execFile(program, args, { maxBuffer: outputMax }, (error, stdout, stderr) => {
      clearTimeout(limit);
      if (error === null) resolve(stdout);
      else fail(stderr.trim(), error);
    });
    const limit = setTimeout(() => {
      fail(`does not end within ${limitMs} ms`);
      child.kill("SIGKILL");
      // What it started may hold on to them.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, limitMs);
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** What `ip -j` or `nft -j` lists. */
export async function list<T>(program: string, args: readonly string[]): Promise<readonly T[]> {
  return JSON.parse((await run(program, args)).trim() || "[]") as T[];
}

export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

export function ignoreMissing(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ESRCH") throw error;
}
