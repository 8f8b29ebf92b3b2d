/**
 * Strategic merge patch: a merge patch that knows which lists are sets or maps, by the schema's hints, and
 * has directives:
 *
 *   $patch: replace | delete                of an object, or as an item of a list
 *   $deleteFromPrimitiveList/<field>        items to take out of a list of plain values
 *   $setElementOrder/<field>                the order of the list's items after the merge
 *   $retainKeys                             the only members that may stay
 */
import { canonicalJson } from "@selvedge/base";
import type { Schema } from "../schema.ts";
import { depthMax, isObject, type JsonObject, memberSchema } from "../structural/walk.ts";
import { ListOrder, listIn } from "./list-order.ts";
import { PatchError, PatchFormatError } from "./patch-error.ts";

export function strategicMergePatch(object: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  return mergeObject(structuredClone(object), structuredClone(patch), schema, 0);
}

const deleteList = "$deleteFromPrimitiveList/";
const elementOrder = "$setElementOrder/";
const marker = "$patch";

function mergeObject(object: JsonObject, patch: JsonObject, schema: Schema, depth: number): JsonObject {
  if (depth > depthMax) throw new PatchError(`the patch is nested more than ${depthMax} deep`);
  const directive = patch[marker];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined) throw unknownType(directive, patch);
  const merged = retained(object, patch);
  const ordered = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(elementOrder)) continue;
    const field = key.slice(elementOrder.length);
    mergeOrdered(merged, patch, field, order, memberSchema(schema, field) ?? {}, depth);
    ordered.add(field);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteList)) removeItems(merged, key.slice(deleteList.length), value);
    if (key.startsWith("$") || ordered.has(key)) continue;
    if (value === null) delete merged[key];
    else mergeMember(merged, key, value, memberSchema(schema, key) ?? {}, depth);
  }
  return merged;
}

function unknownType(directive: unknown, patch: JsonObject): PatchError {
  return new PatchError(`unknown patch type: ${String(directive)} in map: ${JSON.stringify(patch)}`);
}

function mergeMember(into: JsonObject, key: string, value: unknown, schema: Schema, depth: number): void {
  const current = into[key];
  if (isObject(value) && isObject(current)) {
    const replaces = strategies(schema).includes("replace");
    into[key] = replaces ? withoutDirectives(value) : mergeObject(current, value, schema, depth + 1);
  } else if (Array.isArray(value) && Array.isArray(current)) {
    into[key] = mergeList(current, value, schema, depth).list;
  } else {
    const { kept, value: left } = fresh(value);
    if (kept) into[key] = left;
    else delete into[key];
  }
}

function strategies(schema: Schema): readonly string[] {
  return schema["x-kubernetes-patch-strategy"]?.split(",") ?? [];
}

/** What is new to the object: without nulls, and without what is only there to take something away. */
function fresh(value: unknown): { readonly kept: boolean; readonly value: unknown } {
  if (Array.isArray(value)) {
    const items = value.map(fresh).filter(({ kept }) => kept);
    return { kept: true, value: items.map((item) => item.value) };
  }
  if (!isObject(value)) return { kept: true, value };
  if (value[marker] !== undefined) return { kept: false, value: undefined };
  const out: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const inner = member === null || key.startsWith("$") ? undefined : fresh(member);
    if (inner?.kept) out[key] = inner.value;
  }
  return { kept: true, value: out };
}

interface MergedList {
  readonly list: unknown[];
  /** Whose place on the server is whose: what is new takes the places of what went. */
  readonly places: readonly unknown[];
}

function mergeList(current: unknown[], patch: unknown[], schema: Schema, depth: number): MergedList {
  if (!strategies(schema).includes("merge")) return { list: patch, places: current };
  if (current.length === 0 && patch.length === 0) return { list: current, places: current };
  if (!hasObjects(current, patch)) {
    const seen = new Map([...current, ...patch].map((item) => [canonicalJson(item), item]));
    const list = new ListOrder(undefined).merged([...seen.values()], patch, current);
    return { list, places: current };
  }
  const mergeKey = schema["x-kubernetes-patch-merge-key"];
  if (mergeKey === undefined) throw new PatchError("cannot merge lists without merge key");
  const { left, items } = special(current, patch, mergeKey);
  const order = new ListOrder(mergeKey);
  const merged = [...left];
  for (const item of items) {
    const at = order.indexOf(merged, item);
    const known = merged[at];
    // Upstream looks into no new item: what directives it holds, no kind knows.
    if (isObject(known)) merged[at] = mergeObject(known, item, schema.items ?? {}, depth + 1);
    else merged.push(item);
  }
  const places = [...merged, ...current.slice(merged.length)].slice(0, current.length);
  return { list: order.merged(merged, items, left), places };
}

/** Lists hold objects or plain values, not both. */
function hasObjects(...lists: readonly (readonly unknown[])[]): boolean {
  const items = lists.flat();
  const objects = items.filter(isObject).length;
  if (objects > 0 && objects < items.length)
    throw new PatchError(`list element types are not identical: ${JSON.stringify(lists)}`);
  if (items.some(Array.isArray)) throw new PatchError("lists of lists are not supported");
  return objects > 0;
}

/** What directives among the items leave of the list, and the items that are none. */
function special(
  current: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { readonly left: unknown[]; readonly items: readonly JsonObject[] } {
  const items: JsonObject[] = [];
  let left = [...current];
  let replaces = false;
  for (const item of patch as readonly JsonObject[]) {
    const directive = item[marker];
    if (directive === undefined) {
      if (item[mergeKey] === undefined) throw noMergeKey(item, mergeKey);
      items.push(item);
    } else if (directive === "replace") replaces = true;
    else if (directive === "delete") {
      const key = item[mergeKey];
      if (key === undefined) throw noMergeKey(item, mergeKey);
      left = left.filter((one) => !isObject(one) || canonicalJson(one[mergeKey]) !== canonicalJson(key));
    } else if (directive === "merge")
      throw new PatchError("merging lists cannot yet be specified in the patch");
    else throw unknownType(directive, item);
  }
  return replaces ? { left: items, items: [] } : { left, items };
}

function noMergeKey(item: JsonObject, mergeKey: string): PatchError {
  return new PatchError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
}

/** A list and the order that its items should have. */
function mergeOrdered(
  into: JsonObject,
  patch: JsonObject,
  field: string,
  order: unknown,
  schema: Schema,
  depth: number,
): void {
  const wanted = listIn(order, `${elementOrder}${field}`);
  const mergeKey = schema["x-kubernetes-patch-merge-key"];
  const [current, change] = [into[field], patch[field]];
  const before = current === undefined ? [] : listIn(current, field);
  const items = change === undefined ? [] : listIn(change, field);
  const orders = new ListOrder(mergeKey);
  orders.check(
    items.filter((item) => !isObject(item) || item[marker] === undefined),
    wanted,
  );
  if (current === undefined && change === undefined) return;
  if (before.length === 0 && items.length === 0)
    throw new PatchError("no elements in any of the given slices");
  if (change === undefined) into[field] = orders.merged(before, wanted, before);
  else if (current === undefined)
    into[field] = orders.merged(fresh(items).value as unknown[], wanted, before);
  else {
    const { list, places } = mergeList(before, items, schema, depth);
    into[field] = orders.merged(list, wanted, places);
  }
}

function removeItems(object: JsonObject, field: string, items: unknown): void {
  const gone = new Set(listIn(items, `${deleteList}${field}`).map(canonicalJson));
  const list = object[field];
  if (Array.isArray(list)) object[field] = list.filter((item) => !gone.has(canonicalJson(item)));
}

function retained(object: JsonObject, patch: JsonObject): JsonObject {
  const keys = patch["$retainKeys"];
  if (keys === undefined) return object;
  if (!Array.isArray(keys)) throw new PatchFormatError("invalid patch format of retainKeys");
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith("$") || keys.includes(key)) continue;
    throw new PatchFormatError("invalid patch format of retainKeys");
  }
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}

function withoutDirectives(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("$")));
}
