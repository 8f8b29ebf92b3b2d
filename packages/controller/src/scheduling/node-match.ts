import { matchesLabels } from "@selvedge/apimachinery";
import type {
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  Taint,
  Toleration,
} from "@selvedge/kinds";

/** Whether a Pod wants a node at all: its nodeSelector and its required node affinity. */
export function wantsNode(pod: Pod, node: Node): boolean {
  const { nodeSelector = {} } = pod.spec;
  for (const key in nodeSelector) if (node.metadata.labels?.[key] !== nodeSelector[key]) return false;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesTerm(term, node));
}

/** The nodes a Pod names itself, when its affinity leaves no others: what a DaemonSet's Pods do. */
export function namedNodes(pod: Pod): readonly string[] | undefined {
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return undefined;
  const names = terms.map(
    ({ matchFields = [] }) =>
      matchFields.find(({ key, operator }) => key === "metadata.name" && operator === "In")?.values,
  );
  return names.every((list) => list !== undefined) ? names.flat() : undefined;
}

/** How well a node fits what the Pod would like: the sum of the weights of preferences it meets. */
export function preferenceOf(pod: Pod, node: Node): number {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.reduce(
    (sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0),
    0,
  );
}

/** The first taint with one of these effects that the Pod does not tolerate. */
export function untoleratedTaint(
  pod: Pod,
  node: Node,
  effects: readonly Taint["effect"][],
): Taint | undefined {
  const tolerations = pod.spec.tolerations ?? [];
  return node.spec.taints?.find(
    (taint) =>
      effects.includes(taint.effect) && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

const unschedulableTaint: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** Whether the node is cordoned and the Pod does not care. */
export function cordonedFor(pod: Pod, node: Node): boolean {
  const tolerations = pod.spec.tolerations ?? [];
  return (
    node.spec.unschedulable === true &&
    !tolerations.some((toleration) => tolerates(toleration, unschedulableTaint))
  );
}

export function tolerates(
  { key, operator = "Equal", value = "", effect }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key === undefined || key === "") return operator === "Exists";
  if (key !== taint.key) return false;
  return operator === "Exists" || value === (taint.value ?? "");
}

function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchesLabels(requirements(matchExpressions), node.metadata.labels) &&
    matchesLabels(requirements(matchFields), { "metadata.name": node.metadata.name })
  );
}

function requirements(list: readonly NodeSelectorRequirement[]): Parameters<typeof matchesLabels>[0] {
  return list.map(({ key, operator, values = [] }) => ({ key, operator, values }));
}
