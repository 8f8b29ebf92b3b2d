/**
 * Nobody may give away what they do not have: whoever writes a role must be allowed all that it allows, or
 * may `escalate` it; whoever writes a binding must be allowed all that its role allows, or may `bind` it.
 */
import type { KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "../../admission.ts";
import { StatusError } from "../../status-error.ts";
import type { Authorizer } from "../authorization.ts";
import { mastersGroup, type User } from "../user.ts";
import { type RbacAuthorizer, rbacGroup, rulesIn } from "./rbac-authorizer.ts";
import type { RoleRef } from "./rbac-index.ts";
import { compact, describeRule, notCovered, type PolicyRule, quoted } from "./rules.ts";

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

export interface EscalationOptions {
  readonly rbac: RbacAuthorizer;
  /** All there is to say who may do what, RBAC being one of them. */
  readonly authorizer: Authorizer;
}

export function escalationGuard({ rbac, authorizer }: EscalationOptions): AdmissionMember {
  const may = async (user: User, verb: string, resource: string, place: object): Promise<boolean> => {
    const asked = { type: "resource", user, verb, group: rbacGroup, version: "v1", resource } as const;
    return (await authorizer.authorize({ ...asked, ...place })).allowed;
  };

  const checkRole = async (request: AdmissionRequest, user: User, role: KubeObject): Promise<void> => {
    const { kind, name, namespace, old } = request;
    const aggregates = role["aggregationRule"] !== undefined;
    if (old !== undefined && jsonEqual(rulesIn(old), rulesIn(role)) && !gains(old, role)) return;
    if (await may(user, "escalate", kind.plural, { name, ...(namespace && { namespace }) })) return;
    const owned = rbac.rulesFor(user, namespace).rules;
    if (aggregates && notCovered(owned, everything).length > 0) {
      throw refusedBy(request, "must have cluster-admin privileges to use the aggregationRule");
    }
    checkCovered(request, user, owned, rulesIn(role));
  };

  const checkBinding = async (request: AdmissionRequest, user: User, made: KubeObject): Promise<void> => {
    const { namespace, old } = request;
    const roleRef = made["roleRef"] as RoleRef;
    if (
      old !== undefined &&
      jsonEqual(old["roleRef"], roleRef) &&
      jsonEqual(old["subjects"], made["subjects"])
    ) {
      return;
    }
    const resource = roleRef.kind === "ClusterRole" ? "clusterroles" : "roles";
    if (await may(user, "bind", resource, { name: roleRef.name, ...(namespace && { namespace }) })) return;
    const rules = rbac.index.rulesOf(roleRef, namespace);
    if (rules === undefined) throw roleNotFound(roleRef, resource);
    checkCovered(request, user, rbac.rulesFor(user, namespace).rules, rules);
  };

  return {
    name: "RbacEscalation",
    handles: ({ kind, operation }) => kind.group === rbacGroup && operation !== "DELETE",
    async validate(request) {
      const { user, object, kind } = request;
      // The program itself keeps roles as they should be; masters may do everything.
      if (user === undefined || object === undefined || user.groups.includes(mastersGroup)) return;
      if (kind.plural === "roles" || kind.plural === "clusterroles") await checkRole(request, user, object);
      else await checkBinding(request, user, object);
    },
  };
}

/** Whether the role takes rules from others that it did not take before. */
function gains(old: KubeObject, role: KubeObject): boolean {
  return role["aggregationRule"] !== undefined && !jsonEqual(old["aggregationRule"], role["aggregationRule"]);
}

function checkCovered(
  request: AdmissionRequest,
  user: User,
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): void {
  const missing = notCovered(owned, wanted);
  if (missing.length === 0) return;
  const lines = [...new Set(compact(missing).map(describeRule))].sort();
  const who = `user ${JSON.stringify(user.name)} (groups=${quoted(user.groups)})`;
  const what = "is attempting to grant RBAC permissions not currently held";
  throw refusedBy(request, `${who} ${what}:\n${lines.join("\n")}`);
}

function roleNotFound({ kind, name }: RoleRef, resource: string): StatusError {
  const message = `${kind.toLowerCase()}.${rbacGroup} "${name}" not found`;
  return new StatusError(404, "NotFound", message, { name, group: rbacGroup, kind: resource });
}
