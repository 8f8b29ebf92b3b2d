import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeError } from "@selvedge/base";
import { prepareGuest } from "../guest.ts";
import { type Command, type Io, UsageError } from "../io.ts";
import { checkout, harnessMain, nodeBinary } from "../layout.ts";
import { runInherited } from "../processes.ts";
import { filesOfGroup, groupNames } from "./groups.ts";

const help = `Usage: ./selvedge test [unit|sim|integration|system|interop|all]
       ./selvedge test vectors [DIR]

Runs the tests. Without an argument: the checks (types, lint) and every group that this machine can run; a test that
cannot run here says why it is skipped. \`vectors\` replays recorded data found in DIR: eve/ exchanges,
server-side-apply.jsonl and wire/ objects (testdata/HEAD of k8s.io/api); the default is the repo's own.`;

/** Of a whole run, what computes and waits for nobody: it takes what the others leave of the processors. */
const aside = "sim";

export const testCommand: Command = {
  name: "test",
  summary: "run the tests",
  async run(args, io, signal) {
    const [what = "all", ...rest] = args.filter((argument) => argument !== "--yes" && argument !== "-y");
    if (args.some((argument) => argument === "--help" || argument === "-h")) {
      io.out(help);
      return 0;
    }
    if (what === "vectors") {
      return await runInherited(nodeBinary, [harnessMain("vectors"), ...rest], {
        cwd: process.cwd(),
        signal,
      });
    }
    if (what !== "all" && !groupNames.includes(what)) {
      throw new UsageError(`unknown tests ${JSON.stringify(what)}; one of ${groupNames.join(", ")}, all`);
    }
    if (rest.length > 0) throw new UsageError(`one group at a time; ${rest.join(" ")} is too much`);
    return await runGroups(what === "all" ? groupNames : [what], what === "all", io, signal);
  },
};

async function runGroups(
  names: readonly string[],
  all: boolean,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const began = performance.now();
  const front = runInTurn(all ? names.filter((name) => name !== aside) : names, all, io, signal);
  const runs = all ? [front, runFiles(aside, io, signal, front)] : [front];
  await Promise.allSettled(runs);
  const failed = (await Promise.all(runs)).flat();
  io.err(`== all: took ${seconds(began)} s`);
  // Whoever reads only the end of a long run finds there what to mend.
  for (const { what, report } of failed) io.err(`== failed: ${what}\n${report}`);
  return Math.max(0, ...failed.map(({ code }) => code));
}

async function runInTurn(
  names: readonly string[],
  checks: boolean,
  io: Io,
  signal: AbortSignal,
): Promise<Failed[]> {
  const failed: Failed[] = checks ? await runChecks(io, signal) : [];
  for (const name of names) {
    if (name === "integration" || name === "interop" || name === "system") await tryGuest(io, signal);
    failed.push(...(await runFiles(name, io, signal)));
  }
  return failed;
}

/** A check or a group of tests that did not pass. */
interface Failed {
  readonly what: string;
  readonly code: number;
  readonly report: string;
}

async function runChecks(io: Io, signal: AbortSignal): Promise<Failed[]> {
  const bin = join(checkout, "node_modules", ".bin");
  const failed: Failed[] = [];
  for (const [what, command, args] of [
    ["types", join(bin, "tsc"), ["-p", "tsconfig.json"]],
    ["types, isomorphic", join(bin, "tsc"), ["-p", "tsconfig.isomorphic.json"]],
    ["types, console", join(bin, "tsc"), ["-p", "tsconfig.console.json"]],
    ["lint", join(bin, "biome"), ["check", "--diagnostic-level=error", "."]],
  ] as const) {
    io.err(`== ${what}`);
    const code = await runInherited(command, args, { cwd: checkout, signal });
    if (code !== 0) failed.push({ what, code, report: "See above, at its own heading." });
  }
  return failed;
}

/** Those aside run behind the ones in front, and what they say is told once those are through. */
async function runFiles(
  name: string,
  io: Io,
  signal: AbortSignal,
  front?: Promise<unknown>,
): Promise<Failed[]> {
  const files = filesOfGroup(name);
  // Groups that start real programs share the host's network and memory: one file at a time.
  const concurrency = name === "unit" || name === "sim" ? 2 : 1;
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "selvedge-test-"));
  const heading = `== ${name}: ${files.length} files`;
  try {
    const [path, said] = [join(folder, "failures"), join(folder, "said")];
    if (front === undefined) io.err(heading);
    const reporters = [
      ["spec", front === undefined ? "stdout" : said],
      [join(import.meta.dirname, "failures.ts"), path],
    ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
    const code = await runInherited(
      nodeBinary,
      ["--test", `--test-concurrency=${concurrency}`, ...reporters, ...files],
      { cwd: checkout, signal, aside: front !== undefined },
    );
    const took = `== ${name}: took ${seconds(began)} s`;
    if (front !== undefined) {
      await Promise.allSettled([front]);
      io.err(heading);
      io.out(await contentOf(said));
    }
    io.err(took);
    if (code === 0) return [];
    const report = await contentOf(path);
    return [
      { what: name, code, report: report === "" ? `It ended with ${code} and named no test.` : report },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 1000);
}

async function contentOf(path: string): Promise<string> {
  return existsSync(path) ? await readFile(path, "utf8") : "";
}

/** Tests that boot the guest find it built, or skip and say so. */
async function tryGuest(io: Io, signal: AbortSignal): Promise<void> {
  try {
    await prepareGuest(io, signal);
  } catch (error) {
    io.err(`The tests that boot a virtual machine will be skipped: ${describeError(error)}`);
  }
}
