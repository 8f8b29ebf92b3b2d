import type { Schema } from "../schema.ts";
import { depthMax, isObject, isSettled, type JsonObject, memberSchema } from "./walk.ts";

/**
 * Removes nulls that the schema does not allow, in place. Built-in kinds are read so: Go makes nothing of a
 * null, and tools write `resources: null` for "none". Members that are `settled`'s own have none.
 */
export function dropNulls(schema: Schema, object: JsonObject, settled?: JsonObject): void {
  dropMembers(schema, object, 0, settled);
}

function dropFrom(schema: Schema, value: unknown, depth: number): void {
  if (depth > depthMax) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (const item of value) dropFrom(items, item, depth + 1);
    return;
  }
  if (isObject(value)) dropMembers(schema, value, depth);
}

function dropMembers(schema: Schema, value: JsonObject, depth: number, settled?: JsonObject): void {
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (isSettled(settled, key, member)) continue;
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
