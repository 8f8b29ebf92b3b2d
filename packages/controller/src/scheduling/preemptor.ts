import type { Clock } from "@selvedge/base";
import { type Node, type Pod, type PodDisruptionBudget, podKind } from "@selvedge/kinds";
import { covers } from "../disruption/budget-plan.ts";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { priorityOf } from "./allocations.ts";
import type { ClaimNeeds } from "./claim-needs.ts";
import type { Fleet } from "./fleet.ts";
import { type Preemption, planPreemption } from "./preemption-plan.ts";
import { nodesFor } from "./scheduling-plan.ts";

export interface PreemptorDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/** Ends less important Pods for one that was told that it has their room. */
export class Preemptor {
  readonly #deps: PreemptorDeps;
  readonly #component: string;
  /** How many a budget has let go here since it last counted: each count is another object. */
  readonly #spent = new WeakMap<PodDisruptionBudget, number>();

  constructor(deps: PreemptorDeps, component: string) {
    this.#deps = deps;
    this.#component = component;
  }

  plan(pod: Pod, nodes: readonly Node[], { occupants, neighbours }: Fleet, needs: ClaimNeeds): Preemption {
    const { caches } = this.#deps;
    return planPreemption({
      ...{ pod, occupants, neighbours, needs },
      nodes: nodesFor(pod, nodes, (name) => caches.nodes.get(name)),
      nodeCount: nodes.length,
      budgets: (namespace) => caches.budgets.by("namespace", namespace),
      allowed: (budget) => (budget.status?.disruptionsAllowed ?? 0) - (this.#spent.get(budget) ?? 0),
    });
  }

  async preempt(pod: Pod, { nodeName, victims }: Extract<Preemption, { type: "preempt" }>): Promise<void> {
    for (const victim of victims) await this.#end(victim, pod, nodeName);
    const { caches, cluster } = this.#deps;
    // They were to have this room, and are asked again where there is some.
    const others = caches.pods
      .by("nominated", nodeName)
      .filter((other) => priorityOf(other) < priorityOf(pod));
    for (const { metadata } of others) {
      await cluster.changeStatus<Pod>(podKind, metadata.name, metadata.namespace, (draft) => {
        if (draft.status?.nominatedNodeName !== nodeName) return false;
        delete draft.status.nominatedNodeName;
        return true;
      });
    }
  }

  async #end(victim: Pod, { metadata: preemptor }: Pod, nodeName: string): Promise<void> {
    const { caches, cluster, clock, events } = this.#deps;
    const { name, namespace, uid } = victim.metadata;
    const waiting = caches.pods.get(preemptor.name, preemptor.namespace);
    if (waiting?.metadata.uid !== preemptor.uid || waiting === undefined || isGoing(waiting)) return;
    const says = {
      ...({ type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" } as const),
      message: `${this.#component}: preempting to accommodate a higher priority pod`,
    };
    let goes = false;
    await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
      goes = draft.metadata.uid === uid && !isGoing(draft) && !isOver(draft);
      if (!goes) return false;
      draft.status = { ...draft.status };
      draft.status.conditions ??= [];
      return setCondition(draft.status.conditions, says, clock.now());
    });
    if (!goes) return;
    for (const budget of caches.budgets.by("namespace", namespace ?? "")) {
      if (covers(budget, victim)) this.#spent.set(budget, (this.#spent.get(budget) ?? 0) + 1);
    }
    const message = `Preempted by pod ${preemptor.uid} on node ${nodeName}`;
    await events.record(victim, { type: "Normal", reason: "Preempted", message, component: this.#component });
    await cluster.delete(podKind, victim);
  }
}
