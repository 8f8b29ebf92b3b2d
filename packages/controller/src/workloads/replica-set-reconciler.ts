import { jsonEqual } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import { type Pod, podKind, type ReplicaSet, replicaSetKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, claimable } from "../objects/caches.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { claim } from "./claims.ts";
import { later } from "./later.ts";
import { Pace } from "./pace.ts";
import { PodControl } from "./pod-control.ts";
import { podOwnerKeys, type WorkloadDeps } from "./pod-owner.ts";
import { planReplicaSet } from "./replica-set-plan.ts";

/** Keeps as many Pods of a ReplicaSet as it wants. The key is `namespace/name`. */
export class ReplicaSetReconciler implements Reconciler {
  readonly name = "replicaset";
  readonly reads: readonly string[] = ["ReplicaSet", "Pod"];
  readonly writes: readonly string[] = ["Pod (of a ReplicaSet)", "ReplicaSet.status"];
  readonly #deps: WorkloadDeps;
  readonly #control: PodControl;
  readonly #pace: Pace;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
    this.#pace = new Pace(deps.clock);
    this.#control = new PodControl(deps.cluster, deps.events, "replicaset-controller");
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const set = caches.replicaSets.get(name, namespace);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) {
      this.#pace.forget(key);
      return settled;
    }
    const pause = this.#pace.wait(key);
    if (pause > 0) return lookAgain("many Pods are moving", pause);
    const candidates = claimable(caches.pods, set);
    const pods = await claim<Pod>(cluster, podKind, set, set.spec.selector, candidates);
    const plan = planReplicaSet(set, pods, clock.now());
    await this.#control.create(set, plan.create);
    await this.#control.remove(set, plan.remove);
    await cluster.changeStatus<ReplicaSet>(replicaSetKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== set.metadata.uid) return false;
      const status = { ...draft.status, ...plan.status };
      const changed = !jsonEqual(draft.status ?? {}, status);
      draft.status = status;
      return changed;
    });
    this.#pace.passed(key, pods.length);
    return later(plan.again);
  }
}

export function replicaSetWakes(caches: Caches): Wake[] {
  const keysIn = (namespace: string): string[] => caches.replicaSets.by("namespace", namespace).map(keyOf);
  return [
    wakeOn<ReplicaSet>(replicaSetKind, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<Pod>(podKind, (before, after) => podOwnerKeys("ReplicaSet", before, after, keysIn)),
  ];
}
