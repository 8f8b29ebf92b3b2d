/** What a role allows, and who it is called by: what Role and ClusterRole have in common. */
import type { Column } from "@selvedge/apimachinery";
import { createdColumn, nameColumn } from "../columns.ts";
import type { Faults } from "../faults.ts";
import { atomic, type Message, message, needed, texts } from "../fields.ts";

export const rbacGroup = "rbac.authorization.k8s.io";

export interface PolicyRule {
  verbs?: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

export const policyRule: Message = message("What may be done with what.", {
  verbs: texts(1, "What may be done; * is everything.", atomic, needed),
  apiGroups: texts(2, 'Groups of the resources; "" is the core, * all.', atomic),
  resources: texts(3, "Resources, or resource/subresource; * is all.", atomic),
  resourceNames: texts(4, "Names the rule is limited to; none means all.", atomic),
  nonResourceURLs: texts(5, "Paths that are no resources; a * may end one. ClusterRoles only.", atomic),
});

export function checkRules(faults: Faults, rules: readonly PolicyRule[], namespaced: boolean): void {
  for (const [index, rule] of rules.entries()) {
    const at = `rules[${index}]`;
    const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    if (verbs.length === 0) faults.required(`${at}.verbs`, "verbs must contain at least one value");
    if (nonResourceURLs.length > 0) {
      const field = `${at}.nonResourceURLs`;
      if (namespaced) {
        faults.invalid(field, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs");
      }
      if (apiGroups.length + resources.length + resourceNames.length > 0) {
        const detail = "rules cannot apply to both regular resources and non-resource URLs";
        faults.invalid(field, nonResourceURLs, detail);
      }
      continue;
    }
    if (apiGroups.length === 0) {
      faults.required(`${at}.apiGroups`, "resource rules must supply at least one api group");
    }
    if (resources.length === 0) {
      faults.required(`${at}.resources`, "resource rules must supply at least one resource");
    }
  }
}

/** Names like `system:controller:job-controller` are allowed: a name only has to fit into a path. */
export function pathSegmentFaults(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((letter) => name.includes(letter)).map((letter) => `may not contain '${letter}'`);
}

export const roleColumns: readonly Column[] = [nameColumn, createdColumn];
