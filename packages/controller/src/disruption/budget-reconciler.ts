import { type Clock, jsonEqual } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import { type Pod, type PodDisruptionBudget, podDisruptionBudgetKind, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, controllerOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { isReady } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { budgetStatus, covers, evictionLasts } from "./budget-plan.ts";

export interface BudgetDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
}

/** Says how many Pods a budget lets go now. The key is `namespace/name`. */
export class BudgetReconciler implements Reconciler {
  readonly name = "disruption";
  readonly reads: readonly string[] = ["PodDisruptionBudget", "Pod", "owners of Pods"];
  readonly writes: readonly string[] = ["PodDisruptionBudget.status"];
  readonly #deps: BudgetDeps;

  constructor(deps: BudgetDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const budget = caches.budgets.get(name, namespace);
    if (budget === undefined) return settled;
    const pods = caches.pods.by("namespace", namespace).filter((pod) => covers(budget, pod));
    const expected = expectedOf(budget, pods, caches);
    let waits = false;
    await cluster.changeStatus<PodDisruptionBudget>(podDisruptionBudgetKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== budget.metadata.uid) return false;
      const status = budgetStatus({ budget: draft, pods, expected, now: clock.now() });
      waits = status.disruptedPods !== undefined;
      if (jsonEqual(draft.status ?? {}, status)) return false;
      draft.status = status;
      return true;
    });
    return waits ? lookAgain("Pods are about to go", evictionLasts) : settled;
  }
}

/** As upstream: a number of Pods that must stay needs no owners, everything else goes by what they want. */
function expectedOf(
  { spec }: PodDisruptionBudget,
  pods: readonly Pod[],
  caches: Caches,
): number | { readonly fault: string } {
  const byNumber = spec.maxUnavailable === undefined && typeof (spec.minAvailable ?? 0) === "number";
  if (byNumber) return pods.length;
  const wanted = new Map<string, number>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    // One without an owner stands for itself where nothing else is known of it.
    if (owner === undefined) return { fault: `found no controller ref for pod "${pod.metadata.name}"` };
    const count = replicasOf(owner, pod.metadata.namespace ?? "", caches);
    if (count === undefined)
      return { fault: `${owner.kind} ${owner.name} does not implement the scale subresource` };
    wanted.set(count.uid, count.replicas);
  }
  return [...wanted.values()].reduce((sum, count) => sum + count, 0);
}

function replicasOf(
  owner: { readonly kind: string; readonly name: string; readonly uid: string },
  namespace: string,
  caches: Caches,
): { readonly uid: string; readonly replicas: number } | undefined {
  if (owner.kind === "ReplicaSet") {
    const set = caches.replicaSets.get(owner.name, namespace);
    const above = set && controllerOf(set);
    const deployment =
      above?.kind === "Deployment" ? caches.deployments.get(above.name, namespace) : undefined;
    if (deployment !== undefined) return { uid: above?.uid ?? "", replicas: deployment.spec.replicas ?? 1 };
    return set && { uid: owner.uid, replicas: set.spec.replicas ?? 1 };
  }
  if (owner.kind === "StatefulSet") {
    const set = caches.statefulSets.get(owner.name, namespace);
    return set && { uid: owner.uid, replicas: set.spec.replicas ?? 1 };
  }
  if (owner.kind === "ReplicationController") {
    const set = caches.replicationControllers.get(owner.name, namespace);
    return set && { uid: owner.uid, replicas: set.spec.replicas ?? 1 };
  }
  return undefined;
}

export function budgetWakes(caches: Caches): Wake[] {
  return [
    wakeOn<PodDisruptionBudget>(podDisruptionBudgetKind, (_before, after) =>
      after === undefined ? [] : [keyOf(after)],
    ),
    wakeOn<Pod>(podKind, (before, after) => {
      const pod = after ?? before;
      if (pod === undefined) return [];
      const seen = (one: Pod | undefined): unknown =>
        one && [isReady(one), one.status?.phase, one.metadata.deletionTimestamp, one.metadata.labels];
      if (before !== undefined && after !== undefined && jsonEqual(seen(before), seen(after))) return [];
      return caches.budgets
        .by("namespace", pod.metadata.namespace ?? "")
        .filter((budget) => [before, after].some((one) => one !== undefined && covers(budget, one)))
        .map(keyOf);
    }),
  ];
}
