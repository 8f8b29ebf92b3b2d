import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { VmUsage } from "../hypervisor.ts";

/** Linux counts a process's time in hundredths of a second for everybody outside the kernel. */
const nanosPerTick = 10_000_000n;

/**
 * The process of a machine, if it is one: a pid file may be of an earlier boot, so its command line must
 * match.
 */
export async function machinePid(folder: string, id: string): Promise<number | undefined> {
  const pid = Number(await readFile(join(folder, "pid"), "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const args = await commandLine(pid);
  return args[args.indexOf("-name") + 1] === id && (await isAlive(pid)) ? pid : undefined;
}

/**
 * Makes a command that notes its own number and joins its groups before it becomes the machine: at whatever moment the
 * engine ends, the next one finds what runs, and it runs within its limits.
 */
export function noting(command: readonly string[], groups: readonly string[]): string[] {
  return ["sh", "-c", note, "sh", ...groups, "--", ...command];
}

const note = `echo $$ >pid || exit
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done
shift
exec "$@"`;

export async function machineUsage(pid: number): Promise<VmUsage | undefined> {
  try {
    const [stat, status, io] = await Promise.all(
      ["stat", "status", "io"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8")),
    );
    const fields = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
    const ticks = BigInt(fields[11] ?? 0) + BigInt(fields[12] ?? 0);
    const tap = /ifname=([\w.-]+)/.exec((await commandLine(pid)).join(" "))?.[1];
    const traffic = await tapTraffic(tap);
    return {
      cpuNanos: ticks * nanosPerTick,
      memoryBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status ?? "")?.[1] ?? 0) * 1024,
      // What the tap sends is what the app receives.
      rxBytes: traffic.sent,
      txBytes: traffic.received,
      diskReadBytes: BigInt(/^read_bytes: (\d+)/m.exec(io ?? "")?.[1] ?? 0),
      diskWriteBytes: BigInt(/^write_bytes: (\d+)/m.exec(io ?? "")?.[1] ?? 0),
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

/** A process that becomes another program has no command line for a moment. */
async function commandLine(pid: number): Promise<string[]> {
  for (let looked = 0; looked < looksMax; looked++) {
    const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (text !== "") return text.split("\0");
    if (!(await isAlive(pid))) break;
    await setImmediate();
  }
  return [];
}

/** Threads of the kernel never have one. */
const looksMax = 50;

/** A process that ended and that nobody has waited for yet keeps its number. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** Of the tap, in the network namespace we are in, whatever is mounted on /sys. */
async function tapTraffic(tap: string | undefined): Promise<{ received: bigint; sent: bigint }> {
  const table = await readFile("/proc/self/net/dev", "utf8").catch(() => "");
  const line = table.split("\n").find((it) => it.trimStart().startsWith(`${tap}:`));
  const columns =
    line
      ?.slice(line.indexOf(":") + 1)
      .trim()
      .split(/\s+/) ?? [];
  return { received: BigInt(columns[0] ?? 0), sent: BigInt(columns[8] ?? 0) };
}
