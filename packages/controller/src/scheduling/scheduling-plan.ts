import type { Node, Pod } from "@selvedge/kinds";
import type { ClaimNeeds } from "./claim-needs.ts";
import type { Neighbours } from "./neighbours.ts";
import { cordonedFor, namedNodes, preferenceOf, untoleratedTaint, wantsNode } from "./node-match.ts";
import { type Amounts, allocatableOf, extraOf, type Wanted, wantedOf } from "./resources.ts";

/** What is taken of a node already. */
export interface TakenOn extends Amounts {
  /** How often a port of the node, or how much of what it has a number of. */
  part(name: string): number;
}

export interface TakenView {
  of(nodeName: string): TakenOn;
}

export type Placement =
  | { readonly type: "place"; readonly nodeName: string }
  /** No node will do now; the message says why of each, in upstream's words. */
  | { readonly type: "unschedulable"; readonly message: string };

/**
 * Chooses a node for one Pod: of those that can take it the one where room was made for it, then the one that
 * fits its preferences best, then the one with the most left, then the first by name, so that the same question
 * has the same answer. Pure.
 */
export function placePod(
  pod: Pod,
  nodes: readonly Node[],
  taken: TakenView,
  find: (name: string) => Node | undefined = (name) => nodes.find(({ metadata }) => metadata.name === name),
  needs: ClaimNeeds = {},
  neighbours?: Neighbours,
): Placement {
  if (nodes.length === 0) {
    return { type: "unschedulable", message: "no nodes available to schedule pods" };
  }
  if (needs.fault !== undefined) {
    return { type: "unschedulable", message: `0/${nodes.length} nodes are available: ${needs.fault}.` };
  }
  const candidates = nodesFor(pod, nodes, find);
  const wanted = wantedOf(pod);
  const reasons = new Map<string, number>();
  const count = (reason: string, by = 1): void => {
    reasons.set(reason, (reasons.get(reason) ?? 0) + by);
  };
  if (candidates.length < nodes.length) count(selectorReason, nodes.length - candidates.length);
  let best: { readonly node: Node; readonly preference: number; readonly left: number } | undefined;
  for (const node of candidates) {
    const { name } = node.metadata;
    const lasting = lastingReason(pod, node, needs);
    const against =
      lasting === undefined ? passingReasons(node, wanted, taken.of(name), neighbours) : [lasting];
    for (const reason of against) count(reason);
    if (against.length > 0) continue;
    if (name === pod.status?.nominatedNodeName) return { type: "place", nodeName: name };
    const preference = preferenceOf(pod, node) + softTaints(pod, node) + (neighbours?.preference(node) ?? 0);
    const left = shareLeft(node, wanted, taken.of(name));
    const better =
      best === undefined ||
      preference > best.preference ||
      (preference === best.preference &&
        (left > best.left || (left === best.left && name < best.node.metadata.name)));
    if (better) best = { node, preference, left };
  }
  if (best !== undefined) return { type: "place", nodeName: best.node.metadata.name };
  return { type: "unschedulable", message: summaryOf(nodes.length, reasons) };
}

/** A DaemonSet's Pod names its node: a fleet of them must not look at the fleet each. */
export function nodesFor(
  pod: Pod,
  nodes: readonly Node[],
  find: (name: string) => Node | undefined,
): readonly Node[] {
  const named = namedNodes(pod);
  return named === undefined ? nodes : [...new Set(named)].flatMap((name) => find(name) ?? []);
}

/** Why none of so many nodes will do, as upstream puts it. */
export function summaryOf(nodes: number, reasons: ReadonlyMap<string, number>): string {
  const texts = [...reasons].map(([reason, number]) => `${number} ${reason}`).sort();
  return `0/${nodes} nodes are available: ${texts.join(", ")}.`;
}

const volumeReason = "node(s) had volume node affinity conflict";
const selectorReason = "node(s) didn't match Pod's node affinity/selector";
/** A taint that only asks to stay away weighs as much as the weightiest preference. */
const softTaintWeight = 100;

/** What is against a node whoever else is on it. */
export function lastingReason(pod: Pod, node: Node, needs: ClaimNeeds): string | undefined {
  if (needs.nodes !== undefined && !needs.nodes.has(node.metadata.name)) return volumeReason;
  if (cordonedFor(pod, node)) return "node(s) were unschedulable";
  const taint = untoleratedTaint(pod, node, ["NoSchedule", "NoExecute"]);
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
  return wantsNode(pod, node) ? undefined : selectorReason;
}

/** What is against a node because of the Pods on it, without those that are `gone`: `used` is without them already. */
export function passingReasons(
  node: Node,
  wanted: Wanted,
  used: TakenOn,
  neighbours: Neighbours | undefined,
  gone: readonly Pod[] = [],
): string[] {
  if (wanted.ports.some((port) => used.part(port) > 0)) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  const has = allocatableOf(node);
  const short: string[] = [];
  if (used.pods + 1 > has.pods) short.push("Too many pods");
  if (used.cpu + wanted.cpu > has.cpu) short.push("Insufficient cpu");
  if (used.memory + wanted.memory > has.memory) short.push("Insufficient memory");
  if (wanted.storage > 0 && used.storage + wanted.storage > has.storage) {
    short.push("Insufficient ephemeral-storage");
  }
  for (const [name, amount] of wanted.extras) {
    if (amount > 0 && used.part(name) + amount > extraOf(node, name)) short.push(`Insufficient ${name}`);
  }
  if (short.length > 0) return short;
  const crowd = neighbours?.against(node, gone);
  return crowd === undefined ? [] : [crowd];
}

function softTaints(pod: Pod, node: Node): number {
  return untoleratedTaint(pod, node, ["PreferNoSchedule"]) === undefined ? 0 : -softTaintWeight;
}

/** The share of CPU, memory and places that would be left, at most 3: upstream's "least allocated". */
function shareLeft(node: Node, wanted: Amounts, used: Amounts): number {
  const has = allocatableOf(node);
  const share = (all: number, taken: number): number => (all === 0 ? 0 : (all - taken) / all);
  return (
    share(has.cpu, used.cpu + wanted.cpu) +
    share(has.memory, used.memory + wanted.memory) +
    share(has.pods, used.pods + 1)
  );
}
