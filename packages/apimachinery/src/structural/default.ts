import { cloneJson } from "@selvedge/base";
import type { Schema } from "../schema.ts";
import { depthMax, isObject, isSettled, type JsonObject, memberSchema, settledAt } from "./walk.ts";

/**
 * Fills in the schema's defaults, in place, from the outside in: a default object gets its own members'
 * defaults. A null where the schema does not allow one counts as absent, as upstream has it. Members that
 * are `settled`'s own have theirs.
 */
export function applySchemaDefaults(schema: Schema, object: JsonObject, settled?: JsonObject): void {
  defaultMembers(schema, object, 0, settled);
}

function defaultValue(schema: Schema, value: unknown, depth: number, settled: unknown): void {
  if (depth > depthMax || !fillsOf(schema).below) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      if (!isSettled(settled, index, item)) defaultValue(items, item, depth + 1, settledAt(settled, index));
    }
    return;
  }
  if (isObject(value)) defaultMembers(schema, value, depth, settled);
}

function defaultMembers(schema: Schema, value: JsonObject, depth: number, settled: unknown): void {
  for (const [key, inner] of fillsOf(schema).members) {
    const absent = value[key] === undefined || (value[key] === null && inner.nullable !== true);
    if (absent) value[key] = cloneJson(inner.default);
  }
  for (const key of Object.keys(value)) {
    if (isSettled(settled, key, value[key])) continue;
    const inner = memberSchema(schema, key);
    if (inner !== undefined) defaultValue(inner, value[key], depth + 1, settledAt(settled, key));
  }
}

/** What of a schema has defaults; found once, since most of an object has none and need not be looked at. */
interface Fills {
  readonly members: readonly (readonly [name: string, schema: Schema])[];
  /** Whether the schema or any within it has defaults. */
  below: boolean;
}

const known = new WeakMap<Schema, Fills>();

function fillsOf(schema: Schema): Fills {
  const found = known.get(schema);
  if (found !== undefined) return found;
  const { properties = {}, additionalProperties, items } = schema;
  const members = Object.entries(properties).filter(([, inner]) => inner.default !== undefined);
  // A schema that refers to itself meets this while it is looked at: what is not known yet may have some.
  const fills: Fills = { members, below: true };
  known.set(schema, fills);
  const within = [...Object.values(properties), ...(items === undefined ? [] : [items])];
  if (typeof additionalProperties === "object") within.push(additionalProperties);
  fills.below = members.length > 0 || within.some((inner) => fillsOf(inner).below);
  return fills;
}
