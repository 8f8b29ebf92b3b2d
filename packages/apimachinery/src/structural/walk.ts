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
 * Whether a member or item is the very one that stood at its place in what was settled before: pruned, with its
 * defaults, checked. It is not looked into again then.
 */
export function isSettled(settled: unknown, key: string | number, member: unknown): boolean {
  return typeof member === "object" && member !== null && settledAt(settled, key) === member;
}

/** What stood at a place in what was settled before. */
export function settledAt(settled: unknown, key: string | number): unknown {
  if (typeof settled !== "object" || settled === null || !Object.hasOwn(settled, key)) return undefined;
  return (settled as Readonly<Record<string | number, unknown>>)[key];
}

/**
 * `spec.containers` + `image` → `spec.containers.image`; keys that are no plain words are put in brackets.
 */
export function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** A member of its own: every object inherits some, like `constructor`. */
export function ownMember(object: JsonObject | undefined, name: string): unknown {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Also one that is called `__proto__`, which to assign would give the object another prototype. */
export function setMember(object: JsonObject, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}
