import { readFile } from "node:fs/promises";

export interface MachineUsage {
  /** Of the guest's memory, what is resident. */
  readonly guestBytes: number;
  /** Everything else of QEMU that is resident: its code, heap and translation cache. */
  readonly beyondBytes: number;
}

/** Tells a guest's memory from the rest of its QEMU by the size it was given. */
export async function machineUsage(pid: number): Promise<MachineUsage> {
  const [line, smaps] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, "utf8"),
    readFile(`/proc/${pid}/smaps`, "utf8"),
  ]);
  const args = line.split("\0");
  const guestKib = Number.parseInt(args[args.indexOf("-m") + 1] ?? "0", 10) * 1024;
  let [guest, all] = [0, 0];
  for (const mapping of smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const kib = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(mapping)?.[1] ?? 0);
    all += kib("Rss");
    if (kib("Size") === guestKib) guest += kib("Rss");
  }
  return { guestBytes: guest * 1024, beyondBytes: (all - guest) * 1024 };
}
