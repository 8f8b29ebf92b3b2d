import { readFile } from "node:fs/promises";

/** What a process costs, as the kernel counts it. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** Private pages that were written: what the process alone keeps in memory. */
  readonly dirtyBytes: number;
}

/** Linux counts processor time in hundredths of a second, whatever its own tick is. */
const ticksPerSecond = 100;

/** The processor time of a process's first thread, where a Node program has its event loop. */
export async function mainThreadSeconds(pid: number): Promise<number> {
  return cpuSecondsIn(await readFile(`/proc/${pid}/task/${pid}/stat`, "utf8"));
}

export async function processUsage(pid: number): Promise<ProcessUsage> {
  const [stat, rollup] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/smaps_rollup`, "utf8"),
  ]);
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0);
  return {
    cpuSeconds: cpuSecondsIn(stat),
    rssBytes: kib("Rss") * 1024,
    dirtyBytes: kib("Private_Dirty") * 1024,
  };
}

/** The name in parentheses may hold spaces; fields 14 and 15 of the line are user and system time. */
function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
