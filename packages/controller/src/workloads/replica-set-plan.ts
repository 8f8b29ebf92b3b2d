import type { Instant } from "@selvedge/base";
import type { Pod, ReplicaSet, ReplicaSetStatus, ReplicationController } from "@selvedge/kinds";
import { setCondition } from "../objects/conditions.ts";
import { isAvailable, isGoing, isOver, isReady } from "../objects/pods.ts";
import { replacementDelay } from "./failed-pods.ts";
import { refusalText } from "./pod-control.ts";
import { podFromTemplate } from "./template.ts";
import { leastUseful } from "./usefulness.ts";

/** What keeps a number of Pods from one template. */
export type Replicated = ReplicaSet | ReplicationController;

export interface ReplicaSetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly status: ReplicaSetStatus;
  readonly again: number | undefined;
}

/** As upstream: no more Pods at once from one pass, so that a mistaken number does little harm. */
const burst = 500;

/** Decides one step for a ReplicaSet: as many Pods as it wants, the least useful ones removed first. Pure. */
export function planReplicaSet(set: Replicated, pods: readonly Pod[], now: Instant): ReplicaSetPlan {
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
    remove: missing < 0 ? leastUseful(active).slice(0, -missing) : [],
    status: statusOf(set, active, pods, now),
    again: times.length > 0 ? Math.min(...times) : undefined,
  };
}

function statusOf(
  set: Replicated,
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
    // The older kind has no such count.
    ...(set.kind === "ReplicaSet" && { terminatingReplicas: all.filter(isGoing).length }),
    observedGeneration: set.metadata.generation ?? 0,
    conditions: (set.status?.conditions ?? []).filter(({ type }) => type !== replicaFailure),
  };
}

export const replicaFailure = "ReplicaFailure";

/** What to say when a Pod could not be made or ended. */
export function failureStatus(
  { status }: Replicated,
  error: unknown,
  what: "create" | "remove",
  now: Instant,
): Pick<ReplicaSetStatus, "conditions"> {
  const conditions = structuredClone(status?.conditions ?? []);
  // Why names the Pod, which is another each time: what has been said once stands.
  const reason = what === "create" ? "FailedCreate" : "FailedDelete";
  if (!conditions.some((one) => one.type === replicaFailure && one.reason === reason)) {
    setCondition(
      conditions,
      { type: replicaFailure, status: "True", reason, message: refusalText(error) },
      now,
    );
  }
  return { conditions };
}
