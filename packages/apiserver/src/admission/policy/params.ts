/** The objects that tell a policy more, by what its binding says of them. */
import { type KindDefinition, type KubeObject, matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { StatusError } from "../../status-error.ts";
import type { ParamKind, ParamRef } from "./compiled-policy.ts";

/** There are no params that the policy can be asked with: a mistake of the policy's, or of its binding. */
export class ParamError extends Error {
  override name = "ParamError";
}

/** The kind that a policy names, if it is served. */
export function findParamKind(
  kinds: readonly KindDefinition[],
  { apiVersion = "", kind = "" }: ParamKind,
): KindDefinition | undefined {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  return kinds.find((one) => one.group === group && one.version === version && one.kind === kind);
}

/** Undefined: the policy has no params. */
export function paramKindOf(
  kinds: readonly KindDefinition[],
  paramKind: ParamKind | undefined,
): KindDefinition | undefined {
  if (paramKind === undefined) return undefined;
  const found = findParamKind(kinds, paramKind);
  if (found !== undefined) return found;
  const { apiVersion = "", kind = "" } = paramKind;
  const shown = `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
  throw new ParamError(`failed to find resource referenced by paramKind: '${shown}'`);
}

/**
 * The policy is asked with each; undefined is none, where none are needed. `namespace`: that of the object
 * that is written.
 */
export async function collectParams(
  objects: ObjectRegistry,
  { kind, ref }: { readonly kind: KindDefinition | undefined; readonly ref: ParamRef | undefined },
  namespace: string | undefined,
): Promise<readonly (KubeObject | undefined)[]> {
  if (kind === undefined || ref === undefined) return [undefined];
  const found = await find(objects, kind, ref, placeOf(kind, ref, namespace));
  if (found.length === 0 && ref.parameterNotFoundAction === "Deny") {
    const why = "no params found for policy binding with `Deny` parameterNotFoundAction";
    throw new ParamError(why);
  }
  return found;
}

function placeOf(
  { namespaced }: KindDefinition,
  { namespace: said }: ParamRef,
  namespace: string | undefined,
): string | undefined {
  if (namespaced && (said || namespace)) return said || namespace;
  if (namespaced) {
    const why = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources";
    throw new ParamError(why);
  }
  if (!said) return undefined;
  throw new ParamError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
}

async function find(
  objects: ObjectRegistry,
  kind: KindDefinition,
  { name, selector }: ParamRef,
  namespace: string | undefined,
): Promise<readonly KubeObject[]> {
  if (!name) {
    const requirements = requirementsOf(selector) ?? [];
    const { items } = await objects.listStored(kind, namespace === undefined ? {} : { namespace });
    const all = items.map(({ object }) => object);
    return all.filter(({ metadata }) => matchesLabels(requirements, metadata.labels));
  }
  try {
    return [(await objects.getStored(kind, name, namespace)).object];
  } catch (error) {
    if (error instanceof StatusError && error.reason === "NotFound") return [];
    throw error;
  }
}
