import type { Schema } from "../schema.ts";

export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Deeper than any kind nests; a deeper object is refused rather than followed. */
export const depthMax: number = 64;

/** The schema of a member: a named property, or what additional ones are. */
export function memberSchema(schema: Schema, key: string): Schema | undefined {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key];
  if (additionalProperties === true) return anything;
  return additionalProperties === false ? undefined : additionalProperties;
}

const anything: Schema = {};

/**
 * Whether a member is the very one of an object that was settled before: pruned, with its defaults,
 * checked. It is not looked into again then.
 */
export function isSettled(settled: JsonObject | undefined, key: string, member: unknown): boolean {
  return settled !== undefined && typeof member === "object" && member !== null && settled[key] === member;
}

/**
 * `spec.containers` + `image` → `spec.containers.image`; keys that are no plain words are put in brackets.
 */
export function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}
