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
  let merged = [...current];
  for (const item of patch) {
    if (!isObject(item)) throw new PatchError(`items of a list merged by ${mergeKey} must be objects`);
    const key = item[mergeKey];
    if (key === undefined)
      throw new PatchError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    const same = (other: unknown): boolean =>
      isObject(other) && canonicalJson(other[mergeKey]) === canonicalJson(key);
    if (item["$patch"] === "delete") {
      merged = merged.filter((other) => !same(other));
      continue;
    }
    const at = merged.findIndex(same);
    const into = at < 0 ? {} : (merged[at] as JsonObject);
    const result = mergeObject(into, item, schema.items ?? {}, depth + 1);
    if (at < 0) merged.push(result);
    else merged[at] = result;
  }
  return merged;
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
