/** On which processors the threads of a machine run: read from /proc, changed by taskset. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { GuestError } from "../hypervisor.ts";
import type { MachineProcessors } from "../processors.ts";

/** Those that this process may run on, and so whatever it starts. */
export async function usableProcessors(): Promise<number[]> {
  return allowed(await readFile("/proc/self/status", "utf8"));
}

/** Makes a command that begins on these. */
export function startOn(processors: readonly number[]): string[] {
  return ["taskset", "--cpu-list", processors.join()];
}

/** Has QEMU name its threads, by which those of virtual processors are known. */
export const namedThreads: readonly string[] = ["-name", "debug-threads=on"];

/**
 * Puts each thread where it belongs. False: the machine has not all of its virtual processors yet. A thread is
 * born where the one is that makes it, so this looks until there is none left to move.
 */
export async function placeThreads(pid: number, { own, shared }: MachineProcessors): Promise<boolean> {
  for (let looked = 0; looked < looksMax; looked++) {
    const threads = await threadsOf(pid);
    if (own.some((_, number) => threads.every(({ virtual }) => virtual !== number))) return false;
    let moved = false;
    for (const { tid, virtual, on } of threads) {
      const one = virtual === undefined ? undefined : own[virtual];
      const wanted = one === undefined ? shared : [one];
      if (on.join() === wanted.join()) continue;
      moved = true;
      await move(pid, tid, wanted);
    }
    if (!moved) return true;
  }
  throw new GuestError(`its threads do not stay on processors ${[...own, ...shared].join()}`);
}

/** Threads for disk requests come and go; no machine makes as many in so short a time. */
const looksMax = 20;

interface Thread {
  readonly tid: number;
  /** The number of the virtual processor it is. */
  readonly virtual: number | undefined;
  readonly on: readonly number[];
}

async function threadsOf(pid: number): Promise<Thread[]> {
  const tids = await readdir(`/proc/${pid}/task`).catch((): string[] => []);
  const threads = tids.map(async (tid): Promise<Thread[]> => {
    const status = await readFile(`/proc/${pid}/task/${tid}/status`, "utf8").catch(() => undefined);
    if (status === undefined) return [];
    const virtual = /^Name:\s+CPU (\d+)\//m.exec(status)?.[1];
    const number = virtual === undefined ? undefined : Number(virtual);
    return [{ tid: Number(tid), virtual: number, on: allowed(status) }];
  });
  return (await Promise.all(threads)).flat();
}

async function move(pid: number, tid: number, processors: readonly number[]): Promise<void> {
  try {
    await promisify(execFile)("taskset", ["--cpu-list", "--pid", processors.join(), `${tid}`]);
  } catch (cause) {
    const left = await readdir(`/proc/${pid}/task`).catch((): string[] => []);
    if (left.includes(`${tid}`))
      throw new GuestError(`cannot be put on processors ${processors.join()}`, { cause });
  }
}

/** `0-2,5` as its numbers. */
function allowed(status: string): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1] ?? "";
  return list.split(",").flatMap((range) => {
    const [first = "", last = first] = range.split("-");
    if (first === "") return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
  });
}
