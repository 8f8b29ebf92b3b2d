import {
  type ReplicaSet,
  type ReplicationController,
  replicaSetKind,
  replicationControllerKind,
} from "@selvedge/kinds";
import type { Caches } from "../objects/caches.ts";
import type { Wake } from "../objects/wiring.ts";
import type { WorkloadDeps } from "./pod-owner.ts";
import { type PodSetKind, type PodSetPlan, PodSetReconciler, podSetWakes } from "./pod-set-reconciler.ts";
import { failureStatus, planReplicaSet, type Replicated } from "./replica-set-plan.ts";

type Plan<T> = PodSetKind<T & ReplicaSet>["plan"];

function planWith({
  clock,
}: WorkloadDeps): (set: Replicated, pods: Parameters<Plan<unknown>>[1]) => Promise<PodSetPlan> {
  return async (set, pods) => ({
    ...planReplicaSet(set, pods, clock.now()),
    ...{ first: "create", members: pods.length },
    failed: (error, what) => failureStatus(set, error, what, clock.now()),
  });
}

function replicaSets(deps: WorkloadDeps): PodSetKind<ReplicaSet> {
  return {
    ...{ ref: replicaSetKind, component: "replicaset-controller" },
    ...{ reads: ["ReplicaSet", "Pod"], writes: ["Pod (of a ReplicaSet)", "ReplicaSet.status"] },
    alwaysCounted: ["replicas"],
    cache: ({ replicaSets: cache }) => cache,
    selector: ({ spec }) => spec.selector,
    plan: planWith(deps),
  };
}

function replicationControllers(deps: WorkloadDeps): PodSetKind<ReplicationController> {
  return {
    ...{ ref: replicationControllerKind, component: "replication-controller" },
    reads: ["ReplicationController", "Pod"],
    writes: ["Pod (of a ReplicationController)", "ReplicationController.status"],
    alwaysCounted: ["replicas"],
    cache: ({ replicationControllers: cache }) => cache,
    selector: ({ spec }) => ({ matchLabels: spec.selector ?? {} }),
    plan: planWith(deps),
  };
}

interface Wiring {
  readonly reconciler: PodSetReconciler<ReplicaSet> | PodSetReconciler<ReplicationController>;
  readonly wakes: Wake[];
}

/** Keeps as many Pods of each ReplicaSet as it wants. */
export function replicaSetWiring(deps: WorkloadDeps & { readonly caches: Caches }): Wiring {
  const kind = replicaSets(deps);
  return { reconciler: new PodSetReconciler(deps, kind), wakes: podSetWakes(kind, deps.caches) };
}

/** The same of what there was before ReplicaSets. */
export function replicationControllerWiring(deps: WorkloadDeps & { readonly caches: Caches }): Wiring {
  const kind = replicationControllers(deps);
  return { reconciler: new PodSetReconciler(deps, kind), wakes: podSetWakes(kind, deps.caches) };
}
