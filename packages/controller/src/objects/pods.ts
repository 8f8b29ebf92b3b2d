import { parseQuantity } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import type { Container, Pod, PodStatus } from "@selvedge/kinds";
import { conditionOf } from "./conditions.ts";

/** What several reconcilers ask of a Pod. */

/** All its containers have ended for good. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Somebody asked for its end. */
export function isGoing({ metadata }: Pod): boolean {
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

/** Kubernetes' three classes of service, from what the containers ask for. */
export function qosClass({ spec }: Pod): NonNullable<PodStatus["qosClass"]> {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const asks = (container: Container): boolean =>
    [container.resources?.limits, container.resources?.requests].some((list) =>
      ["cpu", "memory"].some((resource) => positive(list?.[resource])),
    );
  if (!containers.some(asks)) return "BestEffort";
  const guaranteed = containers.every(({ resources = {} }) =>
    ["cpu", "memory"].every((resource) => {
      const limit = parseQuantity(resources.limits?.[resource] ?? "");
      const request = parseQuantity(resources.requests?.[resource] ?? resources.limits?.[resource] ?? "");
      return limit !== undefined && limit > 0n && request === limit;
    }),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

function positive(text: string | undefined): boolean {
  return text !== undefined && (parseQuantity(text) ?? 0n) > 0n;
}
