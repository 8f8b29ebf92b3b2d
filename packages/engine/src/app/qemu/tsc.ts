import { readFileSync } from "node:fs";

/** The rate of the host's time stamp counter, as the guest must be told it when emulated. */
export function hostTscKhz(): number {
  const mhz = /^cpu MHz\s*:\s*([\d.]+)/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  if (mhz === undefined)
    throw new Error("/proc/cpuinfo has no cpu MHz; this host cannot run emulated guests");
  return Math.round(Number(mhz) * 1000);
}
