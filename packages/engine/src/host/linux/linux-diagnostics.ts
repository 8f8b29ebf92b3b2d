import { describeError } from "@selvedge/base";
import { run } from "../../network/linux/run.ts";

/** What tells most of a box, by the file it goes to. None of them changes anything, or shows a secret. */
const commands: Readonly<Record<string, readonly [program: string, ...args: readonly string[]]>> = {
  "addresses.txt": ["ip", "addr", "show"],
  "links.txt": ["ip", "-d", "-s", "link", "show"],
  "routes.txt": ["ip", "route", "show", "table", "all"],
  "routes6.txt": ["ip", "-6", "route", "show", "table", "all"],
  "rules.txt": ["nft", "list", "ruleset"],
  "disks.txt": ["df", "-h"],
  "mounts.txt": ["cat", "/proc/mounts"],
  "memory.txt": ["cat", "/proc/meminfo"],
  "load.txt": ["cat", "/proc/loadavg"],
  "kernel.txt": ["dmesg"],
  "devices.txt": ["ls", "-lR", "/sys/bus/pci/devices", "/sys/bus/usb/devices"],
};

/** One after the other: a box that is in trouble is not to be pressed. What cannot be had says why. */
export async function linuxDiagnostics(): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for (const [file, [program, ...args]] of Object.entries(commands))
    texts[file] = await run(program, args).catch((error: unknown) => `${describeError(error)}\n`);
  return texts;
}
