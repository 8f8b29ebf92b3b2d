/** The rules of ClusterRoles that take them from others. Pure. */
import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import type { ClusterRole, PolicyRule } from "@selvedge/kinds";

/** Whether a role with these labels gives its rules to the other. */
export function gives(from: ClusterRole, to: ClusterRole): boolean {
  if (from.metadata.name === to.metadata.name) return false;
  const { clusterRoleSelectors = [] } = to.aggregationRule ?? {};
  return clusterRoleSelectors.some((selector) =>
    matchesLabels(requirementsOf(selector) ?? [], from.metadata.labels),
  );
}

/** What the role's rules should be: those of all that give it theirs, by their names, each once. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const sources = all
    .filter((other) => gives(other, role))
    .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const rule of sources.flatMap(({ rules: own = [] }) => own)) {
    if (!rules.some((known) => jsonEqual(known, rule))) rules.push(rule);
  }
  return rules;
}
