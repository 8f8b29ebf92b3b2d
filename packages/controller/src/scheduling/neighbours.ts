/**
 * Where a Pod may be for the sake of other Pods: near them, away from them, and spread over groups of nodes. A
 * group is all nodes with the same value of one label, the topology key. Pure.
 */
import { type LabelSelector, matchesLabels, type Requirement, requirementsOf } from "@selvedge/apimachinery";
import type { Node, Pod, PodAffinity, PodAffinityTerm, TopologySpreadConstraint } from "@selvedge/kinds";
import { untoleratedTaint, wantsNode } from "./node-match.ts";

/** The Pods that have a node already and are not over. */
export interface PlacedPods {
  inNamespace(namespace: string): readonly Pod[];
  /** Those that want some others away from them. */
  wary(): readonly Pod[];
  /** Names of the namespaces whose labels match. */
  namespaces(selector: LabelSelector): readonly string[];
  node(name: string): Node | undefined;
}

/** What other Pods mean for one Pod. */
export interface Neighbours {
  /** Why the node will not do, in upstream's words; as if those of its Pods that are `gone` were not there. */
  against(node: Node, gone?: readonly Pod[]): string | undefined;
  /** The weights of the preferences that the node meets. */
  preference(node: Node): number;
}

/** How many Pods a term is about in each group of nodes. */
interface Groups {
  readonly counts: ReadonlyMap<string, number>;
  readonly total: number;
  /** How many of these Pods of a node are of its group. */
  of(node: Node, pods: readonly Pod[]): number;
}
type Check = (node: Node, gone: readonly Pod[]) => string | undefined;
type Score = (node: Node) => number;

const affinityReason = "node(s) didn't match pod affinity rules";
const antiReason = "node(s) didn't match pod anti-affinity rules";
const waryReason = "node(s) didn't satisfy existing pods anti-affinity rules";
const spreadReason = "node(s) didn't match pod topology spread constraints";

export function neighboursOf(pod: Pod, nodes: readonly Node[], placed: PlacedPods): Neighbours {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const constraints = pod.spec.topologySpreadConstraints ?? [];
  const checks: Check[] = [
    ...nearCheck(pod, required(podAffinity), placed),
    ...required(podAntiAffinity).map((term) => awayCheck(term, groupsOf(pod, term, placed))),
    ...waryCheck(pod, placed),
    ...constraints
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule")
      .map((constraint) => spreadCheck(pod, constraint, nodes, placed)),
  ];
  const scores: Score[] = [
    ...preferences(pod, podAffinity, 1, placed),
    ...preferences(pod, podAntiAffinity, -1, placed),
    ...constraints
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable !== "DoNotSchedule")
      .map((constraint): Score => {
        const { counts } = spreadOf(pod, constraint, nodes, placed);
        return (node) => -(counts.get(groupOf(node, constraint.topologyKey) ?? "") ?? 0);
      }),
  ];
  return {
    against: (node, gone = []) => {
      for (const check of checks) {
        const reason = check(node, gone);
        if (reason !== undefined) return reason;
      }
      return undefined;
    },
    preference: (node) => scores.reduce((sum, score) => sum + score(node), 0),
  };
}

/** Whether a Pod must have some others away from it: they are asked about it for as long as it is there. */
export function isWary({ spec }: Pod): boolean {
  return required(spec.affinity?.podAntiAffinity).length > 0;
}

function required(affinity: PodAffinity | undefined): readonly PodAffinityTerm[] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

function groupOf(node: Node | undefined, key: string): string | undefined {
  return node?.metadata.labels?.[key];
}

/** The first of a group whose Pods must be near each other is near nobody: it may go anywhere. */
function nearCheck(pod: Pod, terms: readonly PodAffinityTerm[], placed: PlacedPods): Check[] {
  const groups = terms.map((term) => groupsOf(pod, term, placed));
  const isOfThem = terms.every((term) => isAbout(pod, term, pod, placed));
  return terms.map((term, index) => (node, gone) => {
    const value = groupOf(node, term.topologyKey);
    if (value === undefined) return affinityReason;
    const { counts, of } = groups[index] as Groups;
    if ((counts.get(value) ?? 0) > of(node, gone)) return undefined;
    const isFirst = isOfThem && groups.every((group) => group.total === group.of(node, gone));
    return isFirst ? undefined : affinityReason;
  });
}

function awayCheck({ topologyKey }: PodAffinityTerm, { counts, of }: Groups): Check {
  return (node, gone) =>
    (counts.get(groupOf(node, topologyKey) ?? "") ?? 0) > of(node, gone) ? antiReason : undefined;
}

/** What Pods that are there already have against this one. */
function waryCheck(pod: Pod, placed: PlacedPods): Check[] {
  const keysOf = (other: Pod): string[] =>
    required(other.spec.affinity?.podAntiAffinity).flatMap((term) =>
      isAbout(other, term, pod, placed) ? [term.topologyKey] : [],
    );
  const closed = new Map<string, Map<string, number>>();
  for (const other of placed.wary()) {
    const node = placed.node(other.spec.nodeName ?? "");
    for (const key of keysOf(other)) {
      const value = groupOf(node, key);
      if (value === undefined) continue;
      const values = closed.get(key) ?? new Map<string, number>();
      closed.set(key, values.set(value, (values.get(value) ?? 0) + 1));
    }
  }
  return [...closed].map(([key, values]) => (node, gone) => {
    const terms = values.get(groupOf(node, key) ?? "") ?? 0;
    const left = gone.flatMap(keysOf).filter((one) => one === key).length;
    return terms > left ? waryReason : undefined;
  });
}

function spreadCheck(
  pod: Pod,
  constraint: TopologySpreadConstraint,
  nodes: readonly Node[],
  placed: PlacedPods,
): Check {
  const { maxSkew, topologyKey, minDomains = 1 } = constraint;
  const { counts, countsItself, of } = spreadOf(pod, constraint, nodes, placed);
  const least = [...counts.values()].reduce((min, count) => Math.min(min, count), Number.POSITIVE_INFINITY);
  return (node, gone) => {
    const value = groupOf(node, topologyKey);
    if (value === undefined) return `${spreadReason} (missing required label)`;
    const here = (counts.get(value) ?? 0) - of(node, gone);
    const min = counts.size < minDomains ? 0 : Math.min(least, counts.has(value) ? here : least);
    return here + (countsItself ? 1 : 0) - min > maxSkew ? spreadReason : undefined;
  };
}

/** How many of the constraint's Pods there are in each group of the nodes that count. */
function spreadOf(
  pod: Pod,
  { topologyKey, labelSelector, matchLabelKeys, ...policies }: TopologySpreadConstraint,
  nodes: readonly Node[],
  placed: PlacedPods,
): Pick<Groups, "counts" | "of"> & { readonly countsItself: boolean } {
  const counting = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const value = groupOf(node, topologyKey);
    if (value === undefined) continue;
    if (policies.nodeAffinityPolicy !== "Ignore" && !wantsNode(pod, node)) continue;
    const honours = policies.nodeTaintsPolicy === "Honor";
    if (honours && untoleratedTaint(pod, node, ["NoSchedule", "NoExecute"]) !== undefined) continue;
    counting.set(node.metadata.name, value);
    counts.set(value, 0);
  }
  const { namespace = "" } = pod.metadata;
  const wanted = selects(pod, { labelSelector, matchLabelKeys });
  const isCounted = (other: Pod): boolean =>
    other.metadata.deletionTimestamp === undefined &&
    wanted(other) &&
    counting.has(other.spec.nodeName ?? "");
  for (const other of placed.inNamespace(namespace).filter(isCounted)) {
    const value = counting.get(other.spec.nodeName ?? "") ?? "";
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const of = (_node: Node, pods: readonly Pod[]): number =>
    pods.filter((other) => other.metadata.namespace === namespace && isCounted(other)).length;
  return { counts, countsItself: wanted(pod), of };
}

function preferences(pod: Pod, affinity: PodAffinity | undefined, sign: 1 | -1, placed: PlacedPods): Score[] {
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.map(({ weight, podAffinityTerm }) => {
    const { counts } = groupsOf(pod, podAffinityTerm, placed);
    return (node) => sign * weight * (counts.get(groupOf(node, podAffinityTerm.topologyKey) ?? "") ?? 0);
  });
}

/** Where the Pods are that a term of `pod` is about. */
function groupsOf(pod: Pod, term: PodAffinityTerm, placed: PlacedPods): Groups {
  const counts = new Map<string, number>();
  let total = 0;
  const wanted = selects(pod, term);
  const namespaces = namespacesOf(pod, term, placed);
  for (const namespace of namespaces) {
    for (const other of placed.inNamespace(namespace)) {
      if (!wanted(other)) continue;
      const value = groupOf(placed.node(other.spec.nodeName ?? ""), term.topologyKey);
      if (value === undefined) continue;
      counts.set(value, (counts.get(value) ?? 0) + 1);
      total++;
    }
  }
  const of = (node: Node, pods: readonly Pod[]): number =>
    groupOf(node, term.topologyKey) === undefined
      ? 0
      : pods.filter((one) => namespaces.includes(one.metadata.namespace ?? "") && wanted(one)).length;
  return { counts, total, of };
}

/** Whether a term of `owner` is about `pod`. */
function isAbout(owner: Pod, term: PodAffinityTerm, pod: Pod, placed: PlacedPods): boolean {
  const { namespace = "" } = pod.metadata;
  return namespacesOf(owner, term, placed).includes(namespace) && selects(owner, term)(pod);
}

function namespacesOf(owner: Pod, term: PodAffinityTerm, placed: PlacedPods): readonly string[] {
  const { namespaces = [], namespaceSelector } = term;
  if (namespaces.length === 0 && namespaceSelector === undefined) return [owner.metadata.namespace ?? ""];
  const selected = namespaceSelector === undefined ? [] : placed.namespaces(namespaceSelector);
  return [...new Set([...namespaces, ...selected])];
}

interface Selection {
  readonly labelSelector?: LabelSelector | undefined;
  readonly matchLabelKeys?: readonly string[] | undefined;
  readonly mismatchLabelKeys?: readonly string[] | undefined;
}

/** The Pods that a selector of `owner` means, with the keys whose values are to be as its own, or others. */
function selects(owner: Pod, selection: Selection): (pod: Pod) => boolean {
  const requirements = requirementsOf(selection.labelSelector);
  if (requirements === undefined) return () => false;
  const labels = owner.metadata.labels ?? {};
  const ofKeys = (keys: readonly string[] = [], operator: "In" | "NotIn"): Requirement[] =>
    keys.flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  const all = [
    ...requirements,
    ...ofKeys(selection.matchLabelKeys, "In"),
    ...ofKeys(selection.mismatchLabelKeys, "NotIn"),
  ];
  return ({ metadata }) => matchesLabels(all, metadata.labels);
}
