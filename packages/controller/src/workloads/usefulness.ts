import type { Pod } from "@selvedge/kinds";
import { conditionOf } from "../objects/conditions.ts";
import { isReady } from "../objects/pods.ts";

/** The ones that serve least first: on no node, not running, not ready, crowded, newest. */
export function leastUseful(pods: readonly Pod[]): Pod[] {
  const crowd = new Map<string, number>();
  for (const { spec } of pods) crowd.set(spec.nodeName ?? "", (crowd.get(spec.nodeName ?? "") ?? 0) + 1);
  const phases = ["Pending", "Unknown", "Running"];
  const rank = (pod: Pod): (number | string)[] => [
    pod.spec.nodeName ? 1 : 0,
    phases.indexOf(pod.status?.phase ?? "Pending"),
    isReady(pod) ? 1 : 0,
    // Of equals, the one whose node has the most of them.
    -(crowd.get(pod.spec.nodeName ?? "") ?? 0),
    ...readySince(pod),
    -restarts(pod),
    // Text that sorts the newest first.
    -(Date.parse(pod.metadata.creationTimestamp ?? "") || 0),
    pod.metadata.name,
  ];
  const ranks = new Map(pods.map((pod) => [pod, rank(pod)]));
  return [...pods].sort((left, right) => compare(ranks.get(left) ?? [], ranks.get(right) ?? []));
}

function readySince(pod: Pod): number[] {
  const since = conditionOf(pod.status?.conditions, "Ready")?.lastTransitionTime;
  return [-(Date.parse(since ?? "") || 0)];
}

function restarts({ status }: Pod): number {
  return (status?.containerStatuses ?? []).reduce(
    (most, { restartCount }) => Math.max(most, restartCount),
    0,
  );
}

function compare(left: readonly (number | string)[], right: readonly (number | string)[]): number {
  for (const [at, value] of left.entries()) {
    const other = right[at] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}
