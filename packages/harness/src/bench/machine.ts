import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, release, totalmem } from "node:os";

/** The machine in one line: figures mean nothing without it. */
export function describeMachine(): string {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? process.arch;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const kvm = existsSync("/dev/kvm") ? "/dev/kvm present" : "no /dev/kvm: software emulation";
  return [
    `${availableParallelism()} cores of ${model}`,
    memory,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
    kvm,
  ].join(", ");
}
