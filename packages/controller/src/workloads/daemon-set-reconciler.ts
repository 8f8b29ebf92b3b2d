import { jsonEqual } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import { type DaemonSet, daemonSetKind, type Node, nodeKind, type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, claimable } from "../objects/caches.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { claim } from "./claims.ts";
import { planDaemonSet } from "./daemon-set-plan.ts";
import { planHistory, revisionHashLabel } from "./history.ts";
import { keepHistory } from "./keep-history.ts";
import { later } from "./later.ts";
import { Pace } from "./pace.ts";
import { PodControl } from "./pod-control.ts";
import { podOwnerKeys, type WorkloadDeps } from "./pod-owner.ts";

/** Keeps one Pod of a DaemonSet on every node that matches. The key is `namespace/name`. */
export class DaemonSetReconciler implements Reconciler {
  readonly name = "daemonset";
  readonly reads: readonly string[] = ["DaemonSet", "ControllerRevision", "Pod", "Node"];
  readonly writes: readonly string[] = ["ControllerRevision", "Pod (of a DaemonSet)", "DaemonSet.status"];
  readonly #deps: WorkloadDeps;
  readonly #control: PodControl;
  readonly #pace: Pace;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
    this.#pace = new Pace(deps.clock);
    this.#control = new PodControl(deps.cluster, deps.events, "daemonset-controller");
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const set = caches.daemonSets.get(name, namespace);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) {
      this.#pace.forget(key);
      return settled;
    }
    const pause = this.#pace.wait(key);
    if (pause > 0) return lookAgain("many Pods are moving", pause);
    const { selector } = set.spec;
    const candidates = claimable(caches.pods, set);
    const pods = await claim<Pod>(cluster, podKind, set, selector, candidates);
    const revisions = caches.revisions.by("owner", set.metadata.uid ?? "");
    const used = new Set(pods.map(({ metadata }) => metadata.labels?.[revisionHashLabel]));
    const history = planHistory(set, revisions, (one) => used.has(one.metadata.labels?.[revisionHashLabel]));
    if (!(await keepHistory(this.#deps, daemonSetKind, set, history))) return settled;
    const { hash } = history;
    const nodes = caches.nodes.list();
    const plan = planDaemonSet({ set, hash, nodes, pods, now: clock.now() });
    await this.#control.remove(
      set,
      plan.remove.map(({ pod }) => pod),
    );
    await this.#control.create(set, plan.create);
    await cluster.changeStatus<DaemonSet>(daemonSetKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== set.metadata.uid) return false;
      const status = { ...draft.status, ...plan.status };
      const changed = !jsonEqual(draft.status ?? {}, status);
      draft.status = status;
      return changed;
    });
    this.#pace.passed(key, nodes.length);
    return later(plan.again);
  }
}

export function daemonSetWakes(caches: Caches): Wake[] {
  const keysIn = (namespace: string): string[] => caches.daemonSets.by("namespace", namespace).map(keyOf);
  return [
    wakeOn<DaemonSet>(daemonSetKind, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<Pod>(podKind, (before, after) => podOwnerKeys("DaemonSet", before, after, keysIn)),
    wakeOn<Node>(nodeKind, (before, after) => {
      const seen = (node: Node | undefined): unknown => [node?.metadata.labels, node?.spec];
      if (before !== undefined && after !== undefined && jsonEqual(seen(before), seen(after))) return [];
      return caches.daemonSets.list().map(keyOf);
    }),
  ];
}
