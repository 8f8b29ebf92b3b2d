import type { Schema } from "../schema.ts";
import { depthMax, isObject, isSettled, type JsonObject, memberSchema, settledAt } from "./walk.ts";

/**
 * Removes nulls that the schema does not allow, in place. Built-in kinds are read so: Go makes nothing of a
 * null, and tools write `resources: null` for "none". Members that are `settled`'s own have none.
 */
export function dropNulls(schema: Schema, object: JsonObject, settled?: JsonObject): void {
  dropMembers(schema, object, 0, settled);
}

function dropFrom(schema: Schema, value: unknown, depth: number, settled: unknown): void {
  if (depth > depthMax) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      if (!isSettled(settled, index, item)) dropFrom(items, item, depth + 1, settledAt(settled, index));
    }
    return;
  }
  if (isObject(value)) dropMembers(schema, value, depth, settled);
}

function dropMembers(schema: Schema, value: JsonObject, depth: number, settled: unknown): void {
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (isSettled(settled, key, member)) continue;
    const inner = memberSchema(schema, key);
    if (inner === undefined) continue;
    if (member === null && !allowsNull(inner)) delete value[key];
    else dropFrom(inner, member, depth + 1, settledAt(settled, key));
  }
}

/** A schema that says nothing about a value allows any. */
function allowsNull({ nullable, type, format, ...others }: Schema): boolean {
  return (
    nullable === true || (type === undefined && format === undefined && !others["x-kubernetes-int-or-string"])
  );
}
