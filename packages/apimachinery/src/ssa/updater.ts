/**
 * Who manages which field, and what an apply or an update makes of an object. Pure: objects and managers
 * in, objects and
 * managers out. Versions of a kind share one schema here, so that no conversion stands between managers.
 */
import {
  type ApplyType,
  checkType,
  fieldType,
  type TypeRef,
  toFieldSet,
  withNamedFields,
} from "./apply-type.ts";
import { FieldSet, type PathElement } from "./field-set.ts";
import { type Comparison, compareValues, mergeValues } from "./merge-values.ts";
import { removeFields } from "./take-fields.ts";

export interface Managed {
  readonly set: FieldSet;
  readonly apiVersion: string;
  /** Set by apply, not by update. */
  readonly applied: boolean;
}

export type Managers = ReadonlyMap<string, Managed>;

export interface ApplyInput {
  readonly type: TypeRef;
  readonly live: unknown;
  readonly object: unknown;
  readonly apiVersion: string;
  readonly managers: Managers;
  readonly manager: string;
}

export interface ApplyResult {
  readonly object: unknown;
  readonly managers: Managers;
}

/** Somebody else manages fields with another value. */
export class ApplyConflictError extends Error {
  override name = "ApplyConflictError";
  readonly conflicts: ReadonlyMap<string, Managed>;

  constructor(conflicts: ReadonlyMap<string, Managed>) {
    const count = [...conflicts.values()].reduce((sum, { set }) => sum + set.paths().length, 0);
    super(`Apply failed with ${count} conflict${count === 1 ? "" : "s"}`);
    this.conflicts = conflicts;
  }
}

/** Another way of writing than apply: whatever it changed is its own from now on. */
export function updateManaged(input: ApplyInput): ApplyResult {
  const { type, object, apiVersion, manager } = input;
  checkType(type, object);
  const { managers, compare } = settleOthers(input, object, reconciled(input), true);
  const own = managers.get(manager)?.set ?? new FieldSet();
  const set = own.union(compare.modified).union(compare.added).difference(compare.removed);
  const after = new Map(managers);
  if (set.isEmpty) after.delete(manager);
  else after.set(manager, { set, apiVersion, applied: false });
  return { object, managers: after };
}

/** What the manager says now replaces what it said last time; throws ApplyConflictError unless forced. */
export function applyManaged(input: ApplyInput & { readonly force: boolean }): ApplyResult {
  const { type, live, object, apiVersion, manager, force } = input;
  checkType(type, object);
  const before = reconciled(input);
  const last = before.get(manager)?.set;
  const merged = mergeValues(type, live ?? undefined, object);
  const managers = new Map(before).set(manager, { set: toFieldSet(type, object), apiVersion, applied: true });
  const pruned = last === undefined || last.isEmpty ? merged : prune(type, merged, managers, last);
  return { object: pruned, managers: settleOthers(input, pruned, managers, force).managers };
}

/** Takes from the others what changed under them, or says that it may not be changed. */
function settleOthers(
  { type, live, manager }: ApplyInput,
  object: unknown,
  managers: Managers,
  force: boolean,
): { readonly managers: Map<string, Managed>; readonly compare: Comparison } {
  const compare = compareValues(type, live ?? undefined, object);
  const changed = compare.modified.union(compare.added);
  const conflicts = new Map<string, Managed>();
  for (const [name, managed] of managers) {
    const set = managed.set.intersection(changed);
    if (name !== manager && !set.isEmpty) conflicts.set(name, { ...managed, set });
  }
  if (!force && conflicts.size > 0) throw new ApplyConflictError(conflicts);
  const after = new Map<string, Managed>();
  for (const [name, managed] of managers) {
    const lost = name === manager ? new FieldSet() : (conflicts.get(name)?.set ?? new FieldSet());
    const gone = name === manager ? new FieldSet() : compare.removed;
    const set = managed.set.difference(lost).difference(gone);
    if (!set.isEmpty) after.set(name, { ...managed, set });
  }
  return { managers: after, compare };
}

/**
 * Removes what the manager applied last time and not now, unless somebody else manages it; what nobody
 * manages and the
 * manager did not set itself stays.
 */
function prune(type: TypeRef, merged: unknown, managers: Managers, last: FieldSet): unknown {
  const named = (set: FieldSet): FieldSet => withNamedFields(set, type);
  const whole = named(toFieldSet(type, merged));
  const without = removeFields(type, merged, named(last));
  const owned = [...managers.values()].reduce((sum, { set }) => sum.union(set), new FieldSet());
  const kept = named(toFieldSet(type, without)).union(named(owned));
  const addedBack = removeFields(type, merged, whole.difference(kept));
  const lost = whole.difference(named(toFieldSet(type, addedBack))).intersection(named(last));
  return removeFields(type, merged, lost);
}

/** Sets made under an older schema, fitted to this one: where a list or map became atomic, its root is the field. */
function reconciled({ type, managers }: ApplyInput): Map<string, Managed> {
  return new Map(
    [...managers].map(([name, managed]) => [name, { ...managed, set: fitted(managed.set, type()) }]),
  );
}

function fitted(set: FieldSet, { list, map }: ApplyType): FieldSet {
  const members = new Set(set.members);
  const children: [PathElement, FieldSet][] = [];
  for (const [element, child] of set.children) {
    const ref =
      element.startsWith("f:") && map !== undefined ? fieldType(map, element.slice(2)) : list?.element;
    const below = ref?.();
    if (below !== undefined && (below.map?.atomic ?? below.list?.atomic ?? false)) members.add(element);
    else children.push([element, below === undefined ? child : fitted(child, below)]);
  }
  return new FieldSet(members, children);
}
