import { type Clock, type Instant, instant, jsonEqual, millis } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import { type Node, nodeKind, type Pod, podKind, type Taint } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { tolerates } from "./node-match.ts";

export interface TaintDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/**
 * When a Pod must leave a node because of its NoExecute taints; undefined: never. A taint that is tolerated
 * for a while counts from when it was set, or was first seen. Pure.
 */
export function leaveAt(
  pod: Pod,
  taints: readonly Taint[],
  firstSeen: (taint: Taint) => Instant,
): Instant | undefined {
  let earliest: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== "NoExecute") continue;
    const fitting = (pod.spec.tolerations ?? []).filter((one) => tolerates(one, taint));
    const since = Date.parse(taint.timeAdded ?? "") || firstSeen(taint);
    const limits = fitting.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
    if (fitting.length > 0 && limits.length === 0) continue;
    const at = fitting.length === 0 ? 0 : since + Math.max(0, Math.min(...limits)) * 1000;
    earliest = Math.min(earliest ?? at, at);
  }
  return earliest === undefined ? undefined : instant(earliest);
}

/** Ends Pods whose node has a taint that they do not tolerate, or not any longer. The key is `namespace/name`. */
export class TaintReconciler implements Reconciler {
  readonly name = "taints";
  readonly reads: readonly string[] = ["Pod", "Node"];
  readonly writes: readonly string[] = ["Pod removal (by taint)", "Pod.status.conditions.DisruptionTarget"];
  readonly #deps: TaintDeps;
  /** When a taint without a time was first seen, by node and taint; forgotten with the node. */
  readonly #seen = new Map<string, Map<string, Instant>>();

  constructor(deps: TaintDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, clock, cluster, events } = this.#deps;
    const { namespace, name } = splitKey(key);
    const pod = caches.pods.get(name, namespace);
    if (pod === undefined || isGoing(pod) || isOver(pod) || !pod.spec.nodeName) return settled;
    const node = caches.nodes.get(pod.spec.nodeName);
    const taints = (node?.spec.taints ?? []).filter(({ effect }) => effect === "NoExecute");
    const seen = this.#keepSeen(pod.spec.nodeName, taints);
    const at = leaveAt(pod, taints, (taint) => seen.get(nameOf(taint)) ?? clock.now());
    if (at === undefined) return settled;
    const left = at - clock.now();
    if (left > 0) return lookAgain("it tolerates a taint for a while", millis(Math.min(left, longest)));
    const why = "Taint manager: deleting due to NoExecute taint";
    await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== pod.metadata.uid) return false;
      draft.status = { ...draft.status };
      draft.status.conditions ??= [];
      const says = {
        type: "DisruptionTarget",
        status: "True",
        reason: "DeletionByTaintManager",
        message: why,
      } as const;
      return setCondition(draft.status.conditions, says, clock.now());
    });
    const message = `Marking for deletion Pod ${key}`;
    await events.record(pod, {
      type: "Normal",
      reason: "TaintManagerEviction",
      message,
      component: "taint-eviction-controller",
    });
    await cluster.delete(podKind, pod);
    return settled;
  }

  #keepSeen(nodeName: string, taints: readonly Taint[]): ReadonlyMap<string, Instant> {
    if (taints.length === 0) {
      this.#seen.delete(nodeName);
      return new Map();
    }
    const before = this.#seen.get(nodeName);
    const now = this.#deps.clock.now();
    const seen = new Map(taints.map((taint) => [nameOf(taint), before?.get(nameOf(taint)) ?? now]));
    this.#seen.set(nodeName, seen);
    return seen;
  }
}

/** Timers of longer spans fire at once; a look an hour costs nothing. */
const longest = 3_600_000;

function nameOf({ key, value = "", effect }: Taint): string {
  return `${key}=${value}:${effect}`;
}

export function taintWakes(caches: Caches): Wake[] {
  const hasTaint = (name: string | undefined): boolean =>
    caches.nodes.get(name ?? "")?.spec.taints?.some(({ effect }) => effect === "NoExecute") === true;
  return [
    wakeOn<Pod>(podKind, (before, after) => {
      if (after === undefined || !hasTaint(after.spec.nodeName)) return [];
      return before !== undefined && jsonEqual(before.spec, after.spec) ? [] : [keyOf(after)];
    }),
    wakeOn<Node>(nodeKind, (before, after) => {
      if (after === undefined || jsonEqual(before?.spec.taints ?? [], after.spec.taints ?? [])) return [];
      return caches.pods.by("node", after.metadata.name).map(keyOf);
    }),
  ];
}
