import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import type { EdgeNode, Node, Pod } from "@selvedge/kinds";
import { type Caches, waryPods } from "../objects/caches.ts";
import { conditionOf } from "../objects/conditions.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { type Allocations, priorityOf, Taken } from "./allocations.ts";
import { type Neighbours, neighboursOf, type PlacedPods } from "./neighbours.ts";
import type { Occupants } from "./preemption-plan.ts";
import type { TakenView } from "./scheduling-plan.ts";

/** What one Pod finds on the nodes. */
export interface Fleet {
  readonly taken: TakenView;
  readonly neighbours: Neighbours;
  readonly occupants: Occupants;
}

/**
 * The fleet as one Pod finds it: room made for another is taken already, if that one is at least as important.
 * Who is to be near it must not count on that, as it may still go elsewhere: a node must do with it and without.
 */
export function fleetFor(pod: Pod, nodes: readonly Node[], caches: Caches, allocations: Allocations): Fleet {
  const isKept = (other: Pod): boolean =>
    other.metadata.uid !== pod.metadata.uid &&
    priorityOf(other) >= priorityOf(pod) &&
    !isGoing(other) &&
    !isOver(other);
  const nominated = (nodeName: string): Pod[] => caches.pods.by("nominated", nodeName).filter(isKept);
  let sawNominated = false;
  const asPlaced = (other: Pod): Pod[] => {
    if (isPlaced(other)) return [other];
    const nodeName = other.status?.nominatedNodeName;
    if (other.spec.nodeName || !nodeName || !isKept(other)) return [];
    sawNominated = true;
    return [{ ...other, spec: { ...other.spec, nodeName } }];
  };
  const placed = placedPods(caches, (other) => (isPlaced(other) ? [other] : []));
  const withNominated = neighboursOf(pod, nodes, placedPods(caches, asPlaced));
  const neighbours = sawNominated ? bothOf(withNominated, neighboursOf(pod, nodes, placed)) : withNominated;
  return {
    taken: {
      of: (nodeName) => {
        const taken = allocations.of(nodeName);
        const coming = nominated(nodeName);
        if (coming.length === 0) return taken;
        const all = new Taken(taken);
        for (const other of coming) all.add(other);
        return all;
      },
    },
    neighbours,
    occupants: {
      on: (nodeName) => caches.pods.by("node", nodeName).filter(isPlaced),
      nominated,
      taken: (nodeName) => allocations.of(nodeName),
      startsApps: (nodeName) => !caches.edgeNodes.by("node", nodeName).some(isInMaintenance),
    },
  };
}

/** It goes on with what it runs and starts nothing: an app would go there for one that does not come. */
export function isInMaintenance({ status }: EdgeNode): boolean {
  return conditionOf(status?.conditions, "MaintenanceMode")?.status === "True";
}

function isPlaced(pod: Pod): boolean {
  return Boolean(pod.spec.nodeName) && !isOver(pod);
}

function bothOf(withNominated: Neighbours, without: Neighbours): Neighbours {
  return {
    against: (node, gone) => withNominated.against(node, gone) ?? without.against(node, gone),
    preference: without.preference,
  };
}

function placedPods({ pods, nodes, namespaces }: Caches, asPlaced: (pod: Pod) => readonly Pod[]): PlacedPods {
  return {
    inNamespace: (namespace) => pods.by("namespace", namespace).flatMap(asPlaced),
    wary: () => pods.by("wary", waryPods).flatMap(asPlaced),
    namespaces: (selector) =>
      namespaces.list().flatMap(({ metadata }) => {
        const requirements = requirementsOf(selector) ?? [];
        return matchesLabels(requirements, metadata.labels) ? [metadata.name] : [];
      }),
    node: (name) => nodes.get(name),
  };
}
