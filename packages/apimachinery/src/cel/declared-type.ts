/** A schema as the type that rules see: what it does not describe, they do not see. */
import type { Schema } from "../schema.ts";
import {
  bool,
  bytes,
  type CelType,
  double,
  duration,
  dyn,
  int,
  listOf,
  mapOf,
  string,
  timestamp,
} from "./types.ts";

/** Bytes of the largest request: nothing in it is larger. */
const requestMax = 3 * 1024 * 1024;

export interface Declared {
  readonly type: CelType;
  /** Bytes that a value takes at least, written as JSON. */
  readonly least: number;
}

const known = new WeakMap<Schema, Map<boolean, Declared | undefined>>();

/**
 * Undefined where rules cannot look. `isRoot`: a whole object, which has a name and a kind whatever the
 * schema says.
 */
export function declaredType(schema: Schema, isRoot: boolean): Declared | undefined {
  let found = known.get(schema);
  if (found === undefined) {
    found = new Map();
    known.set(schema, found);
  }
  if (!found.has(isRoot)) found.set(isRoot, makeType(schema, isRoot));
  return found.get(isRoot);
}

function isResource(schema: Schema): boolean {
  return schema["x-kubernetes-embedded-resource"] === true;
}

let objects = 0;

function makeType(schema: Schema, isRoot: boolean): Declared | undefined {
  if (schema["x-kubernetes-int-or-string"]) {
    const max = schema.maxLength === undefined ? requestMax - 2 : schema.maxLength * 4;
    return { type: { ...dyn, max }, least: 1 };
  }
  switch (schema.type) {
    case "array": {
      const items = schema.items && declaredType(schema.items, isResource(schema.items));
      if (items === undefined) return undefined;
      const max = schema.maxItems ?? Math.floor((requestMax - 2) / (items.least + 1));
      return { type: listOf(items.type, max), least: 2 };
    }
    case "object":
      return objectType(schema, isRoot);
    case "string":
      return textType(schema);
    case "boolean":
      return { type: bool, least: 4 };
    case "number":
      return { type: double, least: 1 };
    case "integer":
      return { type: int, least: 1 };
    default:
      return isRoot ? objectType(schema, isRoot) : undefined;
  }
}

function textType({ format, maxLength, enum: values }: Schema): Declared {
  if (format === "byte") return { type: { ...bytes, max: maxLength ?? requestMax - 2 }, least: 2 };
  if (format === "duration") return { type: { ...duration, max: 32 }, least: 3 };
  if (format === "date") return { type: { ...timestamp, max: 12 }, least: 12 };
  if (format === "date-time") return { type: { ...timestamp, max: 32 }, least: 21 };
  const longest = values?.reduce<number>(
    (max, value) => Math.max(max, typeof value === "string" ? value.length : 0),
    0,
  );
  const max = maxLength === undefined ? (longest ?? requestMax - 2) : maxLength * 4;
  return { type: { ...string, max }, least: 2 };
}

function objectType(schema: Schema, isRoot: boolean): Declared | undefined {
  const { additionalProperties: others, required = [] } = schema;
  if (typeof others === "object") {
    const values = declaredType(others, isResource(others));
    if (values === undefined) return undefined;
    const max = schema.maxProperties ?? Math.floor((requestMax - 2) / (values.least + 6));
    // Keys count for nothing, as upstream has it: definitions that are out there rely on that.
    return { type: mapOf({ ...string, max: 0 }, values.type, max), least: 2 };
  }
  const fields = new Map<string, CelType>();
  let least = 2;
  for (const [name, property] of Object.entries(rootProperties(schema, isRoot))) {
    const declared = declaredType(property, isResource(property));
    if (declared === undefined) continue;
    const escaped = escapeName(name);
    if (escaped !== undefined) fields.set(escaped, declared.type);
    if (required.includes(name) && property.default === undefined) least += name.length + declared.least + 4;
  }
  return { type: { kind: "object", args: [], name: `selfType${objects++}`, fields }, least };
}

const text: Schema = { type: "string" };
const meta: Schema = { type: "object", properties: { name: text, generateName: text } };

/** With what every whole object has. */
export function rootProperties(
  { properties = {} }: Schema,
  isRoot: boolean,
): Readonly<Record<string, Schema>> {
  return isRoot ? { ...properties, apiVersion: text, kind: text, metadata: meta } : properties;
}

const reserved = new Set([
  ...["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"],
  ...["import", "let", "loop", "package", "namespace", "return", "var", "void", "while"],
]);
const signs: Readonly<Record<string, string>> = {
  ".": "__dot__",
  "-": "__dash__",
  "/": "__slash__",
  __: "__underscores__",
};

/** The member that an expression names: after a dot, reserved words need no escape. */
export function memberNamed<T>(members: ReadonlyMap<string, T>, name: string): T | undefined {
  return members.get(name) ?? (reserved.has(name) ? members.get(`__${name}__`) : undefined);
}

/** The name of a member as an expression says it; undefined when none can. */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_][\w./-]*$/.test(name)) return undefined;
  return name.replace(/__|[./-]/g, (sign) => signs[sign] ?? sign);
}
