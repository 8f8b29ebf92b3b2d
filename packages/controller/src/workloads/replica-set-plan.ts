import type { Instant } from "@selvedge/base";
import type { Pod, ReplicaSet, ReplicaSetStatus } from "@selvedge/kinds";
import { conditionOf } from "../objects/conditions.ts";
import { isAvailable, isGoing, isOver, isReady } from "../objects/pods.ts";
import { replacementDelay } from "./failed-pods.ts";
import { podFromTemplate } from "./template.ts";

export interface ReplicaSetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly status: ReplicaSetStatus;
  readonly again: number | undefined;
}

/** As upstream: no more Pods at once from one pass, so that a mistaken number does little harm. */
const burst = 500;

/** Decides one step for a ReplicaSet: as many Pods as it wants, the least useful ones removed first. Pure. */
export function planReplicaSet(set: ReplicaSet, pods: readonly Pod[], now: Instant): ReplicaSetPlan {
  const active = pods.filter((pod) => !isOver(pod) && !isGoing(pod));
  const failed = pods.filter((pod) => pod.status?.phase === "Failed" && !isGoing(pod));
  const wanted = set.spec.replicas ?? 1;
  const missing = wanted - active.length;
  const delay = missing > 0 ? replacementDelay(failed, now) : 0;
  const minReady = set.spec.minReadySeconds ?? 0;
  const maturing = minReady > 0 && active.some((pod) => isReady(pod) && !isAvailable(pod, minReady, now));
  const times = [...(delay > 0 ? [delay] : []), ...(maturing ? [minReady * 1000] : [])];
  const { template } = set.spec;
  const makes = missing > 0 && delay === 0 && template !== undefined ? Math.min(missing, burst) : 0;
  return {
    create: Array.from({ length: makes }, () =>
      podFromTemplate(set, template ?? { spec: { containers: [] } }),
    ),
    remove: missing < 0 ? byUsefulness(active).slice(0, -missing) : [],
    status: statusOf(set, active, pods, now),
    again: times.length > 0 ? Math.min(...times) : undefined,
  };
}

/** The ones that serve least first: on no node, not running, not ready, crowded, newest. */
function byUsefulness(pods: readonly Pod[]): Pod[] {
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

function statusOf(
  set: ReplicaSet,
  active: readonly Pod[],
  all: readonly Pod[],
  now: Instant,
): ReplicaSetStatus {
  const labels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const full = active.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value));
  return {
    replicas: active.length,
    fullyLabeledReplicas: full.length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length,
    terminatingReplicas: all.filter(isGoing).length,
    observedGeneration: set.metadata.generation ?? 0,
  };
}
