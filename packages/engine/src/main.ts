/**
 * The engine on a real box. Reads the command line, then becomes a Node that suits a small box, then runs the
 * engine.
 */
import { readdirSync } from "node:fs";
import { flushCompileCache, getCompileCacheDir } from "node:module";
import { join } from "node:path";
import { argv, env, execArgv, execPath, execve, exit, stderr, stdout } from "node:process";
import { type EngineFlags, FlagError, parseFlags, usage } from "./flags.ts";

/**
 * V8 keeps small what it can: a young generation of 1 MiB in place of 16, code made for size, one helper
 * thread. An engine spends its time waiting; what this costs it nobody sees (docs/decisions/0060).
 */
const smallNode = ["--max-semi-space-size=1", "--optimize-for-size", "--v8-pool-size=1"];

async function main(): Promise<number> {
  let flags: EngineFlags | undefined;
  try {
    flags = parseFlags(argv.slice(2));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    stderr.write(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (flags === undefined) {
    stdout.write(usage);
    return 0;
  }
  if (!smallNode.every((flag) => execArgv.includes(flag))) becomeSmall(flags);
  const cold = isEmpty(getCompileCacheDir());
  const { runEngine } = await import("./main-run.ts");
  if (cold) {
    // The first start has the compiler in its memory; the cache is full now, so begin again without.
    flushCompileCache();
    if (!isEmpty(getCompileCacheDir())) becomeSmall(flags);
  }
  return await runEngine(flags);
}

/** Replaces this process by the same program with the flags above; the process id stays. */
function becomeSmall({ state }: EngineFlags): void {
  const others = execArgv.filter((flag) => !smallNode.includes(flag));
  execve?.(execPath, [execPath, ...smallNode, ...others, ...argv.slice(1)], {
    ...env,
    // Compiled code, types stripped, from one start to the next: without the compiler in memory and twice as
    // fast.
    NODE_COMPILE_CACHE: join(state, "code"),
    // One heap for all threads.
    MALLOC_ARENA_MAX: "1",
  });
}

/** False as well for a cache that is not there: then nothing is gained by beginning again. */
function isEmpty(cache: string | undefined): boolean {
  try {
    return cache !== undefined && readdirSync(cache).length === 0;
  } catch {
    return false;
  }
}

exit(await main());
