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
  checks: boolean,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const failed: Failed[] = checks ? await runChecks(io, signal) : [];
  for (const name of names) {
    const files = filesOfGroup(name);
    if (name === "integration" || name === "interop" || name === "system") await tryGuest(io, signal);
    io.err(`== ${name}: ${files.length} files`);
    // Groups that start real programs share the host's network and memory: one file at a time.
    failed.push(...(await runFiles(name, files, name === "unit" || name === "sim" ? 2 : 1, signal)));
  }
  // Whoever reads only the end of a long run finds there what to mend.
  for (const { what, report } of failed) io.err(`== failed: ${what}\n${report}`);
  return Math.max(0, ...failed.map(({ code }) => code));
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

async function runFiles(
  what: string,
  files: readonly string[],
  concurrency: number,
  signal: AbortSignal,
): Promise<Failed[]> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-failures-"));
  try {
    const path = join(folder, "failures");
    const reporters = [
      ["spec", "stdout"],
      [join(import.meta.dirname, "failures.ts"), path],
    ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
    const code = await runInherited(
      nodeBinary,
      ["--test", `--test-concurrency=${concurrency}`, ...reporters, ...files],
      { cwd: checkout, signal },
    );
    if (code === 0) return [];
    const report = existsSync(path) ? await readFile(path, "utf8") : "";
    return [{ what, code, report: report === "" ? `It ended with ${code} and named no test.` : report }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tests that boot the guest find it built, or skip and say so. */
async function tryGuest(io: Io, signal: AbortSignal): Promise<void> {
  try {
    await prepareGuest(io, signal);
  } catch (error) {
    io.err(`The tests that boot a virtual machine will be skipped: ${describeError(error)}`);
  }
}
