import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { NetworkDriverError } from "../network-driver.ts";

/** The kernel answers at once; a program that does not is stuck. */
const runMs = 20_000;
/** Of a listing: a full set of addresses is far below. */
const outputMax = 64 * 2 ** 20;

export function run(program: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: runMs, maxBuffer: outputMax };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new NetworkDriverError(`${program} ${args.join(" ")}: ${stderr.trim()}`, { cause: error }));
    });
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
