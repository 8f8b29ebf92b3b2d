/** The engine and the machines of apps, as processes. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { instant } from "@selvedge/base";
import type { ProcessUse } from "../../hardware/hardware.ts";

/** The kernel's unit of processor time for /proc, whatever it counts in itself. */
const ticksPerSecond = 100;
const pageBytes = 4096;
/** Machines of apps: as many as a node takes. */
const processesMax = 128;

export async function readProcesses(proc: string): Promise<readonly ProcessUse[]> {
  const booted = Number(/^btime (\d+)$/m.exec(await text(join(proc, "stat")))?.[1] ?? 0);
  const machines: number[] = [];
  for (const name of (await readdir(proc).catch(() => [])).filter((it) => /^\d+$/.test(it)))
    if (/^qemu-system/.test(await text(join(proc, name, "comm")))) machines.push(Number(name));
  const pids = [process.pid, ...machines.sort((a, b) => a - b).slice(0, processesMax)];
  const found = await Promise.all(pids.map((pid) => readProcess(proc, pid, booted)));
  return found.flatMap((use) => use ?? []);
}

/** Undefined once it has ended. */
async function readProcess(proc: string, pid: number, booted: number): Promise<ProcessUse | undefined> {
  const folder = join(proc, String(pid));
  const stat = await text(join(folder, "stat"));
  // The name is in brackets and may hold anything.
  const [, name = "", rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
  const fields = rest.split(" ").map(Number);
  if (fields.length < 22) return undefined;
  const at = (field: number): number => fields[field - 3] ?? 0;
  return {
    ...{ pid, name, ofApp: pid !== process.pid, threads: at(20), virtualBytes: at(23) },
    files: (await readdir(join(folder, "fd")).catch(() => [])).length,
    userSeconds: at(14) / ticksPerSecond,
    systemSeconds: at(15) / ticksPerSecond,
    startedAt: instant(Math.round((booted + at(22) / ticksPerSecond) * 1000)),
    residentBytes: at(24) * pageBytes,
  };
}

async function text(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
