import type { Instant } from "@selvedge/base";
import type { Pod } from "@selvedge/kinds";
import { conditionOf } from "./conditions.ts";

/** What several reconcilers ask of a Pod. */

/** All its containers have ended for good. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Somebody asked for its end. */
export function isGoing({ metadata }: Pick<Pod, "metadata">): boolean {
  return metadata.deletionTimestamp !== undefined;
}

export function isReady({ status }: Pod): boolean {
  return conditionOf(status?.conditions, "Ready")?.status === "True";
}

/** Ready for at least so long. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: Instant): boolean {
  const ready = conditionOf(pod.status?.conditions, "Ready");
  if (ready?.status !== "True") return false;
  if (minReadySeconds === 0) return true;
  const since = Date.parse(ready.lastTransitionTime ?? "");
  return Number.isFinite(since) && now - since >= minReadySeconds * 1000;
}
