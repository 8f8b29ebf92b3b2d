/**
 * metadata.managedFields: who manages what, as objects carry it. `applyObject` and `updateObject` are the two
 * ways a write goes through it. Pure: the time is an argument.
 */
import { jsonEqual } from "@selvedge/base";
import { readAs } from "../codec/read-as.ts";
import type { KindDefinition } from "../kind-definition.ts";
import type { KubeObject, ManagedFieldsEntry } from "../object.ts";
import { ApplyTypeError, checkType, type TypeRef, toFieldSet } from "./apply-type.ts";
import { FieldSet, type FieldsV1, isBare } from "./field-set.ts";
import { madeFields } from "./made-fields.ts";
import { compareValues } from "./merge-values.ts";
import { applyTypeOf, versionsOf } from "./schema-type.ts";
import { ApplyConflictError, applyManaged, type Managed, type Managers, updateManaged } from "./updater.ts";

export interface ManagedWrite {
  readonly kind: KindDefinition;
  /** What is stored; undefined when the write creates. */
  readonly live: KubeObject | undefined;
  /** Apply: what the manager says. Update: the whole object as it will be stored. */
  readonly object: KubeObject;
  readonly manager: string;
  readonly subresource?: string;
  /** RFC 3339. */
  readonly time: string;
  /**
   * Of what is made: what its maker manages of it, where others have put more into it since. Of a change: what the
   * server assigns, which nobody manages.
   */
  readonly said?: FieldsV1;
}

/** Upstream's bound on managers that update; the oldest are merged into one. */
const updatersMax = 10;
const ancient = "ancient-changes";
const lastAppliedKey = "kubectl.kubernetes.io/last-applied-configuration";
/** The server's own: nobody manages them. */
const serverFields = FieldSet.fromJson({
  "f:apiVersion": {},
  "f:kind": {},
  "f:metadata": {
    ".": {},
    "f:name": {},
    "f:namespace": {},
    "f:creationTimestamp": {},
    "f:selfLink": {},
    "f:uid": {},
    "f:generation": {},
    "f:managedFields": {},
    "f:resourceVersion": {},
  },
});

/** What everybody manages, and when each wrote last. */
interface Ledger {
  readonly managers: Map<string, Managed>;
  readonly times: Map<string, string | undefined>;
  /** What was read, with the text it was read from, which we wrote: most of it is written back as it is. */
  readonly read: ReadonlyMap<string, { readonly set: FieldSet; readonly fields: FieldsV1 }>;
}

/** The object after the apply, managedFields included. Throws ApplyConflictError, ApplyTypeError. */
export function applyObject(write: ManagedWrite & { readonly force: boolean }): KubeObject {
  const { kind, live, object, manager, force, time } = write;
  const ledger = readLedger(live?.metadata.managedFields, true);
  const id = managerId({ manager, operation: "Apply", ...subresourceOf(write) });
  const bare = live === undefined ? undefined : withoutManagedFields(live);
  const input = {
    versions: versionsOf(kind),
    live: bare,
    object: withoutManagedFields(object),
    apiVersion: object.apiVersion,
    managers: ledger.managers,
    manager: id,
  };
  let result: { readonly object: unknown; readonly managers: Managers };
  try {
    result = applyManaged({ ...input, force });
  } catch (error) {
    if (!(error instanceof ApplyConflictError) || manager !== "kubectl" || live === undefined) throw error;
    const left = withoutAllowed(error, lastAppliedFields(kind, live));
    if (left !== undefined) throw left;
    result = applyManaged({ ...input, force: true });
  }
  const applied = (result.object ?? {}) as KubeObject;
  if (manager === "kubectl") refreshLastApplied(applied, object);
  ledger.times.set(id, time);
  return withLedger(applied, result.managers, ledger);
}

/** The object with managedFields that say what the writer changed. */
export function updateObject(write: ManagedWrite): KubeObject {
  const { kind, live, object, manager, time } = write;
  const said = write.subresource === undefined ? object.metadata.managedFields : undefined;
  if (live === undefined && (said === undefined || said.length === 0)) return madeObject(write);
  const ledger = ledgerOfUpdate(said, live?.metadata.managedFields);
  const self = "current-operation";
  const bare = withoutManagedFields(object);
  const { managers } = updateManaged({
    versions: versionsOf(kind),
    live: live === undefined ? {} : withoutManagedFields(live),
    object: bare,
    apiVersion: object.apiVersion,
    managers: ledger.managers,
    manager: self,
  });
  const after = new Map(managers);
  const own = after.get(self);
  after.delete(self);
  const set = own?.set.difference(serverFields);
  if (own !== undefined && set !== undefined && !set.isEmpty) {
    const { apiVersion } = object;
    const id = managerId({ manager, operation: "Update", apiVersion, ...subresourceOf(write) });
    const before = after.get(id)?.set ?? new FieldSet();
    after.set(id, { ...own, set: before.union(set) });
    ledger.times.set(id, time);
  }
  if (write.said !== undefined && live !== undefined) disown(after, FieldSet.fromJson(write.said));
  return withLedger(bare, capped(after, ledger.times), ledger);
}

function disown(managers: Map<string, Managed>, assigned: FieldSet): void {
  for (const [id, managed] of managers) {
    const set = managed.set.difference(assigned);
    if (set.isEmpty) managers.delete(id);
    else managers.set(id, { ...managed, set });
  }
}

/** Of an object that somebody makes all is theirs; nobody else's fields need be looked at. */
function madeObject({ kind, object, manager, subresource, time, said }: ManagedWrite): KubeObject {
  const bare = withoutManagedFields(object);
  const fields = said ?? saidFields(kind, bare) ?? comparedFields(applyTypeOf(kind), bare);
  // It is the server that fills it in.
  if (kind.subresources?.status === true) delete fields["f:status"];
  if (isBare(fields)) return bare;
  const { apiVersion } = object;
  const who = { manager, operation: "Update", apiVersion, ...(subresource && { subresource }) } as const;
  return { ...bare, metadata: { ...bare.metadata, managedFields: [entryOf(who, time, fields)] } };
}

/**
 * What the maker of an object manages of it, without what the server assigns; undefined where it takes a closer look,
 * or is wrong in some way.
 */
export function saidFields(
  kind: KindDefinition,
  object: KubeObject,
  assigned?: FieldsV1,
): FieldsV1 | undefined {
  try {
    const fields = madeFields(applyTypeOf(kind), withoutManagedFields(object));
    if (assigned === undefined || fields === undefined) return fields;
    return FieldSet.fromJson(fields).difference(FieldSet.fromJson(assigned)).toJson();
  } catch (error) {
    if (error instanceof ApplyTypeError) return undefined;
    throw error;
  }
}

/** Of what has to be looked at more closely. Throws ApplyTypeError. */
function comparedFields(type: TypeRef, object: KubeObject): FieldsV1 {
  checkType(type, object, "allowed");
  const { added, modified } = compareValues(type, {}, object, { left: true, right: true });
  return added.union(modified).difference(serverFields).toJson();
}

/** Whether two objects differ in nothing but when their managers wrote. */
export function withoutTimes(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  if (managedFields === undefined) return object;
  const timeless = managedFields.map(({ time: _time, ...entry }) => entry);
  return { ...object, metadata: { ...metadata, managedFields: timeless } };
}

/** `"kubectl" using apps/v1`, as conflicts name a manager. */
export function describeManager(id: string): string {
  const { manager, operation, apiVersion, subresource } = JSON.parse(id) as ManagedFieldsEntry;
  const name = JSON.stringify(manager ?? "");
  const of = subresource ? `${name} with subresource ${JSON.stringify(subresource)}` : name;
  return operation === "Update" ? `${of} using ${apiVersion}` : of;
}

function subresourceOf({ subresource }: ManagedWrite): { subresource?: string } {
  return subresource === undefined ? {} : { subresource };
}

/** Who an entry speaks for. An applier is the same in every version, an updater is not. */
function managerId(entry: ManagedFieldsEntry): string {
  const { manager, operation, apiVersion, subresource } = entry;
  const version = operation === "Apply" ? undefined : apiVersion;
  return JSON.stringify({ apiVersion: version, manager, operation, subresource: subresource || undefined });
}

/** `own` entries are as we wrote them. */
function readLedger(entries: readonly ManagedFieldsEntry[] | undefined, own: boolean): Ledger {
  const read: Map<string, { readonly set: FieldSet; readonly fields: FieldsV1 }> = new Map();
  const ledger: Ledger = { managers: new Map(), times: new Map(), read };
  for (const entry of entries ?? []) {
    const id = managerId(entry);
    const fields = (entry.fieldsV1 ?? {}) as FieldsV1;
    const set = FieldSet.fromJson(fields);
    if (own) read.set(id, { set, fields });
    ledger.managers.set(id, {
      set,
      apiVersion: entry.apiVersion ?? "",
      applied: entry.operation === "Apply",
    });
    ledger.times.set(id, entry.time);
  }
  return ledger;
}

/** An empty list, or one of an empty entry, means "start anew"; none, or what cannot be read, means "as it was". */
function ledgerOfUpdate(
  said: readonly ManagedFieldsEntry[] | undefined,
  stored: readonly ManagedFieldsEntry[] | undefined,
): Ledger {
  const [only = {}, ...more] = said ?? [];
  if (said !== undefined && more.length === 0 && Object.keys(only).length === 0) return readLedger([], true);
  if (said !== undefined && !jsonEqual(said, stored)) {
    try {
      if (said.every(isEntry)) return readLedger(said, false);
    } catch {
      // What the writer sent is no set of fields: the stored entries hold.
    }
  }
  return readLedger(stored, true);
}

function isEntry({ operation, apiVersion, fieldsType }: ManagedFieldsEntry): boolean {
  return (
    (operation === "Apply" || operation === "Update") && Boolean(apiVersion) && fieldsType === "FieldsV1"
  );
}

function withLedger(object: KubeObject, managers: Managers, { times, read }: Ledger): KubeObject {
  const entries: ManagedFieldsEntry[] = [];
  for (const [id, { set, apiVersion, applied }] of managers) {
    const kept = set.difference(serverFields);
    if (kept.isEmpty) continue;
    const { manager = "", subresource } = JSON.parse(id) as ManagedFieldsEntry;
    const before = read.get(id);
    const fields = before?.set === kept ? before.fields : kept.toJson();
    const operation = applied ? "Apply" : "Update";
    const who = { manager, operation, apiVersion, ...(subresource && { subresource }) } as const;
    entries.push(entryOf(who, times.get(id), fields));
  }
  entries.sort(inOrder);
  const { managedFields: _old, ...metadata } = object.metadata;
  return { ...object, metadata: entries.length > 0 ? { ...metadata, managedFields: entries } : metadata };
}

interface Writer {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource?: string;
}

function entryOf(
  { manager, operation, apiVersion, subresource }: Writer,
  time: string | undefined,
  fieldsV1: FieldsV1,
): ManagedFieldsEntry {
  const entry: ManagedFieldsEntry = { manager, operation, apiVersion };
  if (time !== undefined) entry.time = time;
  entry.fieldsType = "FieldsV1";
  entry.fieldsV1 = fieldsV1;
  if (subresource) entry.subresource = subresource;
  return entry;
}

function inOrder(left: ManagedFieldsEntry, right: ManagedFieldsEntry): number {
  for (const field of ["operation", "time", "manager", "apiVersion", "subresource"] as const) {
    const [a, b] = [left[field] ?? "", right[field] ?? ""];
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

/** The oldest updaters beyond the bound, merged into one for each version they wrote. */
function capped(managers: Managers, times: Map<string, string | undefined>): Managers {
  const updaters = [...managers]
    .filter(([, { applied }]) => !applied)
    .sort(([a], [b]) => ((times.get(a) ?? "") < (times.get(b) ?? "") ? -1 : 1));
  let excess = updaters.length - updatersMax;
  if (excess <= 0) return managers;
  const after = new Map(managers);
  for (const [id, { set, apiVersion }] of updaters) {
    if (excess <= 0) break;
    const bucket = managerId({ manager: ancient, operation: "Update", apiVersion });
    if (id === bucket) continue;
    const merged = after.get(bucket)?.set ?? new FieldSet();
    // The first one put into a bucket takes no entry away.
    if (after.has(bucket)) excess--;
    after.delete(id);
    after.set(bucket, { set: merged.union(set), apiVersion, applied: false });
    times.set(bucket, times.get(id));
  }
  return after;
}

function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _fields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * The fields that client-side apply said last and that still are as it said: kubectl may take them over
 * unforced.
 */
function lastAppliedFields(kind: KindDefinition, live: KubeObject): FieldSet {
  const text = live.metadata.annotations?.[lastAppliedKey];
  if (text === undefined || text === "") return new FieldSet();
  const type = applyTypeOf(kind);
  try {
    const said = readAs(kind, text) as KubeObject;
    if (said.apiVersion !== live.apiVersion) return new FieldSet();
    const { added, modified, removed } = compareValues(type, said, live);
    return toFieldSet(type, said).difference(modified).difference(added).difference(removed);
  } catch {
    // An annotation that is no configuration allows nothing.
    return new FieldSet();
  }
}

function withoutAllowed(error: ApplyConflictError, allowed: FieldSet): ApplyConflictError | undefined {
  const left = new Map<string, Managed>();
  for (const [id, managed] of error.conflicts) {
    const set = managed.set.difference(allowed);
    if (!set.isEmpty) left.set(id, { ...managed, set });
  }
  return left.size === 0 ? undefined : new ApplyConflictError(left);
}

/** Keeps the annotation of client-side apply true, so that a user can go back to it. */
function refreshLastApplied(applied: KubeObject, said: KubeObject): void {
  const { annotations } = applied.metadata;
  if (!annotations?.[lastAppliedKey]) return;
  const copy = withoutManagedFields(said);
  const { [lastAppliedKey]: _old, ...others } = copy.metadata.annotations ?? {};
  const metadata = { ...copy.metadata, ...(copy.metadata.annotations && { annotations: others }) };
  annotations[lastAppliedKey] = `${JSON.stringify({ ...copy, metadata })}\n`;
}
