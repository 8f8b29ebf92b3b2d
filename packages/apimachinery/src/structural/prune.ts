import type { KubeObject } from "../object.ts";
import { pruneObjectMeta } from "../object-meta.ts";
import type { Schema } from "../schema.ts";
import {
  depthMax,
  isObject,
  isSettled,
  type JsonObject,
  memberPath,
  memberSchema,
  settledAt,
} from "./walk.ts";

/**
 * Removes what the schema does not know, in place, and returns the paths of what it removed. Where the
 * schema preserves unknown fields they stay, and what it does know of them is still pruned. Members that
 * are `settled`'s own stay.
 */
export function prune(schema: Schema, object: JsonObject, settled?: JsonObject): string[] {
  const removed: string[] = [];
  pruneMembers(schema, object, "", removed, 0, true, settled);
  return removed;
}

/** What every object has whatever its schema says of it. */
const envelope = new Set(["apiVersion", "kind", "metadata"]);

function pruneValue(
  schema: Schema,
  value: unknown,
  path: string,
  removed: string[],
  depth: number,
  isResource: boolean,
  settled: unknown,
): void {
  if (depth > depthMax) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      if (isSettled(settled, index, item)) continue;
      pruneValue(items, item, `${path}[${index}]`, removed, depth + 1, false, settledAt(settled, index));
    }
    return;
  }
  if (isObject(value)) pruneMembers(schema, value, path, removed, depth, isResource, settled);
}

function pruneMembers(
  schema: Schema,
  value: JsonObject,
  path: string,
  removed: string[],
  depth: number,
  isResource: boolean,
  settled: unknown,
): void {
  const keeps = schema["x-kubernetes-preserve-unknown-fields"] === true || isOpen(schema);
  if (isResource && path !== "" && isObject(value["metadata"])) {
    const { unknown } = pruneObjectMeta(value as unknown as KubeObject);
    removed.push(...unknown.map((member) => `${path}.${member}`));
  }
  for (const key of Object.keys(value)) {
    if (isResource && envelope.has(key)) continue;
    // What is dropped need not be read.
    if (settled !== undefined && isSettled(settled, key, value[key])) continue;
    const inner = memberSchema(schema, key);
    const at = memberPath(path, key);
    if (inner !== undefined) {
      const embedded = inner["x-kubernetes-embedded-resource"] === true;
      pruneValue(inner, value[key], at, removed, depth + 1, embedded, settledAt(settled, key));
    } else if (!keeps) {
      delete value[key];
      removed.push(at);
    }
  }
}

/** A schema that says nothing about members allows any, as int-or-string and plain values do. */
function isOpen({ properties, additionalProperties, type }: Schema): boolean {
  return properties === undefined && additionalProperties === undefined && type !== "object";
}
