/** Which processes belong to a local system, found without having been there when they were started. */
import { readdir, readFile, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { millis, SystemClock, seconds, sleep } from "@selvedge/base";
import { run } from "../processes.ts";
import { namespaceExists } from "./host-network.ts";
import type { UpPlan } from "./up-plan.ts";
import { isAlive, type ProcessRef, refOf } from "./up-state.ts";

/** In the environment of everything a system starts, and inherited by what that starts. */
export function markOf(plan: UpPlan): Readonly<Record<string, string>> {
  return { SELVEDGE_UP: plan.dir };
}

/** A program asked to end may write out what it holds before it is killed. */
const processGrace = seconds(10);

/** Ends everything of the system, engines and controller before the virtual machines that outlive them. */
export async function endSystem(plan: UpPlan): Promise<void> {
  const groups = new Set<string>();
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const refs = await systemProcesses(plan);
    for (const { pid } of refs) for (const group of await groupsOf(pid)) groups.add(group);
    for (const { pid } of refs) signalIfThere(pid, signal);
    const clock = new SystemClock();
    const deadline = clock.monotonic() + processGrace;
    while ((await anyAlive(refs)) && clock.monotonic() < deadline) await sleep(clock, millis(50));
  }
  await removeGroups(groups);
}

/**
 * The engines' control groups that a process is in, one a hierarchy: the engine that made them may be gone.
 */
async function groupsOf(pid: number): Promise<string[]> {
  const lines = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
  return lines.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/selvedge\/[^/]+)$/.exec(line) ?? [];
    return path === undefined ? [] : [join(groupsRoot, controllers ?? "", path)];
  });
}

const groupsRoot = "/sys/fs/cgroup";

/** The kernel refuses what still has a process or a group in it: other systems' stay. */
async function removeGroups(groups: ReadonlySet<string>): Promise<void> {
  for (const group of groups) {
    await rmdir(group).catch(() => undefined);
    await rmdir(dirname(group)).catch(() => undefined);
  }
}

/** Those in a node's namespace, and those that carry the system's mark wherever they are. */
async function systemProcesses(plan: UpPlan): Promise<ProcessRef[]> {
  const pids = new Set(await markedProcesses(plan));
  for (const { namespace } of plan.nodes) {
    if (!(await namespaceExists(namespace))) continue;
    const { stdout } = await run("ip", ["netns", "pids", namespace]);
    for (const pid of stdout.split(/\s+/).filter(Boolean)) pids.add(Number(pid));
  }
  pids.delete(process.pid);
  const refs = await Promise.all([...pids].map(refOf));
  return refs.filter((ref) => ref !== undefined);
}

async function markedProcesses(plan: UpPlan): Promise<number[]> {
  const [mark] = Object.entries(markOf(plan)).map(([name, value]) => `${name}=${value}`);
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const marked = await Promise.all(
    pids.map(async (pid) => {
      // Others' processes, and those that end while we look, cannot be read.
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.split("\0").includes(mark ?? "");
    }),
  );
  return pids.filter((_, at) => marked[at]);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function anyAlive(refs: readonly ProcessRef[]): Promise<boolean> {
  for (const ref of refs) if (await isAlive(ref)) return true;
  return false;
}
