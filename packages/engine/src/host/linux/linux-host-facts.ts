/** What the box is, read from /proc, /sys and /etc. */
import { open, readdir, readFile } from "node:fs/promises";
import { arch, availableParallelism, networkInterfaces, release, totalmem } from "node:os";
import { type Instant, instant } from "@selvedge/base";
import type { HostFacts } from "../../ports.ts";

export async function readHostFacts(): Promise<HostFacts> {
  const architecture = arch() === "arm64" ? "arm64" : "amd64";
  const [osImage, machineId, bootId, bootedAt, hardwareVirtualization, bootTrace] = await Promise.all([
    readOsName(),
    text("/etc/machine-id"),
    text("/proc/sys/kernel/random/boot_id"),
    readBootTime(),
    hasKvm(architecture),
    readBootTrace(),
  ]);
  return {
    architecture,
    kernelVersion: release(),
    osImage,
    machineId,
    bootId,
    bootedAt,
    bootTrace,
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    hardwareVirtualization,
    internalIp: readInternalIp,
    usage: readUsage,
  };
}

/**
 * Whether KVM runs guests as they are. The device may be there with nothing behind it, which opening it
 * tells, or with a paravirtual KVM that takes no ordinary kernel, which the processor's flags tell.
 */
async function hasKvm(architecture: HostFacts["architecture"]): Promise<boolean> {
  try {
    await using _device = await open("/dev/kvm", "r+");
  } catch {
    return false;
  }
  return architecture === "arm64" || /^flags\s*:.*\b(vmx|svm)\b/m.test(await text("/proc/cpuinfo"));
}

async function text(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}

async function readOsName(): Promise<string> {
  const release = await text("/etc/os-release");
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? "Linux";
}

async function readBootTime(): Promise<Instant> {
  const seconds = /^btime (\d+)$/m.exec(await text("/proc/stat"))?.[1];
  return instant(Number(seconds ?? 0) * 1000);
}

/** WDIOF_CARDRESET: the watchdog's card reset the box. */
const cardReset = 0x20;

/** What the kernel wrote as it stopped, where it has a place for that; else what the watchdog says. */
async function readBootTrace(): Promise<HostFacts["bootTrace"]> {
  const store = "/sys/fs/pstore";
  const [dump] = (await readdir(store).catch(() => [])).filter((name) => name.startsWith("dmesg-")).sort();
  if (dump !== undefined) return { boot: "kernel", text: await text(`${store}/${dump}`) };
  const status = Number(await text("/sys/class/watchdog/watchdog0/bootstatus"));
  return status & cardReset ? { boot: "watchdog", text: `boot status 0x${status.toString(16)}` } : undefined;
}

/** The address of the interface that the default route leaves by; else the first that is not ours alone. */
async function readInternalIp(): Promise<string> {
  const routes = (await text("/proc/net/route")).split("\n").slice(1);
  const uplink = routes.map((line) => line.split("\t")).find(([, target]) => target === "00000000")?.[0];
  const interfaces = networkInterfaces();
  const names = uplink === undefined ? Object.keys(interfaces) : [uplink, ...Object.keys(interfaces)];
  for (const name of names) {
    const found = interfaces[name]?.find(({ family, internal }) => family === "IPv4" && !internal);
    if (found !== undefined) return found.address;
  }
  return "";
}

/** Linux counts processor time in these, whatever the kernel's own tick is. */
const nanosPerTick = 10_000_000n;

async function readUsage(): Promise<{ cpuNanos: bigint; memoryUsedBytes: number }> {
  const [stat, meminfo] = await Promise.all([text("/proc/stat"), text("/proc/meminfo")]);
  const [user = 0n, nice = 0n, system = 0n, , , irq = 0n, softirq = 0n] = (
    /^cpu +([\d ]+)/.exec(stat)?.[1] ?? ""
  )
    .split(" ")
    .filter((part) => part !== "")
    .map(BigInt);
  const kib = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  return {
    cpuNanos: (user + nice + system + irq + softirq) * nanosPerTick,
    memoryUsedBytes: (kib("MemTotal") - kib("MemAvailable")) * 1024,
  };
}
