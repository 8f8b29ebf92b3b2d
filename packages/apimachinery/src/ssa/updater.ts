/**
 * Who manages which field, and what an apply or an update makes of an object. Pure: objects and managers
 * in, objects and managers out. Each manager's fields are named as in the version it wrote, so objects are
 * converted to compare.
 */
import {
  type ApplyType,
  ApplyTypeError,
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

/** The versions of a kind: how each merges, and how an object of one becomes an object of another. */
export interface Versions {
  /** Undefined for a version that is not served any more: what was managed in it is forgotten. */
  typeOf(apiVersion: string): TypeRef | undefined;
  convert(object: unknown, from: string, to: string): unknown;
}

export interface ApplyInput {
  readonly versions: Versions;
  readonly live: unknown;
  readonly object: unknown;
  readonly apiVersion: string;
  readonly managers: Managers;
  readonly manager: string;
  /**
   * Fields, with all below them, that nobody can come to manage by this write, in the names of a version:
   * what the server puts back to what it was.
   */
  readonly ignored?: (apiVersion: string) => FieldSet | undefined;
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

/** Versions that differ in name alone, as with Kubernetes' conversion strategy None. */
export function sameInAllVersions(type: TypeRef): Versions {
  return { typeOf: () => type, convert: (object) => object };
}

/** Another way of writing than apply: whatever it changed is its own from now on. */
export function updateManaged(input: ApplyInput): ApplyResult {
  const { object, apiVersion, manager } = input;
  checkType(typeIn(input, apiVersion), object, "allowed", input.live);
  const { managers, compare } = settleOthers(input, object, reconciled(input), {
    force: true,
    isWhole: true,
  });
  const own = managers.get(manager)?.set ?? new FieldSet();
  const changed = own.difference(compare.removed).union(compare.modified).union(compare.added);
  const set = withoutIgnored(input, changed, apiVersion);
  const after = new Map(managers);
  if (set.isEmpty) after.delete(manager);
  else after.set(manager, { set, apiVersion, applied: false });
  return { object, managers: after };
}

/** What the manager says now replaces what it said last time; throws ApplyConflictError unless forced. */
export function applyManaged(input: ApplyInput & { readonly force: boolean }): ApplyResult {
  const { live, object, apiVersion, manager, force } = input;
  const type = typeIn(input, apiVersion);
  checkType(type, object, "refused");
  const before = reconciled(input);
  const last = before.get(manager);
  const merged = mergeValues(type, live ?? undefined, object);
  const set = withoutIgnored(input, toFieldSet(type, object), apiVersion);
  const managers = new Map(before).set(manager, { set, apiVersion, applied: true });
  const pruned = last === undefined || last.set.isEmpty ? merged : prune(input, merged, managers, last);
  return { object: pruned, managers: settleOthers(input, pruned, managers, { force }).managers };
}

function withoutIgnored({ ignored }: ApplyInput, set: FieldSet, apiVersion: string): FieldSet {
  const fields = ignored?.(apiVersion);
  return fields === undefined ? set : set.recursiveDifference(fields);
}

function typeIn({ versions }: ApplyInput, apiVersion: string): TypeRef {
  const type = versions.typeOf(apiVersion);
  if (type === undefined) throw new ApplyTypeError(`version ${apiVersion} is not served`);
  return type;
}

/** Takes from the others what changed under them, or says that it may not be changed. */
function settleOthers(
  input: ApplyInput,
  object: unknown,
  managers: Managers,
  { force, isWhole = false }: { readonly force: boolean; readonly isWhole?: boolean },
): { readonly managers: Map<string, Managed>; readonly compare: Comparison } {
  const { versions, live, apiVersion, manager } = input;
  const compareIn = (version: string): Comparison =>
    compareValues(
      typeIn(input, version),
      versions.convert(live ?? undefined, apiVersion, version),
      versions.convert(object, apiVersion, version),
      { left: true, right: isWhole },
    );
  const own = compareIn(apiVersion);
  const noted = (compare: Comparison, version: string): Comparison => ({
    added: withoutIgnored(input, compare.added, version),
    modified: withoutIgnored(input, compare.modified, version),
    removed: withoutIgnored(input, compare.removed, version),
  });
  const comparisons = new Map([[apiVersion, noted(own, apiVersion)]]);
  const conflicts = new Map<string, Managed>();
  const touched = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  for (const [name, managed] of managers) {
    if (name === manager) continue;
    const { apiVersion: theirs } = managed;
    const compare = comparisons.get(theirs) ?? noted(compareIn(theirs), theirs);
    comparisons.set(managed.apiVersion, compare);
    const changed = touched.get(theirs) ?? compare.modified.union(compare.added);
    touched.set(theirs, changed);
    const set = managed.set.intersection(changed);
    if (!set.isEmpty) conflicts.set(name, { ...managed, set });
    removed.set(name, compare.removed);
  }
  if (!force && conflicts.size > 0) throw new ApplyConflictError(conflicts);
  const after = new Map<string, Managed>();
  for (const [name, managed] of managers) {
    const [taken, gone] = [conflicts.get(name)?.set, removed.get(name)];
    let { set } = managed;
    if (taken !== undefined) set = set.difference(taken);
    if (gone !== undefined) set = set.difference(gone);
    if (!set.isEmpty) after.set(name, { ...managed, set });
  }
  return { managers: after, compare: own };
}

/**
 * Removes what the manager applied last time and not now, unless somebody else manages it; what nobody
 * manages and the
 * manager did not set itself stays. Works in the version of the last time, whose names the last set has.
 */
function prune(input: ApplyInput, merged: unknown, managers: Managers, last: Managed): unknown {
  const { versions, apiVersion } = input;
  const [from, type] = [last.apiVersion, typeIn(input, last.apiVersion)];
  const whole = versions.convert(merged, apiVersion, from);
  const fields = withNamedFields(toFieldSet(type, whole), type);
  const lastFields = withNamedFields(last.set, type);
  const without = removeFields(type, whole, lastFields);
  const kept = addBackOwned(input, whole, without, managers, from);
  const lost = fields.difference(withNamedFields(toFieldSet(type, kept), type)).intersection(lastFields);
  return versions.convert(removeFields(type, whole, lost), from, apiVersion);
}

/** Puts back what the removal took and any manager, the applying one included, says it has. */
function addBackOwned(
  input: ApplyInput,
  whole: unknown,
  without: unknown,
  managers: Managers,
  from: string,
): unknown {
  const { versions } = input;
  const owned = new Map<string, FieldSet>([[from, new FieldSet()]]);
  for (const { set, apiVersion } of managers.values()) {
    owned.set(apiVersion, (owned.get(apiVersion) ?? new FieldSet()).union(set));
  }
  let pruned = without;
  for (const [version, set] of owned) {
    const type = typeIn(input, version);
    const here = versions.convert(whole, from, version);
    const kept = toFieldSet(type, versions.convert(pruned, from, version));
    const lost = withNamedFields(toFieldSet(type, here), type).difference(
      withNamedFields(kept, type).union(withNamedFields(set, type)),
    );
    pruned = versions.convert(removeFields(type, here, lost), version, from);
  }
  return pruned;
}

/**
 * Sets made under an older schema, fitted to this one: where a list or map became atomic, its root is the
 * field.
 */
function reconciled({ versions, managers }: ApplyInput): Map<string, Managed> {
  const fittedManagers = new Map<string, Managed>();
  for (const [name, managed] of managers) {
    const type = versions.typeOf(managed.apiVersion);
    if (type !== undefined) fittedManagers.set(name, { ...managed, set: fitted(managed.set, type()) });
  }
  return fittedManagers;
}

function fitted(set: FieldSet, { list, map }: ApplyType): FieldSet {
  // What differs, which is nothing but after a schema has changed.
  let others: Map<PathElement, FieldSet | "whole"> | undefined;
  for (const [element, child] of set.children) {
    const ref =
      element.startsWith("f:") && map !== undefined ? fieldType(map, element.slice(2)) : list?.element;
    const below = ref?.();
    if (below === undefined) continue;
    const fit = (below.map?.atomic ?? below.list?.atomic ?? false) ? "whole" : fitted(child, below);
    if (fit === child) continue;
    others ??= new Map();
    others.set(element, fit);
  }
  if (others === undefined) return set;
  const members = new Set(set.members);
  const children: [PathElement, FieldSet][] = [];
  for (const [element, child] of set.children) {
    const fit = others.get(element) ?? child;
    if (fit === "whole") members.add(element);
    else children.push([element, fit]);
  }
  return new FieldSet(members, children);
}
