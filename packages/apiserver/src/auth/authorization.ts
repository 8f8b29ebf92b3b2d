/** Whether a user may do what a request asks. */
import { resourceName } from "../rest/kind-names.ts";
import { StatusError } from "../status-error.ts";
import { authenticatedGroup, mastersGroup, nodesGroup, type User } from "./user.ts";

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

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision> | Decision;
}

/**
 * Members of system:masters may do everything, everybody may ask who they are and what there is, a node may
 * read itself and the Pods that are its own, and that is all.
 */
export const defaultAuthorizer: Authorizer = {
  authorize(attributes) {
    const { groups } = attributes.user;
    if (groups.includes(mastersGroup)) return allow(`member of ${mastersGroup}`);
    if (!groups.includes(authenticatedGroup)) return deny;
    if (attributes.type === "path")
      return isDiscovery(attributes) ? allow("discovery is for everybody") : deny;
    if (isSelfReview(attributes)) return allow("everybody may ask about themselves");
    if (groups.includes(nodesGroup) && isOwn(attributes)) return allow("a node may read what is its own");
    return deny;
  },
};

const deny: Decision = { allowed: false, reason: "" };

function allow(reason: string): Decision {
  return { allowed: true, reason };
}

function isDiscovery({ verb, path }: PathAttributes): boolean {
  return verb === "get" && /^\/(api|apis|openapi|version|healthz|livez|readyz)(\/|$)/.test(path);
}

const selfReviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];

function isSelfReview({ verb, resource }: ResourceAttributes): boolean {
  return verb === "create" && selfReviews.includes(resource);
}

const nodePrefix = "system:node:";

function isOwn({
  user,
  verb,
  group,
  resource,
  subresource,
  name,
  fieldSelector,
}: ResourceAttributes): boolean {
  if (!user.name.startsWith(nodePrefix) || group !== "" || subresource) return false;
  const node = user.name.slice(nodePrefix.length);
  if (resource === "nodes") return verb === "get" && name === node;
  const reads = verb === "list" || verb === "watch";
  return resource === "pods" && reads && fieldSelector?.split(",").includes(`spec.nodeName=${node}`) === true;
}

export async function requireAllowed(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const { allowed, reason } = await authorizer.authorize(attributes);
  if (!allowed) throw forbidden(attributes, reason);
}

function forbidden(attributes: Attributes, reason: string): StatusError {
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
