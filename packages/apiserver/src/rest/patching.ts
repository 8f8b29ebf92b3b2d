/** Patches: what a body of each type makes of the stored object. Pure. */
import {
  ApplyConflictError,
  ApplyTypeError,
  applyObject,
  describeManager,
  type FieldError,
  type JsonPatchOperation,
  jsonPatch,
  type KindDefinition,
  type KubeObject,
  mergePatch,
  PatchError,
  PatchFormatError,
  strategicMergePatch,
} from "@selvedge/apimachinery";
import { type StatusCause, StatusError } from "../status-error.ts";
import { type FieldRules, unreadable } from "./field-validation.ts";
import { apiVersionOf } from "./kind-names.ts";
import { saidSizes } from "./pod-resize.ts";
import { badRequest, invalid, invalidOptions, tooLarge, unsupportedBody } from "./refusals.ts";

export type PatchKind = "json" | "merge" | "strategic" | "apply";

export const patchTypes: Readonly<Record<PatchKind, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** Custom kinds have no strategic patches: their schemas do not say how lists merge. */
export function patchTypesOf(kind: KindDefinition): string[] {
  const { json, merge, strategic, apply } = patchTypes;
  return kind.custom ? [json, merge, apply] : [json, merge, strategic, apply];
}

export function applyPatch(
  kind: KindDefinition,
  stored: KubeObject,
  type: Exclude<PatchKind, "apply">,
  patch: unknown,
): KubeObject {
  if (type === "strategic" && kind.custom) throw unsupportedBody(patchTypesOf(kind));
  if (Array.isArray(patch) !== (type === "json") || typeof patch !== "object" || patch === null)
    throw badRequest(`a ${type} patch is ${type === "json" ? "a list of operations" : "an object"}`);
  let patched: unknown;
  try {
    if (type === "json") patched = jsonPatch(stored, patch as JsonPatchOperation[]);
    else if (type === "merge") patched = mergePatch(stored, patch);
    else patched = { ...strategic(kind, stored, patch), apiVersion: stored.apiVersion, kind: stored.kind };
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    if (error instanceof PatchFormatError) throw badRequest(error.message);
    if (error.isTooLong) throw tooLarge(error.message);
    // Upstream says no more than this; what is wrong helps whoever wrote the patch.
    const message = `the server rejected our request due to an error in our request: ${error.message}`;
    throw new StatusError(422, "Invalid", message, {}, { cause: error });
  }
  return checked(kind, stored, patched, { type, value: patch });
}

/** What it calls its kind is not looked at: Ansible scales with patches of a Scale that say Deployment. */
function strategic(kind: KindDefinition, stored: KubeObject, patch: object): Record<string, unknown> {
  return strategicMergePatch(stored, patch as Record<string, unknown>, schemaWithMeta(kind));
}

/** metadata's own lists merge by these keys whatever the kind. */
const metadataSchema = {
  type: "object",
  properties: {
    finalizers: { type: "array", items: { type: "string" }, "x-kubernetes-patch-strategy": "merge" },
    ownerReferences: {
      type: "array",
      items: { type: "object" },
      "x-kubernetes-patch-strategy": "merge",
      "x-kubernetes-patch-merge-key": "uid",
    },
  },
} as const;

function schemaWithMeta({ schema }: KindDefinition): KindDefinition["schema"] {
  return { ...schema, properties: { ...schema.properties, metadata: metadataSchema } };
}

type Said = NonNullable<FieldRules["patch"]>;

function checked(kind: KindDefinition, stored: KubeObject, value: unknown, patch: Said): KubeObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badRequest("no object is left");
  // What it is need not be said of a built-in kind: that is known.
  const known = kind.custom ? {} : { apiVersion: stored.apiVersion, kind: stored.kind };
  const said = value as KubeObject;
  const object = said.kind && said.apiVersion ? said : { ...known, ...said };
  const { apiVersion, kind: name, metadata } = object;
  if (typeof metadata !== "object" || metadata === null) throw unnamed(stored.metadata.name);
  if (apiVersion !== apiVersionOf(kind) || name !== kind.kind) throw otherKind(kind, object, patch);
  return object;
}

function unnamed(name: string): StatusError {
  return badRequest(
    `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  );
}

/** A patch has made it an object of another kind, or of another version. */
function otherKind(kind: KindDefinition, object: KubeObject, patch: Said): StatusError {
  const { apiVersion, kind: name, metadata } = object;
  if (!kind.custom) {
    const detail = `no kind ${JSON.stringify(name)} is registered for version ${JSON.stringify(apiVersion)}`;
    return unreadable(kind, { patch }, detail);
  }
  const wanted = { kind: kind.kind, apiVersion: apiVersionOf(kind) };
  const wrong = (["kind", "apiVersion"] as const).filter((field) => object[field] !== wanted[field]);
  const errors = wrong.map((field): FieldError => {
    return { type: "FieldValueInvalid", field, value: object[field], detail: `must be ${wanted[field]}` };
  });
  return invalid(kind, metadata.name, errors);
}

export interface ApplyRequest {
  readonly kind: KindDefinition;
  readonly stored: KubeObject | undefined;
  readonly patch: unknown;
  readonly manager: string | undefined;
  readonly force: boolean;
  readonly subresource: string | undefined;
  readonly time: string;
}

/** Server-side apply, managedFields included. */
export function applyConfiguration(request: ApplyRequest): KubeObject {
  const { kind, stored, manager, force, subresource, time } = request;
  if (!manager) {
    const detail = "is required for apply patch";
    throw invalidOptions("PatchOptions", [{ type: "FieldValueRequired", field: "fieldManager", detail }]);
  }
  const said = spokenPart(kind, checkedConfiguration(kind, request.patch), subresource);
  const { uid, name, namespace } = said.metadata;
  if (stored === undefined && uid) {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw new StatusError(
      409,
      "Conflict",
      `Operation cannot be fulfilled on ${kind.plural} "${name}": ${why}`,
    );
  }
  const write = { kind, live: stored, object: said, manager, force, time };
  try {
    return applyObject(subresource === undefined ? write : { ...write, subresource });
  } catch (error) {
    if (error instanceof ApplyConflictError) throw applyConflict(error);
    if (!(error instanceof ApplyTypeError)) throw error;
    const which = `${namespace ?? ""}/${name}; ${kind.group}/${kind.version}, Kind=${kind.kind}`;
    const message = `failed to create typed patch object (${which}): ${error.message}`;
    throw new StatusError(500, "", message, undefined, { cause: error });
  }
}

/** Refuses what does not say of what kind and version it is: nothing else tells the fields it means. */
export function checkSaid(kind: KindDefinition, said: Readonly<Record<string, unknown>>): void {
  const { apiVersion = "", kind: name = "" } = said;
  if (apiVersion === apiVersionOf(kind) && name === kind.kind) return;
  const version = String(apiVersion);
  throw badRequest(`invalid object type: ${version.includes("/") ? "" : "/"}${version}, Kind=${name}`);
}

function checkedConfiguration(kind: KindDefinition, patch: unknown): KubeObject {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) {
    throw badRequest("error decoding patch: an apply configuration is an object");
  }
  const { metadata } = patch as KubeObject;
  checkSaid(kind, patch as KubeObject);
  if (typeof metadata !== "object" || metadata === null) throw badRequest("metadata must be an object");
  if (metadata.managedFields !== undefined && metadata.managedFields !== null) {
    throw badRequest("metadata.managedFields must be nil");
  }
  return patch as KubeObject;
}

/** What a manager may say here: a subresource's part, or all but the status. */
function spokenPart(kind: KindDefinition, patch: KubeObject, subresource: string | undefined): KubeObject {
  const { status, ...others } = patch;
  if (subresource === "status") {
    const { apiVersion, kind: name, metadata } = patch;
    const identity = { name: metadata.name, ...(metadata.namespace && { namespace: metadata.namespace }) };
    return { apiVersion, kind: name, metadata: identity, ...(status === undefined ? {} : { status }) };
  }
  if (subresource === "resize") return saidSizes(patch);
  return (kind.subresources?.status ? others : patch) as KubeObject;
}

function applyConflict({ conflicts }: ApplyConflictError): StatusError {
  const found = [...conflicts].map(([id, managed]) => ({
    manager: describeManager(id),
    paths: managed.set.paths(),
  }));
  const causes: StatusCause[] = found.flatMap(({ manager, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${manager}`, field })),
  );
  const first = found[0];
  const message =
    causes.length === 1 && first !== undefined
      ? `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.paths[0]}`
      : `Apply failed with ${causes.length} conflicts: ${found
          .toSorted((a, b) => (a.manager < b.manager ? -1 : 1))
          .map(({ manager, paths }) =>
            [`conflicts with ${manager}:`, ...paths.map((path) => `- ${path}`)].join("\n"),
          )
          .join("\n")}`;
  return new StatusError(409, "Conflict", message, { causes });
}

/** A patch may say where the object is, and nothing else. */
export function checkPlace({ metadata }: KubeObject, name: string, namespace: string | undefined): void {
  const { name: said, namespace: place } = metadata;
  if (!said) throw unnamed(name);
  if (said !== name)
    throw badRequest(`the name of the object (${said}) does not match the name on the URL (${name})`);
  if (!place || !namespace || place === namespace) return;
  throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}
