/** Whether a user may do what a request asks. */
import { resourceName } from "../rest/kind-names.ts";
import { StatusError } from "../status-error.ts";
import type { PolicyRule } from "./rbac/rules.ts";
import { authenticatedGroup, mastersGroup, type User } from "./user.ts";

/** What a request asks for: something with a resource, or with a path. */
export type Attributes = ResourceAttributes | PathAttributes;

export interface ResourceAttributes {
  readonly type: "resource";
  readonly user: User;
  readonly verb: string;
  readonly group: string;
  readonly version?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Of a list or watch, as asked. */
  readonly fieldSelector?: string;
}

export interface PathAttributes {
  readonly type: "path";
  readonly user: User;
  readonly verb: string;
  readonly path: string;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** All that a user may do, as far as it can be listed. */
export interface KnownRules {
  readonly rules: readonly PolicyRule[];
  /** Why there may be more. */
  readonly faults: readonly string[];
}

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision> | Decision;
  rulesFor?(user: User, namespace: string): KnownRules;
}

const denied: Decision = { allowed: false, reason: "" };

/** Allowed by any of them; refused for the reasons of all. */
export function anyOf(...authorizers: readonly Authorizer[]): Authorizer {
  return {
    async authorize(attributes) {
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const decision = await authorizer.authorize(attributes);
        if (decision.allowed) return decision;
        if (decision.reason !== "") reasons.push(decision.reason);
      }
      return { allowed: false, reason: reasons.join("\n") };
    },
    rulesFor(user, namespace) {
      const known = authorizers.flatMap((one) => one.rulesFor?.(user, namespace) ?? []);
      return {
        rules: known.flatMap(({ rules }) => rules),
        faults: known.flatMap(({ faults }) => faults),
      };
    },
  };
}

/** Members of system:masters may do everything, whatever roles there are. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user }) =>
    user.groups.includes(mastersGroup) ? { allowed: true, reason: `member of ${mastersGroup}` } : denied,
};

const discovery: PolicyRule = {
  verbs: ["get"],
  nonResourceURLs: [
    ...["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"],
    ...["/healthz", "/livez", "/readyz", "/version", "/version/"],
  ],
};
const selfReviews: readonly PolicyRule[] = [
  {
    verbs: ["create"],
    apiGroups: ["authorization.k8s.io"],
    resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
  },
  { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
];
const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** Without roles: masters may do everything, everybody may ask who they are and what there is. */
export const defaultAuthorizer: Authorizer = {
  authorize(attributes) {
    const decision = mastersAuthorizer.authorize(attributes) as Decision;
    if (decision.allowed || !attributes.user.groups.includes(authenticatedGroup)) return decision;
    const allowed =
      attributes.type === "path"
        ? attributes.verb === "get" &&
          /^\/(api|apis|openapi|version|healthz|livez|readyz)(\/|$)/.test(attributes.path)
        : attributes.verb === "create" &&
          selfReviews.some(
            ({ apiGroups, resources }) =>
              apiGroups?.includes(attributes.group) && resources?.includes(attributes.resource),
          );
    return allowed ? { allowed, reason: "everybody may ask who they are and what there is" } : decision;
  },
  rulesFor: ({ groups }) => ({
    rules: [...(groups.includes(mastersGroup) ? everything : []), ...selfReviews, discovery],
    faults: [],
  }),
};

export async function requireAllowed(authorizer: Authorizer, attributes: Attributes): Promise<Decision> {
  const decision = await authorizer.authorize(attributes);
  if (!decision.allowed) throw forbidden(attributes, decision.reason);
  return decision;
}

export function forbidden(attributes: Attributes, reason: string): StatusError {
  const { user, verb } = attributes;
  const because = reason === "" ? "" : `: ${reason}`;
  if (attributes.type === "path") {
    const message = `forbidden: User "${user.name}" cannot ${verb} path "${attributes.path}"${because}`;
    return new StatusError(403, "Forbidden", message, {});
  }
  const { group, resource, subresource, namespace, name = "" } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace "${namespace}"` : "at the cluster scope";
  const which = resourceName({ group, plural: resource });
  const subject = name === "" ? which : `${which} "${name}"`;
  const cannot = `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`;
  const message = `${subject} is forbidden: ${cannot}${because}`;
  return new StatusError(403, "Forbidden", message, { ...(name && { name }), group, kind: resource });
}
