import type { Schema } from "../schema.ts";
import { depthMax, isObject, type JsonObject, memberSchema } from "./walk.ts";

/**
 * Fills in the schema's defaults, in place, from the outside in: a default object gets its own members'
 * defaults. A null where the schema does not allow one counts as absent, as upstream has it.
 */
export function applySchemaDefaults(schema: Schema, object: JsonObject): void {
  defaultValue(schema, object, 0);
}

function defaultValue(schema: Schema, value: unknown, depth: number): void {
  if (depth > depthMax) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (const item of value) defaultValue(items, item, depth + 1);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    const absent = value[key] === undefined || (value[key] === null && inner.nullable !== true);
    if (absent && inner.default !== undefined) value[key] = structuredClone(inner.default);
  }
  for (const key of Object.keys(value)) {
    const inner = memberSchema(schema, key);
    if (inner !== undefined) defaultValue(inner, value[key], depth + 1);
  }
}
