/**
 * Which less important Pods go so that a more important one fits. As upstream's scheduler decides it: a node is
 * thought of without any of the less important, and if the Pod fits then, as many as possible are let stay, first
 * those whose budget would be broken, then the most important. Of the nodes the one where that does least harm.
 * Beyond upstream: what is ending already is no harm, and nobody goes where the decision would not arrive. Pure.
 */
import type { Node, Pod, PodDisruptionBudget } from "@selvedge/kinds";
import { covers } from "../disruption/budget-plan.ts";
import { conditionOf } from "../objects/conditions.ts";
import { isGoing } from "../objects/pods.ts";
import { priorityOf, Taken } from "./allocations.ts";
import type { ClaimNeeds } from "./claim-needs.ts";
import type { Neighbours } from "./neighbours.ts";
import { type Footprint, footprintOf, type Wanted, wantedOf } from "./resources.ts";
import { lastingReason, passingReasons, summaryOf } from "./scheduling-plan.ts";

/** The Pods that have a node already and are not over, and those about to get one. */
export interface Occupants {
  on(nodeName: string): readonly Pod[];
  /** Those at least as important as the Pod in question, for which room was made on the node. */
  nominated(nodeName: string): readonly Pod[];
  /** What those on a node take: most nodes need no other look. */
  taken(nodeName: string): Pick<Taken, "hasLower" | "ofImportant">;
  /** Not while the box is in maintenance. */
  startsApps(nodeName: string): boolean;
}

export interface PreemptionInputs {
  readonly pod: Pod;
  /** Those it may be on at all. */
  readonly nodes: readonly Node[];
  /** How many there are in all. */
  readonly nodeCount: number;
  readonly occupants: Occupants;
  readonly needs: ClaimNeeds;
  readonly neighbours: Neighbours;
  readonly budgets: (namespace: string) => readonly PodDisruptionBudget[];
  /** How many Pods a budget lets go now. */
  readonly allowed: (budget: PodDisruptionBudget) => number;
}

export type Preemption =
  | {
      readonly type: "preempt";
      readonly nodeName: string;
      /** The most important first. None: those that are ending make room. */
      readonly victims: readonly Pod[];
    }
  | { readonly type: "none" /** In upstream's words. */; readonly why: string };

interface Candidate {
  readonly nodeName: string;
  readonly victims: readonly Pod[];
  /** How many go although their budget keeps them. */
  readonly violations: number;
}

/**
 * So many nodes to choose from are enough: each costs a look at every Pod of it. Upstream's least; its tenth of a
 * large fleet finds no better one often enough.
 */
const candidatesMax = 100;
/** Nor are more thought through in search of one where no budget is broken. */
const brokenMax = 1000;
const notHelpful = "Preemption is not helpful for scheduling";
const noVictims = "No preemption victims found for incoming pod";

export function planPreemption(inputs: PreemptionInputs): Preemption {
  const { pod, nodes, nodeCount, occupants, needs } = inputs;
  if (pod.spec.preemptionPolicy === "Never") {
    return { type: "none", why: "not eligible due to preemptionPolicy=Never." };
  }
  const wanted = wantedOf(pod);
  const reasons = new Map<string, number>();
  const count = (reason: string, by = 1): void => {
    reasons.set(reason, (reasons.get(reason) ?? 0) + by);
  };
  if (nodes.length < nodeCount) count(notHelpful, nodeCount - nodes.length);
  const candidates: Candidate[] = [];
  for (const node of inTurn(pod, nodes)) {
    const { name } = node.metadata;
    const taken = occupants.taken(name);
    if (!taken.hasLower(priorityOf(pod))) {
      count(noVictims);
    } else if (needs.fault !== undefined || !isReached(node) || !occupants.startsApps(name)) {
      count(notHelpful);
    } else if (lastingReason(pod, node, needs) !== undefined) {
      count(notHelpful);
    } else {
      const least = { ...taken.ofImportant(priorityOf(pod)), part: () => 0 };
      const short = passingReasons(node, wanted, least, undefined);
      const found =
        short.length > 0 ? ({ type: "no", reasons: short } as const) : tryNode(inputs, node, wanted);
      if (found.type === "no") for (const reason of found.reasons) count(reason);
      else if (found.victims.length === 0) return { type: "preempt", nodeName: name, victims: [] };
      else candidates.push(found);
    }
    if (candidates.length >= (candidates.some(keepsBudgets) ? candidatesMax : brokenMax)) break;
  }
  const [first, ...others] = candidates;
  if (first === undefined) return { type: "none", why: summaryOf(nodeCount, reasons) };
  const { nodeName, victims } = others.reduce((best, one) => (harm(one, best) < 0 ? one : best), first);
  return { type: "preempt", nodeName, victims };
}

function keepsBudgets({ violations }: Candidate): boolean {
  return violations === 0;
}

/** Where room is made for it already comes first; then from anywhere, lest the same boxes lose apps each time. */
function inTurn({ metadata, status }: Pod, nodes: readonly Node[]): Node[] {
  const start = Number.parseInt((metadata.uid ?? "").slice(0, 8), 16) % nodes.length || 0;
  const isNominated = (node: Node): boolean => node.metadata.name === status?.nominatedNodeName;
  const turned = [...nodes.slice(start), ...nodes.slice(0, start)].filter((node) => !isNominated(node));
  return [...nodes.filter(isNominated), ...turned];
}

/**
 * A node that is silent would hear of it in days, when all may be different, and its app would end for nothing;
 * on one that is cordoned somebody is at work. Whatever the Pod tolerates.
 */
function isReached({ spec, status }: Node): boolean {
  const ready = conditionOf(status?.conditions, "Ready")?.status ?? "True";
  const isAway = spec.taints?.some(({ key }) => awayTaints.includes(key)) === true;
  return ready === "True" && !isAway && spec.unschedulable !== true;
}

const awayTaints: readonly string[] = [
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/not-ready",
  "node.kubernetes.io/unschedulable",
];

function tryNode(
  { pod, occupants, neighbours, budgets, allowed }: PreemptionInputs,
  node: Node,
  wanted: Wanted,
): ({ readonly type: "yes" } & Candidate) | { readonly type: "no"; readonly reasons: readonly string[] } {
  const { name } = node.metadata;
  const isLower = (other: Pod): boolean => priorityOf(other) < priorityOf(pod);
  const here = occupants.on(name);
  const gone = new Set(here.filter(isLower));
  const taken = new Taken();
  for (const other of [...here, ...occupants.nominated(name)]) {
    if (!gone.has(other)) taken.add(other, 1, known(other));
  }
  const against = (): string[] => passingReasons(node, wanted, taken, neighbours, [...gone]);
  const reasons = against();
  if (reasons.length > 0) return { type: "no", reasons };
  const lower = [...gone].filter((other) => !isGoing(other)).sort(byImportance);
  const kept = keptByBudgets(lower, budgets, allowed);
  const victims: Pod[] = [];
  for (const other of [...lower.filter((one) => kept.has(one)), ...lower.filter((one) => !kept.has(one))]) {
    gone.delete(other);
    taken.add(other, 1, known(other));
    if (against().length === 0) continue;
    gone.add(other);
    taken.add(other, -1, known(other));
    victims.push(other);
  }
  const violations = victims.filter((one) => kept.has(one)).length;
  return { type: "yes", nodeName: name, victims: victims.sort(byImportance), violations };
}

/** Of Pods as they are read: each one that fits nowhere looks at them again. */
const footprints = new WeakMap<Pod, Footprint>();

function known(pod: Pod): Footprint {
  const footprint = footprints.get(pod) ?? footprintOf(pod);
  footprints.set(pod, footprint);
  return footprint;
}

/** Of Pods that might all go, in this order, those that a budget keeps. */
function keptByBudgets(
  pods: readonly Pod[],
  budgets: PreemptionInputs["budgets"],
  allowed: PreemptionInputs["allowed"],
): ReadonlySet<Pod> {
  const left = new Map<PodDisruptionBudget, number>();
  const kept = new Set<Pod>();
  for (const pod of pods) {
    const { name, namespace = "" } = pod.metadata;
    for (const budget of budgets(namespace)) {
      // One that was evicted and is not gone yet has been counted.
      if (!covers(budget, pod) || budget.status?.disruptedPods?.[name] !== undefined) continue;
      const others = (left.get(budget) ?? allowed(budget)) - 1;
      left.set(budget, others);
      if (others < 0) kept.add(pod);
    }
  }
  return kept;
}

/** The more important first, then the one that has been there longer. */
function byImportance(left: Pod, right: Pod): number {
  return priorityOf(right) - priorityOf(left) || compare(startOf(left), startOf(right));
}

/** Priorities go down to minus two billion, where one Pod more would be less harm. */
const offset = 2 ** 31;

/** Less than nothing: `left` does less harm. In upstream's order. */
function harm(left: Candidate, right: Candidate): number {
  const measures: readonly ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => highest(victims),
    ({ victims }) => victims.reduce((sum, pod) => sum + priorityOf(pod) + offset, 0),
    ({ victims }) => victims.length,
  ];
  for (const measure of measures) {
    const difference = measure(left) - measure(right);
    if (difference !== 0) return difference;
  }
  return compare(oldestStart(right.victims), oldestStart(left.victims));
}

function highest(victims: readonly Pod[]): number {
  return victims[0] === undefined ? Number.NEGATIVE_INFINITY : priorityOf(victims[0]);
}

/** When the one that has been there longest began, of the most important. */
function oldestStart(victims: readonly Pod[]): string {
  return victims
    .filter((pod) => priorityOf(pod) === highest(victims))
    .reduce((oldest, pod) => (compare(startOf(pod), oldest) < 0 ? startOf(pod) : oldest), never);
}

/** After every time as it is written. */
const never = "~";

function startOf({ status }: Pod): string {
  return status?.startTime ?? never;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
