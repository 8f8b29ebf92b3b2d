/** Role-based access control: a user may do what some role says that some binding gives them. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { Clock, Log } from "@selvedge/base";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import type { Attributes, Authorizer, Decision, KnownRules } from "../authorization.ts";
import { KeptKind } from "../kept-kind.ts";
import type { User } from "../user.ts";
import { type Binding, type Grant, RbacIndex, type RoleRef, type Subject } from "./rbac-index.ts";
import { allowsPath, allowsResource, type PolicyRule } from "./rules.ts";

export const rbacGroup = "rbac.authorization.k8s.io";

const rbac = { group: rbacGroup, version: "v1" } as const;

export const roleName: KindName = { ...rbac, kind: "Role", plural: "roles", namespaced: true };
export const roleBindingName: KindName = {
  ...rbac,
  ...{ kind: "RoleBinding", plural: "rolebindings", namespaced: true },
};
export const clusterRoleName: KindName = {
  ...rbac,
  ...{ kind: "ClusterRole", plural: "clusterroles", namespaced: false },
};
export const clusterRoleBindingName: KindName = {
  ...rbac,
  ...{ kind: "ClusterRoleBinding", plural: "clusterrolebindings", namespaced: false },
};

export interface RbacOptions {
  readonly objects: ObjectRegistry;
  readonly clock: Clock;
  readonly log: Log;
}

/** Follows the roles and bindings of a registry. */
export class RbacAuthorizer implements Authorizer, Disposable {
  readonly index: RbacIndex = new RbacIndex();
  readonly #kept: readonly KeptKind[];
  readonly #synced: Promise<unknown>;

  constructor(options: RbacOptions) {
    const keep = (kind: KindName, onChange: Change): KeptKind => new KeptKind({ ...options, kind, onChange });
    const role: Change = (key, object) => this.index.putRole(key, object && rulesIn(object));
    const binding: Change = (key, object) => this.index.putBinding(key, object && bindingIn(object));
    this.#kept = [
      keep(roleName, role),
      keep(clusterRoleName, role),
      keep(roleBindingName, binding),
      keep(clusterRoleBindingName, binding),
    ];
    this.#synced = Promise.all(this.#kept.map(({ synced }) => synced));
  }

  async authorize(attributes: Attributes): Promise<Decision> {
    await this.#synced;
    const namespace = attributes.type === "resource" ? attributes.namespace : undefined;
    const { grants, faults } = this.index.grantsOf(attributes.user, namespace);
    for (const grant of grants) {
      if (allows(grant.rule, attributes)) {
        return { allowed: true, reason: `RBAC: allowed by ${describe(grant)}` };
      }
    }
    return { allowed: false, reason: faults.length === 0 ? "" : `RBAC: ${aggregate(faults)}` };
  }

  rulesFor(user: User, namespace: string | undefined): KnownRules {
    const { grants, faults } = this.index.grantsOf(user, namespace);
    const rules = [...grants].map(({ rule }) => rule);
    return { rules, faults: faults.length === 0 ? [] : [aggregate(faults)] };
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept) kept[Symbol.dispose]();
  }
}

type Change = (key: string, object: KubeObject | undefined) => void;

function allows(rule: PolicyRule, attributes: Attributes): boolean {
  return attributes.type === "path"
    ? allowsPath(rule, attributes.verb, attributes.path)
    : allowsResource(rule, attributes);
}

export function rulesIn(role: KubeObject): readonly PolicyRule[] {
  return (role["rules"] ?? []) as PolicyRule[];
}

function bindingIn({ metadata, ...fields }: KubeObject): Binding {
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    roleRef: fields["roleRef"] as RoleRef,
    subjects: (fields["subjects"] ?? []) as Subject[],
  };
}

/** `RoleBinding "a/shop" of Role "b" to User "ann"`, as upstream says it. */
function describe({ binding: { name, namespace, roleRef }, subject }: Grant): string {
  const which =
    namespace === undefined ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`;
  const account = subject.kind === "ServiceAccount" ? `/${subject.namespace || (namespace ?? "")}` : "";
  return `${which} of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} "${subject.name}${account}"`;
}

/** `[a, b]`, as upstream prints several errors. */
function aggregate(faults: readonly string[]): string {
  const distinct = [...new Set(faults)];
  return distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`;
}
