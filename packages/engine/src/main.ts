/**
 * The engine on a real box. Reads the command line, then becomes a Node that suits a small box, then runs the
 * engine.
 */
import { readdirSync, rmSync } from "node:fs";
import { flushCompileCache, getCompileCacheDir } from "node:module";
import { basename, dirname, join } from "node:path";
import { type EngineFlags, FlagError, parseFlags, usage } from "./flags.ts";
import { engineVersion } from "./version.ts";

// Of the global: an import of it would open standard input and what that needs.
const { argv, env, execArgv, execPath } = process;

/**
 * V8 keeps small what it can: a young generation of 1 MiB in place of 16, code made for size, one helper
 * thread, and none of the compilers for code that runs hot, because none of ours does. An engine spends its
 * time waiting; what this costs it nobody sees (docs/decisions/0060).
 */
const smallNode = [
  ...["--max-semi-space-size=1", "--optimize-for-size", "--v8-pool-size=1"],
  ...["--no-sparkplug", "--no-maglev", "--no-opt"],
];
/** In the environment of a program that has begun again: whatever it finds, it goes on. */
const againMark = "SELVEDGE_ENGINE_AGAIN";

async function main(): Promise<number> {
  let flags: EngineFlags | undefined;
  try {
    flags = parseFlags(argv.slice(2));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (flags === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  if (!smallNode.every((flag) => execArgv.includes(flag))) becomeSmall(flags, {});
  const { runEngine } = await import("./main-run.ts");
  if (hasTypeStripper() && env[againMark] === undefined) {
    // The first start of a version: the cache is full now, so begin again without what filled it.
    flushCompileCache();
    forgetOtherVersions(getCompileCacheDir());
    becomeSmall(flags, { [againMark]: "1" });
  }
  return await runEngine(flags);
}

/** Replaces this process by the same program with the flags above; the process id stays. */
function becomeSmall({ state }: EngineFlags, more: Readonly<Record<string, string>>): void {
  const others = execArgv.filter((flag) => !smallNode.includes(flag));
  process.execve?.(execPath, [execPath, ...smallNode, ...others, ...argv.slice(1)], {
    ...env,
    // Compiled code, types stripped, from one start to the next: without the stripper in memory and twice as
    // fast.
    NODE_COMPILE_CACHE: join(state, "code", engineVersion),
    // One heap for all threads.
    MALLOC_ARENA_MAX: "1",
    ...more,
  });
}

/** Whether a module of this program was not in the cache as it is: 17 MB that are never given back. */
function hasTypeStripper(): boolean {
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  return moduleLoadList?.some((name) => name.includes("amaro")) ?? false;
}

/** Code of engines and of Nodes that were here before; Node keeps a folder for each of its versions. */
function forgetOtherVersions(cache: string | undefined): void {
  if (cache === undefined) return;
  for (const kept of [cache, dirname(cache)])
    for (const name of readdirSync(dirname(kept)))
      if (name !== basename(kept)) rmSync(join(dirname(kept), name), { recursive: true, force: true });
}

process.exit(await main());
