import type { Clock } from "@selvedge/base";
import { jsonEqual, Turns } from "@selvedge/base";
import {
  type EdgeNode,
  edgeNodeKind,
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
import { type Caches, unplaced } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { conditionOf, setCondition } from "../objects/conditions.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { Allocations, priorityOf } from "./allocations.ts";
import { claimNeeds } from "./claim-needs.ts";
import { fleetFor, isInMaintenance } from "./fleet.ts";
import { Preemptor } from "./preemptor.ts";
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

/** Gives every Pod that has none a node, or room to come on one. */
export class SchedulerReconciler implements Reconciler {
  readonly name = "scheduler";
  readonly reads: readonly string[] = [
    ...["Pod", "Node", "PersistentVolumeClaim", "PersistentVolume", "Namespace", "PodDisruptionBudget"],
    "EdgeNode",
  ];
  readonly writes: readonly string[] = [
    ...["Pod.spec.nodeName", "Pod.status.conditions.PodScheduled", "Pod.status.nominatedNodeName"],
    ...["Pod removal (by preemption)", "Pod.status.conditions.DisruptionTarget (by preemption)"],
  ];
  readonly #deps: SchedulerDeps;
  readonly #taken: Allocations;
  readonly #preemptor: Preemptor;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#taken = new Allocations(deps.caches.pods);
    this.#preemptor = new Preemptor(deps, component);
  }

  async reconcile(_key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches, clock } = this.#deps;
    const waiting = caches.pods.by("node", unplaced).filter(isOurs).sort(byTurn);
    const turns = new Turns(clock);
    for (const { metadata } of waiting) {
      await turns.rest();
      if (signal.aborted) break;
      // Decisions for those before may have changed it.
      const pod = caches.pods.get(metadata.name, metadata.namespace);
      if (pod === undefined || pod.metadata.uid !== metadata.uid || pod.spec.nodeName) continue;
      if (isOurs(pod)) await this.#decide(pod);
    }
    return settled;
  }

  async #decide(pod: Pod): Promise<void> {
    const { caches } = this.#deps;
    const nodes = caches.nodes.list();
    const find = (name: string): Node | undefined => caches.nodes.get(name);
    const fleet = fleetFor(pod, nodes, caches, this.#taken);
    const needs = claimNeeds(pod, caches);
    const placement = placePod(pod, nodes, fleet.taken, find, needs, fleet.neighbours);
    if (placement.type === "place") return await this.#place(pod, placement.nodeName);
    // In most fleets nobody is less important than anybody.
    const preemption = this.#taken.hasLower(priorityOf(pod))
      ? this.#preemptor.plan(pod, nodes, fleet, needs)
      : undefined;
    const why = preemption?.type === "none" ? ` preemption: ${preemption.why}` : "";
    const nodeName = preemption?.type === "preempt" ? preemption.nodeName : undefined;
    const told = await this.#refuse(pod, `${placement.message}${why}`, nodeName);
    if (told && preemption?.type === "preempt") await this.#preemptor.preempt(pod, preemption);
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
      const { nominatedNodeName, ...status } = draft.status ?? {};
      draft.status = { phase: "Pending", ...status };
      draft.status.conditions ??= [];
      const says = { type: "PodScheduled", status: "True" } as const;
      return setCondition(draft.status.conditions, says, clock.now()) || nominatedNodeName !== undefined;
    });
    const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
    await events.record(placed, { type: "Normal", reason: "Scheduled", message, component });
  }

  /** Says why it waits, and where room is made for it. Returns whether it still waits. */
  async #refuse(pod: Pod, message: string, nominatedNodeName: string | undefined): Promise<boolean> {
    const { cluster, clock, events } = this.#deps;
    const { name, namespace, uid } = pod.metadata;
    const waits = (one: Pod): boolean => one.metadata.uid === uid && !one.spec.nodeName && !isGoing(one);
    let changed = false;
    const says = { type: "PodScheduled", status: "False", reason: "Unschedulable", message } as const;
    const told = await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
      if (!waits(draft)) return false;
      const { nominatedNodeName: before, ...status } = draft.status ?? {};
      draft.status = { phase: "Pending", ...status, ...(nominatedNodeName && { nominatedNodeName }) };
      draft.status.conditions ??= [];
      changed = setCondition(draft.status.conditions, says, clock.now());
      return changed || before !== nominatedNodeName;
    });
    if (told === undefined || !waits(told)) return false;
    if (changed)
      await events.record(told, { type: "Warning", reason: "FailedScheduling", message, component });
    return true;
  }
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
    wakeOn<EdgeNode>(edgeNodeKind, (before, after) => {
      const was = before !== undefined && isInMaintenance(before);
      return was && !(after && isInMaintenance(after)) ? [schedulerKey] : [];
    }),
    wakeOn<Node>(nodeKind, (before, after) => {
      const seen = (node: Node | undefined): unknown => ({
        labels: node?.metadata.labels,
        taints: node?.spec.taints,
        cordoned: node?.spec.unschedulable,
        allocatable: node?.status?.allocatable,
        ready: conditionOf(node?.status?.conditions, "Ready")?.status,
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
  const priority = priorityOf(right) - priorityOf(left);
  if (priority !== 0) return priority;
  const [one, other] = [left.metadata, right.metadata];
  const [made, otherMade] = [one.creationTimestamp ?? "", other.creationTimestamp ?? ""];
  return (made === otherMade ? (one.uid ?? "") < (other.uid ?? "") : made < otherMade) ? -1 : 1;
}
