import type { Schema } from "../schema.ts";
import { depthMax, isObject, isSettled, type JsonObject, memberSchema, settledAt } from "./walk.ts";

/**
 * Removes nulls that the schema does not allow, in place. Built-in kinds are read so: Go makes nothing of a
 * null, and tools write `resources: null` for "none". Members that are `settled`'s own have none. `asGo`: what upstream
 * holds in a struct has no empty lists and maps either, and a plain value in a list or a map cannot be null.
 */
export function dropNulls(schema: Schema, object: JsonObject, settled?: JsonObject, asGo = false): void {
  dropMembers(schema, object, { depth: 0, asGo }, settled);
}

interface Place {
  readonly depth: number;
  readonly asGo: boolean;
}

function dropFrom(schema: Schema, value: unknown, { depth, asGo }: Place, settled: unknown): void {
  if (depth > depthMax) return;
  const below = { depth: depth + 1, asGo };
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    const zero = asGo ? zeroOf(items) : undefined;
    for (const [index, item] of value.entries()) {
      if (item === null && zero !== undefined) value[index] = zero;
      else if (!isSettled(settled, index, item)) dropFrom(items, item, below, settledAt(settled, index));
    }
    return;
  }
  if (isObject(value)) dropMembers(schema, value, below, settled);
}

function dropMembers(schema: Schema, value: JsonObject, place: Place, settled: unknown): void {
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (isSettled(settled, key, member)) continue;
    const inner = memberSchema(schema, key);
    if (inner === undefined) continue;
    if (member === null) {
      if (allowsNull(inner)) continue;
      const zero = place.asGo && schema.properties?.[key] === undefined ? zeroOf(inner) : undefined;
      if (zero === undefined) delete value[key];
      else value[key] = zero;
    } else {
      dropFrom(inner, member, place, settledAt(settled, key));
      if (place.asGo && schema.required?.includes(key) !== true && isNothing(inner, member))
        delete value[key];
    }
  }
}

function zeroOf({ type, format }: Schema): unknown {
  if (type === "string") return "";
  return format === "quantity" ? "0" : undefined;
}

/** An object that is no map says something by being there. */
function isNothing({ type, properties, additionalProperties, ...more }: Schema, value: unknown): boolean {
  if (more.default !== undefined) return false;
  if (Array.isArray(value)) return value.length === 0 && type === "array";
  if (typeof additionalProperties !== "object" || properties !== undefined) return false;
  return isObject(value) && Object.keys(value).length === 0;
}

/** A schema that says nothing about a value allows any. */
function allowsNull({ nullable, type, format, ...others }: Schema): boolean {
  return (
    nullable === true || (type === undefined && format === undefined && !others["x-kubernetes-int-or-string"])
  );
}
