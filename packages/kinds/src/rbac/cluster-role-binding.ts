import type { KindDefinition } from "@selvedge/apimachinery";
import { builtIn } from "../kind.ts";
import { type Binding, bindingMessage, bindingRules, checkBinding } from "./binding-fields.ts";
import { rbacGroup } from "./policy-rule.ts";

export interface ClusterRoleBinding extends Binding {
  apiVersion: "rbac.authorization.k8s.io/v1";
  kind: "ClusterRoleBinding";
}

const description = "Gives a role to people and programs in all namespaces and beside them.";

export const clusterRoleBindingKind: KindDefinition = builtIn(bindingMessage(description), {
  ...bindingRules,
  group: rbacGroup,
  version: "v1",
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  singular: "clusterrolebinding",
  createsOnUpdate: true,
  namespaced: false,
  validate: (object, old) =>
    checkBinding(object as Binding, old as Binding | undefined, ["ClusterRole"], false),
});
