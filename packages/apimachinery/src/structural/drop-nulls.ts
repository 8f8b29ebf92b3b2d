import type { Schema } from "../schema.ts";
import { depthMax, isObject, isSettled, type JsonObject, memberSchema, settledAt } from "./walk.ts";

/**
 * Removes nulls that the schema does not allow, in place: tools write `resources: null` for "none". Members that are
 * `settled`'s own have none. Built-in kinds say more of them in their tables: `omitEmpty`.
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
  if (isObject(value)) dropMembers(schema, value, depth + 1, settled);
}

function dropMembers(schema: Schema, value: JsonObject, depth: number, settled: unknown): void {
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (isSettled(settled, key, member)) continue;
    const inner = memberSchema(schema, key);
    if (inner === undefined) continue;
    if (member !== null) dropFrom(inner, member, depth, settledAt(settled, key));
    else if (!allowsNull(inner)) delete value[key];
  }
}

/** A schema that says nothing about a value allows any. */
export function allowsNull({ nullable, type, format, ...others }: Schema): boolean {
  return (
    nullable === true || (type === undefined && format === undefined && !others["x-kubernetes-int-or-string"])
  );
}
