import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import type { Clock } from "@selvedge/base";
import { jsonEqual } from "@selvedge/base";
import {
  type Namespace,
  type Node,
  namespaceKind,
  nodeKind,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimKind,
  podKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import { type Caches, unplaced, waryPods } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { Allocations } from "./allocations.ts";
import { claimNeeds } from "./claim-needs.ts";
import { neighboursOf, type PlacedPods } from "./neighbours.ts";
import { placePod } from "./scheduling-plan.ts";

export interface SchedulerDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

const component = "default-scheduler";
/** Decisions depend on each other, so there is one key: one decision after another. */
export const schedulerKey = "all";

/** Gives every Pod that has none a node. */
export class SchedulerReconciler implements Reconciler {
  readonly name = "scheduler";
  readonly reads: readonly string[] = [
    ...["Pod", "Node", "PersistentVolumeClaim", "PersistentVolume", "Namespace"],
  ];
  readonly writes: readonly string[] = ["Pod.spec.nodeName", "Pod.status.conditions.PodScheduled"];
  readonly #deps: SchedulerDeps;
  readonly #taken: Allocations;
  readonly #placed: PlacedPods;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#taken = new Allocations(deps.caches.pods);
    this.#placed = placedPods(deps.caches);
  }

  async reconcile(_key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches } = this.#deps;
    const waiting = caches.pods.by("node", unplaced).filter(isOurs).sort(byTurn);
    const nodes = caches.nodes.list();
    for (const pod of waiting) {
      if (signal.aborted) break;
      const placement = placePod(
        pod,
        nodes,
        this.#taken,
        (name) => caches.nodes.get(name),
        claimNeeds(pod, caches),
        neighboursOf(pod, nodes, this.#placed),
      );
      if (placement.type === "place") await this.#place(pod, placement.nodeName);
      else await this.#refuse(pod, placement.message);
    }
    return settled;
  }

  async #place(pod: Pod, nodeName: string): Promise<void> {
    const { cluster, clock, events } = this.#deps;
    const { name, namespace, uid } = pod.metadata;
    const place = (draft: Pod): boolean => {
      if (draft.metadata.uid !== uid || draft.spec.nodeName || isGoing(draft)) return false;
      draft.spec.nodeName = nodeName;
      return true;
    };
    const binding = { subresource: "binding" };
    const placed = await cluster.change<Pod>(podKind, name, namespace, place, binding);
    if (placed?.spec.nodeName !== nodeName) return;
    await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid) return false;
      draft.status = { phase: "Pending", ...draft.status };
      draft.status.conditions ??= [];
      return setCondition(draft.status.conditions, { type: "PodScheduled", status: "True" }, clock.now());
    });
    const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
    await events.record(placed, { type: "Normal", reason: "Scheduled", message, component });
  }

  async #refuse(pod: Pod, message: string): Promise<void> {
    const { cluster, clock, events } = this.#deps;
    const { name, namespace, uid } = pod.metadata;
    let changed = false;
    const says = { type: "PodScheduled", status: "False", reason: "Unschedulable", message } as const;
    const told = await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid || draft.spec.nodeName) return false;
      draft.status = { phase: "Pending", ...draft.status };
      draft.status.conditions ??= [];
      changed = setCondition(draft.status.conditions, says, clock.now());
      return changed;
    });
    if (changed && told !== undefined) {
      await events.record(told, { type: "Warning", reason: "FailedScheduling", message, component });
    }
  }
}

function placedPods({ pods, nodes, namespaces }: Caches): PlacedPods {
  const counts = (pod: Pod): boolean => Boolean(pod.spec.nodeName) && !isOver(pod);
  return {
    inNamespace: (namespace) => pods.by("namespace", namespace).filter(counts),
    wary: () => pods.by("wary", waryPods).filter(counts),
    namespaces: (selector) =>
      namespaces.list().flatMap(({ metadata }) => {
        const requirements = requirementsOf(selector) ?? [];
        return matchesLabels(requirements, metadata.labels) ? [metadata.name] : [];
      }),
    node: (name) => nodes.get(name),
  };
}

/** A Pod that waits, a node that changed in a way that matters, or room that was made. */
export function schedulerWakes(): Wake[] {
  return [
    wakeOn<Pod>(podKind, (before, after) => {
      const waits = after !== undefined && !after.spec.nodeName && isOurs(after);
      const changed = before === undefined || !jsonEqual(before.spec, after?.spec);
      const freed =
        before?.spec.nodeName && !isOver(before) && (after === undefined || isOver(after)) ? true : false;
      // Others may want to be near it, or away from it.
      const moved =
        after !== undefined &&
        (before?.spec.nodeName !== after.spec.nodeName ||
          !jsonEqual(before?.metadata.labels, after.metadata.labels));
      return (waits && changed) || freed || moved ? [schedulerKey] : [];
    }),
    wakeOn<Namespace>(namespaceKind, (before, after) =>
      before !== undefined && jsonEqual(before.metadata.labels, after?.metadata.labels) ? [] : [schedulerKey],
    ),
    // A claim that is bound, or is there at last, may let a Pod be placed.
    wakeOn<PersistentVolumeClaim>(persistentVolumeClaimKind, () => [schedulerKey]),
    wakeOn<Node>(nodeKind, (before, after) => {
      const seen = (node: Node | undefined): unknown => ({
        labels: node?.metadata.labels,
        taints: node?.spec.taints,
        cordoned: node?.spec.unschedulable,
        allocatable: node?.status?.allocatable,
      });
      return before !== undefined && after !== undefined && jsonEqual(seen(before), seen(after))
        ? []
        : [schedulerKey];
    }),
  ];
}

/** Pods with a scheduler of their own, or gates, are somebody else's to place. */
function isOurs({ metadata, spec, status }: Pod): boolean {
  const mine = spec.schedulerName === undefined || spec.schedulerName === "default-scheduler";
  const over = status?.phase === "Succeeded" || status?.phase === "Failed";
  return (
    mine && !over && metadata.deletionTimestamp === undefined && (spec.schedulingGates ?? []).length === 0
  );
}

/** The more important first, then the older. */
function byTurn(left: Pod, right: Pod): number {
  const priority = (right.spec.priority ?? 0) - (left.spec.priority ?? 0);
  if (priority !== 0) return priority;
  const age = ({ metadata }: Pod): string => `${metadata.creationTimestamp ?? ""} ${metadata.uid ?? ""}`;
  return age(left) < age(right) ? -1 : 1;
}
