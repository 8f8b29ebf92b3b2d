/**
 * Strategic merge patch: a merge patch that knows which lists are sets or maps, by the schema's hints, and
 * has directives:
 *
 *   $patch: replace | delete | merge        of an object, or as an item of a list
 *   $deleteFromPrimitiveList/<field>        items to take out of a list of plain values
 *   $setElementOrder/<field>                the order of the list's items after the merge
 *   $retainKeys                             the only members that may stay
 */
import { canonicalJson } from "@selvedge/base";
import type { Schema } from "../schema.ts";
import { depthMax, isObject, type JsonObject, memberSchema } from "../structural/walk.ts";
import { PatchError } from "./patch-error.ts";

export function strategicMergePatch(object: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  return mergeObject(structuredClone(object), patch, schema, 0);
}

const deleteList = "$deleteFromPrimitiveList/";
const elementOrder = "$setElementOrder/";

function mergeObject(object: JsonObject, patch: JsonObject, schema: Schema, depth: number): JsonObject {
  if (depth > depthMax) throw new PatchError(`the patch is nested more than ${depthMax} deep`);
  const directive = patch["$patch"];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") {
    throw new PatchError(`Unknown patch type: ${JSON.stringify(directive)}`);
  }
  const merged = retain(object, patch["$retainKeys"]);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteList)) removeItems(merged, key.slice(deleteList.length), value);
    if (key.startsWith("$")) continue;
    if (value === null) delete merged[key];
    else merged[key] = mergeMember(merged[key], value, memberSchema(schema, key) ?? {}, depth);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(elementOrder)) continue;
    const field = key.slice(elementOrder.length);
    if (Array.isArray(merged[field]) && Array.isArray(value)) {
      merged[field] = ordered(merged[field], value, mergeKeyOf(memberSchema(schema, field) ?? {}));
    }
  }
  return merged;
}

function mergeMember(current: unknown, value: unknown, schema: Schema, depth: number): unknown {
  if (isObject(value)) {
    if (schema["x-kubernetes-patch-strategy"]?.split(",").includes("replace"))
      return withoutDirectives(value);
    return mergeObject(isObject(current) ? current : {}, value, schema, depth + 1);
  }
  if (!Array.isArray(value)) return structuredClone(value);
  const merges = schema["x-kubernetes-patch-strategy"]?.split(",").includes("merge") === true;
  if (!merges) return structuredClone(value.filter((item) => !isReplaceMarker(item)));
  return mergeList(Array.isArray(current) ? current : [], value, schema, depth);
}

function mergeKeyOf(schema: Schema): string | undefined {
  return schema["x-kubernetes-patch-merge-key"];
}

function isReplaceMarker(item: unknown): boolean {
  return isObject(item) && item["$patch"] === "replace" && Object.keys(item).length === 1;
}

function mergeList(current: unknown[], patch: unknown[], schema: Schema, depth: number): unknown[] {
  if (patch.some(isReplaceMarker)) return structuredClone(patch.filter((item) => !isReplaceMarker(item)));
  const mergeKey = mergeKeyOf(schema);
  if (mergeKey === undefined) {
    const seen = new Set(current.map(canonicalJson));
    return [...current, ...structuredClone(patch.filter((item) => !seen.has(canonicalJson(item))))];
  }
  const merged: (unknown | typeof removed)[] = [...current];
  const places = new Map<string, number[]>();
  for (const [index, item] of current.entries()) {
    if (isObject(item)) note(places, canonicalJson(item[mergeKey]), index);
  }
  for (const item of patch) {
    if (!isObject(item)) throw new PatchError(`items of a list merged by ${mergeKey} must be objects`);
    if (item[mergeKey] === undefined)
      throw new PatchError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    const key = canonicalJson(item[mergeKey]);
    const at = places.get(key) ?? [];
    if (item["$patch"] === "delete") {
      for (const index of at) merged[index] = removed;
      places.delete(key);
      continue;
    }
    const [first] = at;
    const into = first === undefined ? {} : (merged[first] as JsonObject);
    const result = mergeObject(into, item, schema.items ?? {}, depth + 1);
    if (first !== undefined) merged[first] = result;
    else note(places, key, merged.push(result) - 1);
  }
  return merged.filter((item) => item !== removed);
}

/** Where a deleted item was, until all are merged: places must not move meanwhile. */
const removed = Symbol("removed");

function note(places: Map<string, number[]>, key: string, index: number): void {
  const known = places.get(key);
  if (known === undefined) places.set(key, [index]);
  else known.push(index);
}

/** Listed items in the order listed; others keep their place after the item they followed. */
function ordered(list: unknown[], order: unknown[], mergeKey: string | undefined): unknown[] {
  const identity = (item: unknown): string =>
    canonicalJson(mergeKey !== undefined && isObject(item) ? item[mergeKey] : item);
  const rank = new Map(order.map((item, index) => [identity(item), index]));
  let last = -1;
  const ranked = list.map((item, index) => {
    const own = rank.get(identity(item));
    if (own !== undefined) last = own;
    return { item, index, rank: own ?? last, listed: own !== undefined };
  });
  ranked.sort(
    (left, right) =>
      left.rank - right.rank || Number(right.listed) - Number(left.listed) || left.index - right.index,
  );
  return ranked.map(({ item }) => item);
}

function removeItems(object: JsonObject, field: string, items: unknown): void {
  const list = object[field];
  if (!Array.isArray(items)) throw new PatchError(`${deleteList}${field} must be a list`);
  if (!Array.isArray(list)) return;
  const gone = new Set(items.map(canonicalJson));
  object[field] = list.filter((item) => !gone.has(canonicalJson(item)));
}

function retain(object: JsonObject, keys: unknown): JsonObject {
  if (keys === undefined) return object;
  if (!Array.isArray(keys)) throw new PatchError("$retainKeys must be a list of names");
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}

function withoutDirectives(value: JsonObject): JsonObject {
  return structuredClone(Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("$"))));
}
