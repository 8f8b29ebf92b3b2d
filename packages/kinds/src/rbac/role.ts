import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { Faults } from "../faults.ts";
import { atomic, kindMessage, type Message, objects } from "../fields.ts";
import { builtIn } from "../kind.ts";
import {
  checkRules,
  type PolicyRule,
  pathSegmentFaults,
  policyRule,
  rbacGroup,
  roleColumns,
} from "./policy-rule.ts";

export interface Role extends KubeObject {
  apiVersion: "rbac.authorization.k8s.io/v1";
  kind: "Role";
  rules?: PolicyRule[];
}

const role: Message = kindMessage("What may be done in one namespace, by whoever a RoleBinding names.", {
  rules: objects(2, policyRule, "What is allowed. Nothing can be forbidden.", atomic),
});

export const roleKind: KindDefinition = builtIn(role, {
  group: rbacGroup,
  version: "v1",
  kind: "Role",
  plural: "roles",
  singular: "role",
  createsOnUpdate: true,
  namespaced: true,
  nameFaults: pathSegmentFaults,
  validate: (object) => {
    const faults = new Faults();
    checkRules(faults, (object as Role).rules ?? [], true);
    return faults.errors;
  },
  columns: roleColumns,
});
