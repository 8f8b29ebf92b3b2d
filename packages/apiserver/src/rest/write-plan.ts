/** What a write makes of an object. Pure: time, chance and what is stored are arguments. */
import {
  ApplyTypeError,
  applySchemaDefaults,
  dropNulls,
  type FieldError,
  type FieldsV1,
  fitsTypes,
  type KindDefinition,
  type KubeObject,
  omitEmpty,
  updateObject,
  validateChange,
  validateObjectMeta,
  validateSchema,
  withoutTimes,
} from "@selvedge/apimachinery";
import { cloneJson, jsonEqual } from "@selvedge/base";
import { askRules, distinct, type Patience } from "./asked-rules.ts";
import { decodeFault } from "./decode-fault.ts";
import { type FieldRules, pruneObject, unreadable } from "./field-validation.ts";
import { apiVersionOf, hasGeneration, isNamespaceKind } from "./kind-names.ts";
import { withSizes } from "./pod-resize.ts";
import { checkUid, invalid, invalidField } from "./refusals.ts";
import { share } from "./share.ts";
import { statusErrors } from "./status-errors.ts";

export interface WriteContext {
  readonly kind: KindDefinition;
  readonly rules: FieldRules;
  readonly manager: string;
  readonly subresource: string | undefined;
  /** RFC 3339. */
  readonly time: string;
  /** For rules of a custom kind that take long; without it they are asked to their end. */
  readonly patience?: Patience;
  /** Managed fields are already in the object: apply has put them there. */
  readonly managed?: boolean;
  /** Of what is made: what the writer manages of it, where admission has put more into it. Of a change: see `Sent`. */
  readonly said?: Said;
  /** A part of this program writes: what a box says of itself is kept, however odd. */
  readonly ours?: boolean;
}

/** Fields as managedFields have them; where there may be very many, their JSON. */
export type Said = FieldsV1 | string | undefined;

/** The object as it will be stored for the first time; `wanted` is changed. */
export function planCreate(wanted: KubeObject, uid: string, context: WriteContext): KubeObject {
  const { kind, time } = context;
  const meta = wanted.metadata;
  meta.uid = uid;
  meta.creationTimestamp = time;
  delete meta.resourceVersion;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
  if (hasGeneration(kind) && kind.generationLater !== true) meta.generation = 1;
  else delete meta.generation;
  if (kind.subresources?.status && !kind.subresources.statusOnCreate) delete wanted["status"];
  if (isNamespaceKind(kind)) openNamespace(wanted);
  settle(wanted, undefined, context);
  return context.managed === true ? wanted : tracked(wanted, undefined, context);
}

/**
 * The object as it will be stored in place of `stored`: the same object when nothing changes. It shares
 * with `stored` what is equal, and `stored` is given the defaults that a newer version of us has: what a
 * default fills in is no change of the user's.
 */
export function planUpdate(stored: KubeObject, wanted: KubeObject, context: WriteContext): KubeObject {
  const { kind, subresource } = context;
  // Of an older version of us that kept what says nothing, or had fewer defaults.
  if (kind.protobuf !== undefined) omitEmpty(kind.schema, kind.protobuf, stored);
  applySchemaDefaults(kind.schema, stored);
  kind.applyDefaults?.(stored);
  refuseUnread(stored, wanted, context);
  const next = merge(stored, wanted, context);
  // What is the same of a status is settled. Of a spec too, but kinds' own defaults change it where it stands.
  if (subresource === "status" && !kind.custom) shareContent(next, stored);
  settle(next, stored, context);
  shareContent(next, stored);
  const isNew = hasGeneration(kind) && !jsonEqual(contentOf(next), contentOf(stored));
  if (isNew && !kind.keepsGeneration?.(next, stored)) {
    next.metadata.generation = (stored.metadata.generation ?? 0) + 1;
  }
  const { managedFields } = wanted.metadata;
  if (context.managed === true && managedFields !== undefined) next.metadata.managedFields = managedFields;
  const managed = context.managed === true ? next : tracked(next, stored, context);
  return jsonEqual(withoutTimes(managed), withoutTimes(stored)) ? stored : managed;
}

function shareContent(next: KubeObject, stored: KubeObject): void {
  for (const key of Object.keys(next)) {
    if (key !== "metadata") next[key] = share(next[key], stored[key]);
  }
}

/** Whether nothing holds a marked object any more. */
export function isGone(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  const held = (finalizers ?? []).length > 0 || namespaceFinalizers(object).length > 0;
  return Boolean(deletionTimestamp) && !deletionGracePeriodSeconds && !held;
}

/** What a namespace still waits for besides metadata.finalizers. */
export function namespaceFinalizers(object: KubeObject): readonly string[] {
  if (object.kind !== "Namespace" || object.apiVersion !== "v1") return [];
  return (object["spec"] as { finalizers?: string[] } | undefined)?.finalizers ?? [];
}

/** The object with managedFields that say what this write changed. */
function tracked(object: KubeObject, live: KubeObject | undefined, context: WriteContext): KubeObject {
  const { kind, manager, time, subresource, said } = context;
  try {
    const write = { kind, manager, time, live, object, ...(said && { said: fieldsIn(said) }) };
    return updateObject(subresource === undefined ? write : { ...write, subresource });
  } catch (error) {
    if (!(error instanceof ApplyTypeError)) throw error;
    // What is valid but cannot be told apart field by field is nobody's: the write itself must not fail for
    // that.
    const { managedFields: _unread, ...metadata } = object.metadata;
    const kept = live?.metadata.managedFields;
    return { ...object, metadata: kept === undefined ? metadata : { ...metadata, managedFields: kept } };
  }
}

function fieldsIn(said: FieldsV1 | string): FieldsV1 {
  return typeof said === "string" ? (JSON.parse(said) as FieldsV1) : said;
}

/**
 * What is wrong by the schema and by the kind's own rules. Lists of built-in kinds may hold a key twice, as
 * `env` does, unless the kind itself says no; custom kinds are asked of what changes only. Of what both miss,
 * the kind's own rules say more.
 */
function contentErrors(
  { kind, subresource, ours = false }: WriteContext,
  object: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  if (kind.custom) {
    const found = validateChange(kind.schema, object, old);
    return [...found, ...(kind.validate?.(object, old, found, subresource) ?? [])];
  }
  const errors = validateSchema(kind.schema, object, old);
  const own = kind.validate?.(object, old, errors, subresource) ?? [];
  if (subresource === "status" && old !== undefined && !ours) own.push(...statusErrors(kind, object, old));
  const named = new Set(own.filter(({ type }) => type === "FieldValueRequired").map(({ field }) => field));
  const found = errors.filter(({ type, field }) => {
    if (type === "FieldValueDuplicate") return false;
    // What a controller leaves out of a status is empty to upstream, not missing.
    return type !== "FieldValueRequired" || !(named.has(field) || field.startsWith("status."));
  });
  return [...found, ...own];
}

/** Refuses values of another type than the schema's: a kind's own defaults and rules rely on that. */
function checkTypes(
  kind: KindDefinition,
  object: KubeObject,
  old: KubeObject | undefined,
  rules: FieldRules,
): void {
  if (fitsTypes(kind.schema, object, old)) return;
  refuseUnreadable(kind, object, rules);
  const errors = validateSchema(kind.schema, object).filter(({ type }) => type === "FieldValueTypeInvalid");
  const [first] = errors;
  if (first !== undefined) throw unreadable(kind, rules, `${first.field}: ${first.detail}`);
}

/** Upstream decodes before it looks at anything else: what it cannot decode is all that is said. */
function refuseUnreadable(kind: KindDefinition, object: KubeObject, rules: FieldRules): void {
  const fault = kind.custom ? undefined : decodeFault(kind, object);
  if (fault !== undefined) throw unreadable(kind, rules, fault);
}

/** Of what such a write leaves as it is, too: it has been read by then. */
function refuseUnread(
  stored: KubeObject,
  wanted: KubeObject,
  { kind, subresource, rules }: WriteContext,
): void {
  const written = subresource === undefined ? undefined : parts[subresource]?.[0];
  const unread = ["spec", "status"].filter((name) =>
    subresource === undefined ? name === "status" && kind.subresources?.status : name !== written,
  );
  for (const name of unread) {
    if (wanted[name] !== undefined && !jsonEqual(wanted[name], stored[name]))
      refuseUnreadable(kind, { [name]: wanted[name] } as unknown as KubeObject, rules);
  }
}

/** Prunes what was sent and fills in defaults, in place; not again what the object shares with the old one. */
export function holdToKind(
  kind: KindDefinition,
  object: KubeObject,
  old: KubeObject | undefined,
  rules: FieldRules,
): void {
  try {
    pruneObject(kind, object, rules, old);
  } catch (error) {
    refuseUnreadable(kind, object, rules);
    throw error;
  }
  fillDefaults(kind, object, old, rules);
}

/** Gives the object its kind's defaults, as members of admission see it. */
export function fillDefaults(
  kind: KindDefinition,
  object: KubeObject,
  old: KubeObject | undefined,
  rules: FieldRules = {},
): void {
  if (kind.protobuf !== undefined) omitEmpty(kind.schema, kind.protobuf, object, old);
  else if (rules.keepsNulls !== true) dropNulls(kind.schema, object, old);
  // A custom kind's schema may have become stricter than what is stored: that is told of what changes only.
  if (!kind.custom) checkTypes(kind, object, old, rules);
  applySchemaDefaults(kind.schema, object, old);
  kind.applyDefaults?.(object, old);
}

/**
 * Prunes, defaults and checks, in place; not again what the object shares with the old one, which is
 * settled.
 */
function settle(object: KubeObject, old: KubeObject | undefined, context: WriteContext): void {
  const { kind, rules, patience } = context;
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  holdToKind(kind, object, old, rules);
  if (kind.custom) for (const text of finalizerWarnings(object, old)) rules.warn?.(text);
  const errors = validateObjectMeta(kind, object, old);
  // Rules of kinds may rely on a name; without one that alone is said.
  if (object.metadata.name) {
    const found = contentErrors(context, object, old);
    errors.push(...found);
    const ruled = { schema: kind.schema, object, old };
    const broken = kind.custom ? askRules(ruled, found, patience?.slice()) : [];
    if (broken === undefined) {
      patience?.wait({ ...ruled, errors });
      return;
    }
    errors.push(...broken);
  }
  if (errors.length === 0) return;
  refuseUnreadable(kind, object, rules);
  throw invalid(kind, object.metadata.name ?? "", distinct(errors));
}

const ownFinalizers = ["kubernetes", "orphan", "foregroundDeletion"];

/** Whoever newly holds an object of a user's kind should say by a domain who they are: upstream's words. */
function finalizerWarnings({ metadata }: KubeObject, old: KubeObject | undefined): string[] {
  const before = old?.metadata.finalizers ?? [];
  const added = (metadata.finalizers ?? []).filter(
    (one) => !before.includes(one) && !one.includes("/") && !ownFinalizers.includes(one),
  );
  return added.sort().map((one) => {
    const better = `prefer a domain-qualified finalizer name ${one.includes(".") ? "including a path (/) " : ""}`;
    const why = "to avoid accidental conflicts with other finalizer writers";
    return `metadata.finalizers: ${JSON.stringify(one)}: ${better}${why}`;
  });
}

/** What each subresource may write; all else stays as it is stored. */
const parts: Readonly<Record<string, readonly string[]>> = {
  status: ["status"],
  finalize: ["spec", "finalizers"],
  ephemeralcontainers: ["spec", "ephemeralContainers"],
  resize: ["spec"],
  approval: ["status", "conditions"],
};
const serverMeta = [
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
] as const;

/**
 * The stored object with what the write may change: a subresource its part, the main resource all but the
 * status; the server's own metadata stays.
 */
function merge(stored: KubeObject, wanted: KubeObject, context: WriteContext): KubeObject {
  const { kind, subresource, rules, managed = false } = context;
  const { uid, name } = wanted.metadata;
  const fixed = (field: string, value: unknown): Error =>
    invalidField(kind, name, `metadata.${field}`, value, "field is immutable");
  // A patch would change it.
  if (uid && uid !== stored.metadata.uid && (managed || rules.patch !== undefined)) throw fixed("uid", uid);
  checkUid(kind, wanted, stored.metadata.uid);
  for (const field of ["deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
    const value = wanted.metadata[field];
    if (subresource === undefined && value && stored.metadata[field] === undefined) throw fixed(field, value);
  }
  const part = subresource === undefined ? undefined : parts[subresource];
  const mergeOwn = subresource === "resize" ? withSizes : mergePart;
  const next = part === undefined ? mergeMain(kind, stored, wanted) : mergeOwn(stored, wanted, part);
  if (subresource !== undefined && withMetadata.has(subresource)) copyMetadata(kind, wanted, next);
  // Who gives a Pod its node says in the same write that it has one.
  if (subresource === "binding") copyAt(wanted, next, ["status"]);
  if (part === undefined && isNamespaceKind(kind)) copyAt(stored, next, ["spec", "finalizers"]);
  const meta = next.metadata as unknown as Record<string, unknown>;
  for (const field of [...serverMeta, "deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
    if (stored.metadata[field] === undefined) delete meta[field];
    else meta[field] = stored.metadata[field];
  }
  // Nobody has kept one for years.
  delete meta["selfLink"];
  const { managedFields } = wanted.metadata;
  if (part === undefined && managedFields === undefined) delete meta["managedFields"];
  return next;
}

/** Through these upstream lets labels, annotations, owners and finalizers change too; not for users' kinds. */
const withMetadata = new Set(["status", "finalize", "approval"]);

/** Groups of upstream's whose status is nothing but the status. */
const ownStatus = new Set(["apiextensions.k8s.io", "admissionregistration.k8s.io"]);

function copyMetadata(kind: KindDefinition, wanted: KubeObject, next: KubeObject): void {
  if (kind.custom || ownStatus.has(kind.group)) return;
  for (const field of ["labels", "annotations", "ownerReferences", "finalizers"] as const) {
    if (field === "ownerReferences" && kind.kind === "Pod") continue;
    if (field === "labels" && kind.kind === "Deployment") continue;
    copyAt(wanted, next, ["metadata", field]);
  }
}

/** Members that have to change together, as defaults may have it, are copied together. */
function mergePart(stored: KubeObject, wanted: KubeObject, part: readonly string[]): KubeObject {
  const next: KubeObject = { ...stored, metadata: { ...stored.metadata } };
  const [first = ""] = part;
  if (part.length > 1) next[first] = cloneJson(stored[first]);
  copyAt(wanted, next, part);
  return next;
}

/** Where nothing but metadata changes, all else is shared. */
function mergeMain(kind: KindDefinition, stored: KubeObject, wanted: KubeObject): KubeObject {
  const hasStatus = kind.subresources?.status === true;
  const { managedFields, ...others } = wanted.metadata;
  const metadata = { ...cloneJson(others), ...(managedFields === undefined ? {} : { managedFields }) };
  const isSame = jsonEqual(mainOf(wanted, hasStatus), mainOf(stored, hasStatus));
  if (isSame) return { ...stored, metadata };
  const { metadata: _metadata, ...content } = wanted;
  const next = { ...cloneJson(content), metadata };
  if (hasStatus) copyAt(stored, next, ["status"]);
  return next;
}

function mainOf(object: KubeObject, hasStatus: boolean): Record<string, unknown> {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, status, ...content } = object;
  return hasStatus ? content : { ...content, status };
}

/** Puts one member of an object where it belongs in another, or takes it away. */
function copyAt(from: KubeObject, to: KubeObject, path: readonly string[]): void {
  const last = path.at(-1) ?? "";
  let [source, target]: [Record<string, unknown> | undefined, Record<string, unknown>] = [from, to];
  for (const step of path.slice(0, -1)) {
    source = source?.[step] as Record<string, unknown> | undefined;
    target[step] = { ...(target[step] as Record<string, unknown> | undefined) };
    target = target[step] as Record<string, unknown>;
  }
  if (source?.[last] === undefined) delete target[last];
  else target[last] = cloneJson(source[last]);
}

function contentOf(object: KubeObject): Record<string, unknown> {
  const { metadata: _metadata, status: _status, ...content } = object;
  return content;
}

function openNamespace(namespace: KubeObject): void {
  const { metadata } = namespace;
  metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name };
  namespace["spec"] = { ...(namespace["spec"] as object | undefined), finalizers: ["kubernetes"] };
  namespace["status"] = { phase: "Active" };
}
