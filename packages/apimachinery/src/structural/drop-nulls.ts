import type { Schema } from "../schema.ts";
import { depthMax, isObject, type JsonObject, memberSchema } from "./walk.ts";

/**
 * Removes nulls that the schema does not allow, in place. Built-in kinds are read so: Go makes nothing of a
 * null, and tools write `resources: null` for "none".
 */
export function dropNulls(schema: Schema, object: JsonObject): void {
  dropFrom(schema, object, 0);
}

function dropFrom(schema: Schema, value: unknown, depth: number): void {
  if (depth > depthMax) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (const item of value) dropFrom(items, item, depth + 1);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, member] of Object.entries(value)) {
    const inner = memberSchema(schema, key);
    if (inner === undefined) continue;
    if (member === null && !allowsNull(inner)) delete value[key];
    else dropFrom(inner, member, depth + 1);
  }
}

/** A schema that says nothing about a value allows any. */
function allowsNull({ nullable, type, format, ...others }: Schema): boolean {
  return (
    nullable === true || (type === undefined && format === undefined && !others["x-kubernetes-int-or-string"])
  );
}
