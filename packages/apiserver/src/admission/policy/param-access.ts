/**
 * Nobody reads by a policy what they may not read: whoever names params, in a policy by their kind or in a binding
 * by their names, must be allowed to get them.
 */
import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import type { AdmissionMember, AdmissionRequest } from "../../admission.ts";
import type { Authorizer, ResourceAttributes } from "../../auth/authorization.ts";
import { mastersGroup, type User } from "../../auth/user.ts";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { invalid } from "../../rest/refusals.ts";
import { StatusError } from "../../status-error.ts";
import type { ParamKind, ParamRef } from "./compiled-policy.ts";
import { findParamKind } from "./params.ts";

interface Said {
  readonly paramKind?: ParamKind;
  readonly paramRef?: ParamRef;
  readonly policyName?: string;
}

export function paramAccess(
  objects: ObjectRegistry,
  kinds: { readonly policy: KindName; readonly binding: KindName },
  authorizer: () => Authorizer,
): AdmissionMember {
  const refuse = (request: AdmissionRequest, field: string, detail: string): StatusError => {
    const error: FieldError = { type: "FieldValueForbidden", field, detail };
    return invalid(request.kind, request.name, [error]);
  };
  const isPolicy = ({ plural }: KindName): boolean => plural === kinds.policy.plural;
  return {
    name: "PolicyParamAccess",
    handles: ({ kind, operation, subresource }) =>
      kind.group === kinds.policy.group &&
      [kinds.policy.plural, kinds.binding.plural].includes(kind.plural) &&
      (operation === "CREATE" || operation === "UPDATE") &&
      subresource === undefined,
    async validate(request) {
      const { user, object, old } = request;
      if (user === undefined || user.groups.includes(mastersGroup)) return;
      const [said, before] = [saidIn(object), saidIn(old)];
      const names = isPolicy(request.kind) ? said.paramKind : said.paramRef;
      const same =
        jsonEqual(said.paramKind, before.paramKind) &&
        jsonEqual(said.paramRef, before.paramRef) &&
        said.policyName === before.policyName;
      if (names === undefined || same) return;
      const policy = isPolicy(request.kind) ? said : await policyOf(objects, kinds.policy, said.policyName);
      const asked = { ...placeOf(objects.kinds, policy?.paramKind), ...scopeOf(said.paramRef) };
      if ((await authorizer().authorize({ type: "resource", user, ...asked })).allowed) return;
      const [field, detail] = isPolicy(request.kind)
        ? ["spec.paramKind", kindDetail(user, said.paramKind)]
        : ["spec.paramRef", refDetail(user, said, policy, asked)];
      throw refuse(request, field, detail);
    },
  };
}

function saidIn(object: KubeObject | undefined): Said {
  return (object?.["spec"] ?? {}) as Said;
}

/** Undefined: it is not there. */
async function policyOf(objects: ObjectRegistry, kind: KindName, name = ""): Promise<Said | undefined> {
  try {
    return saidIn((await objects.getStored(kind, name)).object);
  } catch (error) {
    if (error instanceof StatusError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

type Place = Pick<ResourceAttributes, "group" | "version" | "resource">;

/** Of what nobody knows, everything. */
function placeOf(kinds: readonly KindDefinition[], paramKind: ParamKind | undefined): Place {
  if (paramKind === undefined) return { group: "*", version: "*", resource: "*" };
  const { apiVersion = "" } = paramKind;
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  return { group, version, resource: findParamKind(kinds, paramKind)?.plural ?? "*" };
}

/** Without a binding, all objects of the kind. */
function scopeOf(ref: ParamRef | undefined): Pick<ResourceAttributes, "verb" | "name" | "namespace"> {
  if (ref === undefined) return { verb: "get", name: "*", namespace: "*" };
  const { name, namespace } = ref;
  return { verb: name ? "get" : "list", ...(name && { name }), ...(namespace && { namespace }) };
}

function kindDetail(user: User, { apiVersion = "", kind = "" }: ParamKind = {}): string {
  const what = `(kind=${kind}, apiVersion=${apiVersion})`;
  return `user ${shown(user)} must have "get" permission on all objects of the referenced paramKind ${what}`;
}

function refDetail(
  user: User,
  said: Said,
  policy: Said | undefined,
  asked: { readonly verb: string },
): string {
  const may = `"${asked.verb}" permission`;
  if (policy !== undefined)
    return `user ${shown(user)} does not have ${may} on the object referenced by paramRef`;
  const all = `for all groups, versions and resources`;
  const what = `unable to get policy ${said.policyName} to determine minimum required permissions`;
  return `${what} and user ${shown(user)} does not have ${may} ${all}`;
}

/** As Go prints a user. */
function shown({ name, uid = "", groups, extra = {} }: User): string {
  const more = Object.entries(extra).map(([key, values]) => `${key}:[${values.join(" ")}]`);
  return `&{${name} ${uid} [${groups.join(" ")}] map[${more.sort().join(" ")}]}`;
}
