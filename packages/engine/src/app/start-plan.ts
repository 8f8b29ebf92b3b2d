/** What a machine or a container begins with, from what is known of those before it. Pure. */
import type { AppSpec } from "../desired.ts";
import { type ContainerRecord, ownContainers } from "./app-record.ts";

/** The first delay after a crash, and the longest, as in Kubernetes. */
const backoffFirstMs = 10_000;
const backoffMaxMs = 300_000;
/** Disks are sparse: an app without a limit of its own may write this much. */
const scratchDefaultBytes = 8 * 2 ** 30;
/** A file system has tables of its own. */
const scratchLeastBytes = 64 * 2 ** 20;

/** Init containers run again in every machine; what ended for good in the others stays ended. */
export function forNewMachine(container: ContainerRecord): ContainerRecord {
  if (container.role !== "init" || container.phase.kind !== "ended") return container;
  return { ...container, phase: { kind: "idle" }, last: container.phase.end };
}

/** The first crash is answered at once; each further one waits twice as long as the one before. */
export function nextBackoff({ backoffMs }: ContainerRecord, restarts: number): number {
  if (restarts === 0) return 0;
  return backoffMs === 0 ? backoffFirstMs : Math.min(backoffMaxMs, backoffMs * 2);
}

export function scratchBytes(spec: AppSpec): number {
  const limits = ownContainers(spec).map(({ container }) =>
    Number(container.resources?.ephemeralStorageLimitBytes ?? 0n),
  );
  const sum = limits.some((it) => it === 0) ? 0 : limits.reduce((total, it) => total + it, 0);
  return sum > 0 ? Math.max(sum, scratchLeastBytes) : scratchDefaultBytes;
}
