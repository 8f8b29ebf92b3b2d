import type { KindDefinition, KubeObject, LabelSelector } from "@selvedge/apimachinery";
import { Faults } from "../faults.ts";
import { atomic, kindMessage, type Message, message, object, objects, pointer } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { labelSelector } from "../meta-fields.ts";
import {
  checkRules,
  type PolicyRule,
  pathSegmentFaults,
  policyRule,
  rbacGroup,
  roleColumns,
} from "./policy-rule.ts";

export interface ClusterRole extends KubeObject {
  apiVersion: "rbac.authorization.k8s.io/v1";
  kind: "ClusterRole";
  rules?: PolicyRule[];
  aggregationRule?: { clusterRoleSelectors?: LabelSelector[] };
}

const aggregationRule: Message = message("Where a role gets its rules from.", {
  clusterRoleSelectors: objects(
    1,
    labelSelector,
    "ClusterRoles whose rules it takes: those that any of these finds.",
    atomic,
  ),
});

const clusterRole: Message = kindMessage(
  "What may be done in all namespaces and beside them; or, through a RoleBinding, in one namespace.",
  {
    rules: objects(2, policyRule, "What is allowed. Nothing can be forbidden.", atomic),
    aggregationRule: object(
      3,
      aggregationRule,
      "When it is there, rules are kept by the controller.",
      pointer,
    ),
  },
);

export const clusterRoleKind: KindDefinition = builtIn(clusterRole, {
  group: rbacGroup,
  version: "v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  singular: "clusterrole",
  createsOnUpdate: true,
  namespaced: false,
  nameFaults: pathSegmentFaults,
  validate: (object) => {
    const { rules = [], aggregationRule: from } = object as ClusterRole;
    const faults = new Faults();
    checkRules(faults, rules, false);
    if (from === undefined) return faults.errors;
    const { clusterRoleSelectors: selectors = [] } = from;
    const field = "aggregationRule.clusterRoleSelectors";
    if (selectors.length === 0) {
      const detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
      faults.required(field, detail);
    }
    for (const [index, selector] of selectors.entries()) faults.selector(`${field}[${index}]`, selector);
    return faults.errors;
  },
  columns: roleColumns,
});
