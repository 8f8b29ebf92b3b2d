import type { KindDefinition } from "@selvedge/apimachinery";
import { builtIn } from "../kind.ts";
import { type Binding, bindingMessage, bindingRules, checkBinding } from "./binding-fields.ts";
import { rbacGroup } from "./policy-rule.ts";

export interface RoleBinding extends Binding {
  apiVersion: "rbac.authorization.k8s.io/v1";
  kind: "RoleBinding";
}

const description = "Gives a role to people and programs in one namespace.";

export const roleBindingKind: KindDefinition = builtIn(bindingMessage(description), {
  ...bindingRules,
  group: rbacGroup,
  version: "v1",
  kind: "RoleBinding",
  plural: "rolebindings",
  singular: "rolebinding",
  createsOnUpdate: true,
  namespaced: true,
  validate: (object, old) =>
    checkBinding(object as Binding, old as Binding | undefined, ["Role", "ClusterRole"], true),
});
