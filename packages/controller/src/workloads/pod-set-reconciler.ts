import type { KubeObject, LabelSelector } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { hasCause, type KindRef, keyOf, type ObjectView, splitKey } from "@selvedge/client";
import { type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, claimable } from "../objects/caches.ts";
import { withoutZeros } from "../objects/counts.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { claim } from "./claims.ts";
import { later } from "./later.ts";
import { Pace } from "./pace.ts";
import { PodControl } from "./pod-control.ts";
import { podOwnerKeys, type WorkloadDeps } from "./pod-owner.ts";

/** An owner that makes Pods and counts them: what a kind of them needs to say of itself. */
export interface PodSetKind<T extends KubeObject> {
  readonly ref: KindRef;
  /** `replicaset-controller`: who tells of its Pods. */
  readonly component: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly cache: (caches: Caches) => ObjectView<T>;
  /** Counts that its status shows even when they are zero. */
  readonly alwaysCounted: readonly string[];
  readonly selector: (set: T) => LabelSelector | undefined;
  /**
   * Decides one step; undefined: it will be woken again. The outcome of making and ending Pods is told to
   * `statusAfter`.
   */
  readonly plan: (set: T, pods: readonly Pod[]) => Promise<PodSetPlan | undefined>;
}

export interface PodSetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Which come first: as many Pods as may be, or as few. */
  readonly first: "create" | "remove";
  /** What to say, and what besides that stands in the status stays. */
  readonly status: object;
  readonly again: number | undefined;
  /** Members that a pass looks at: many are looked at less often. */
  readonly members: number;
  /** What to say when Pods could not be made or ended. */
  readonly failed?: (error: unknown, what: "create" | "remove") => object;
}

/** Keeps the Pods of DaemonSets, ReplicaSets and their like: the same pass for all. The key is `namespace/name`. */
export class PodSetReconciler<T extends KubeObject & { status?: object }> implements Reconciler {
  readonly name: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly #deps: WorkloadDeps;
  readonly #kind: PodSetKind<T>;
  readonly #control: PodControl;
  readonly #pace: Pace;

  constructor(deps: WorkloadDeps, kind: PodSetKind<T>) {
    this.#deps = deps;
    this.#kind = kind;
    this.name = kind.ref.kind.toLowerCase();
    this.reads = kind.reads;
    this.writes = kind.writes;
    this.#pace = new Pace(deps.clock);
    this.#control = new PodControl(deps.cluster, deps.events, kind.component);
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster } = this.#deps;
    const { namespace, name } = splitKey(key);
    const set = this.#kind.cache(caches).get(name, namespace);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) {
      this.#pace.forget(key);
      return settled;
    }
    const pause = this.#pace.wait(key);
    if (pause > 0) return lookAgain("many Pods are moving", pause);
    const candidates = claimable(caches.pods, set);
    const pods = await claim<Pod>(cluster, podKind, set, this.#kind.selector(set), candidates);
    const plan = await this.#kind.plan(set, pods);
    if (plan === undefined) return settled;
    const failure = await this.#act(set, plan);
    await this.#say(set, { ...plan.status, ...failure?.says });
    this.#pace.passed(key, plan.members);
    if (failure !== undefined) throw failure.error;
    return later(plan.again);
  }

  async #act(
    set: T,
    plan: PodSetPlan,
  ): Promise<{ readonly error: unknown; readonly says: object } | undefined> {
    const order = plan.first === "create" ? (["create", "remove"] as const) : (["remove", "create"] as const);
    for (const what of order) {
      try {
        await this.#control[what](set, plan[what]);
      } catch (error) {
        // A namespace that goes takes no more Pods: there is nothing to say or to try.
        if (hasCause(error, "NamespaceTerminating")) return undefined;
        if (plan.failed === undefined) throw error;
        return { error, says: plan.failed(error, what) };
      }
    }
    return undefined;
  }

  async #say({ metadata }: T, says: object): Promise<void> {
    const { name, namespace, uid } = metadata;
    await this.#deps.cluster.changeStatus<T>(this.#kind.ref, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid) return false;
      const status = withoutZeros<Record<string, unknown>>(
        { ...draft.status, ...says },
        this.#kind.alwaysCounted,
      );
      const changed = !jsonEqual(draft.status ?? {}, status);
      draft.status = status;
      return changed;
    });
  }
}

export function podSetWakes<T extends KubeObject>({ ref, cache }: PodSetKind<T>, caches: Caches): Wake[] {
  const keysIn = (namespace: string): string[] => cache(caches).by("namespace", namespace).map(keyOf);
  return [
    wakeOn<T>(ref, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<Pod>(podKind, (before, after) => podOwnerKeys(ref.kind, before, after, keysIn)),
  ];
}
