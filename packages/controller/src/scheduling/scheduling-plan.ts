import type { Node, Pod } from "@selvedge/kinds";
import type { ClaimNeeds } from "./claim-needs.ts";
import type { Neighbours } from "./neighbours.ts";
import { cordonedFor, namedNodes, preferenceOf, untoleratedTaint, wantsNode } from "./node-match.ts";
import { type Amounts, allocatableOf, amountsOf, devicesOf, hostPortsAgainst } from "./resources.ts";

/** What is taken already. */
export interface TakenView {
  of(nodeName: string): Amounts;
  /** A port of the node, or a group of its devices. */
  takes(nodeName: string, part: string): boolean;
}

export type Placement =
  | { readonly type: "place"; readonly nodeName: string }
  /** No node will do now; the message says why of each, in upstream's words. */
  | { readonly type: "unschedulable"; readonly message: string };

/**
 * Chooses a node for one Pod: of those that can take it the one that fits its preferences best, then the
 * one with the most left, then the first by name, so that the same question has the same answer. Pure.
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
  const named = namedNodes(pod);
  // A DaemonSet's Pod names its node: a fleet of them must not look at the fleet each.
  const candidates = named === undefined ? nodes : [...new Set(named)].flatMap((name) => find(name) ?? []);
  const wanted = amountsOf(pod);
  const reasons = new Map<string, number>();
  const count = (reason: string, by = 1): void => {
    reasons.set(reason, (reasons.get(reason) ?? 0) + by);
  };
  if (candidates.length < nodes.length) count(selectorReason, nodes.length - candidates.length);
  let best: { readonly node: Node; readonly preference: number; readonly left: number } | undefined;
  for (const node of candidates) {
    const away = needs.nodes !== undefined && !needs.nodes.has(node.metadata.name);
    const against = away ? [volumeReason] : reasonsAgainst(pod, node, wanted, taken);
    const crowd = against.length > 0 ? undefined : neighbours?.against(node);
    if (crowd !== undefined) against.push(crowd);
    for (const reason of against) count(reason);
    if (against.length > 0) continue;
    const preference = preferenceOf(pod, node) + softTaints(pod, node) + (neighbours?.preference(node) ?? 0);
    const left = shareLeft(node, wanted, taken.of(node.metadata.name));
    const better =
      best === undefined ||
      preference > best.preference ||
      (preference === best.preference &&
        (left > best.left || (left === best.left && node.metadata.name < best.node.metadata.name)));
    if (better) best = { node, preference, left };
  }
  if (best !== undefined) return { type: "place", nodeName: best.node.metadata.name };
  const texts = [...reasons].map(([reason, number]) => `${number} ${reason}`).sort();
  return {
    type: "unschedulable",
    message: `0/${nodes.length} nodes are available: ${texts.join(", ")}.`,
  };
}

const volumeReason = "node(s) had volume node affinity conflict";
const selectorReason = "node(s) didn't match Pod's node affinity/selector";
/** A taint that only asks to stay away weighs as much as the weightiest preference. */
const softTaintWeight = 100;

function reasonsAgainst(pod: Pod, node: Node, wanted: Amounts, taken: TakenView): string[] {
  if (cordonedFor(pod, node)) return ["node(s) were unschedulable"];
  const taint = untoleratedTaint(pod, node, ["NoSchedule", "NoExecute"]);
  if (taint !== undefined) {
    const text = taint.value ? `${taint.key}: ${taint.value}` : `${taint.key}: `;
    return [`node(s) had untolerated taint {${text}}`];
  }
  if (!wantsNode(pod, node)) return [selectorReason];
  const { name } = node.metadata;
  if (hostPortsAgainst(pod).some((port) => taken.takes(name, port))) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  const has = allocatableOf(node);
  const used = taken.of(name);
  const short: string[] = [];
  if (used.pods + 1 > has.pods) short.push("Too many pods");
  if (used.cpu + wanted.cpu > has.cpu) short.push("Insufficient cpu");
  if (used.memory + wanted.memory > has.memory) short.push("Insufficient memory");
  if (wanted.storage > 0 && used.storage + wanted.storage > has.storage) {
    short.push("Insufficient ephemeral-storage");
  }
  for (const device of devicesOf(pod)) {
    const isThere = Number(node.status?.allocatable?.[device] ?? 0) > 0;
    if (!isThere || taken.takes(name, device)) short.push(`Insufficient ${device}`);
  }
  return short;
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
