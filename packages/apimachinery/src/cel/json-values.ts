/** JSON as values that rules see, by its schema. */
import { canonicalJson } from "@selvedge/base";
import { parseDuration } from "../go-duration.ts";
import type { Schema } from "../schema.ts";
import { isObject, type JsonObject } from "../structural/walk.ts";
import { declaredType, escapeName, memberNamed, rootProperties } from "./declared-type.ts";
import { SchemaList } from "./schema-list.ts";
import { parseTimestamp } from "./timestamps.ts";
import { DurationValue, type MapValue, TimestampValue } from "./values.ts";

export function jsonValue(
  schema: Schema,
  value: unknown,
  isRoot: boolean = schema["x-kubernetes-embedded-resource"] === true,
): unknown {
  if (value === null || value === undefined) return null;
  if (schema["x-kubernetes-int-or-string"]) return untypedValue(value);
  if (Array.isArray(value)) return listValue(schema, value);
  if (isObject(value)) {
    const { additionalProperties: others } = schema;
    if (typeof others === "object") return new JsonMap(others, value);
    return new JsonStruct(schema, value, isRoot);
  }
  if (typeof value === "number") return schema.type === "integer" ? BigInt(Math.trunc(value)) : value;
  if (typeof value === "bigint") return schema.type === "number" ? Number(value) : value;
  return typeof value === "string" ? textValue(schema, value) : value;
}

/** JSON of which nobody knows a schema. */
export function untypedValue(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(untypedValue);
  return isObject(value) ? new JsonMap(undefined, value) : value;
}

function textValue({ format }: Schema, text: string): unknown {
  if (format === "duration") {
    const nanos = parseDuration(text);
    return nanos === undefined ? text : new DurationValue(nanos);
  }
  if (format === "date" || format === "date-time") {
    const nanos = parseTimestamp(text);
    return nanos === undefined ? text : new TimestampValue(nanos);
  }
  if (format === "byte") {
    try {
      return Uint8Array.fromBase64(text);
    } catch {
      // What is no base64 is told of by the schema.
      return text;
    }
  }
  return text;
}

function listValue(schema: Schema, items: readonly unknown[]): unknown {
  const inner = schema.items ?? {};
  const values = items.map((item) => jsonValue(inner, item));
  const kind = schema["x-kubernetes-list-type"];
  if (kind !== "set" && kind !== "map") return values;
  const keys = kind === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : undefined;
  return SchemaList.known(values, items, (item) =>
    keys === undefined || !isObject(item)
      ? canonicalJson(item)
      : canonicalJson(keys.map((key) => item[key] ?? null)),
  );
}

/** Members as they were made: a loop that asks for a list each time gets the same one. */
class Made {
  #known: Map<string, unknown> | undefined;

  /** Only what has members itself is kept: all else is made in no time. */
  get(name: string, value: unknown, make: () => unknown): unknown {
    if (typeof value !== "object") return make();
    this.#known ??= new Map();
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const made = make();
    this.#known.set(name, made);
    return made;
  }
}

class JsonMap implements MapValue {
  readonly isMap = true;
  readonly typeName: undefined = undefined;
  readonly #made = new Made();
  /** Undefined: it is not known. */
  readonly #schema: Schema | undefined;
  readonly #value: JsonObject;

  constructor(schema: Schema | undefined, value: JsonObject) {
    this.#schema = schema;
    this.#value = value;
  }

  get size(): number {
    return Object.keys(this.#value).length;
  }

  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  has(key: unknown): boolean {
    return typeof key === "string" && Object.hasOwn(this.#value, key);
  }

  get(key: unknown): unknown {
    if (!this.has(key)) return undefined;
    const [name, schema] = [key as string, this.#schema];
    const value = this.#value[name];
    return this.#made.get(name, value, () =>
      schema === undefined ? untypedValue(value) : jsonValue(schema, value),
    );
  }
}

interface Member {
  readonly name: string;
  readonly schema: Schema;
}

const structs = new WeakMap<Schema, Map<boolean, ReadonlyMap<string, Member>>>();

/** Members of the schema that rules can see, by the names they see them under. */
function membersOf(schema: Schema, isRoot: boolean): ReadonlyMap<string, Member> {
  let known = structs.get(schema);
  if (known === undefined) {
    known = new Map();
    structs.set(schema, known);
  }
  let members = known.get(isRoot);
  if (members === undefined) {
    const made = new Map<string, Member>();
    for (const [name, inner] of Object.entries(rootProperties(schema, isRoot))) {
      const escaped = escapeName(name);
      const sees = declaredType(inner, inner["x-kubernetes-embedded-resource"] === true) !== undefined;
      if (escaped !== undefined && sees) made.set(escaped, { name, schema: inner });
    }
    members = made;
    known.set(isRoot, members);
  }
  return members;
}

class JsonStruct implements MapValue {
  readonly isMap = true;
  readonly typeName = "object";
  readonly #made = new Made();
  readonly #members: ReadonlyMap<string, Member>;
  readonly #value: JsonObject;

  constructor(schema: Schema, value: JsonObject, isRoot: boolean) {
    this.#members = membersOf(schema, isRoot);
    this.#value = value;
  }

  get size(): number {
    return this.keys().length;
  }

  keys(): readonly string[] {
    return [...this.#members.keys()].filter((key) => this.has(key));
  }

  has(key: unknown): boolean {
    const member = memberNamed(this.#members, String(key));
    return member !== undefined && this.#value[member.name] !== undefined;
  }

  get(key: unknown): unknown {
    const member = memberNamed(this.#members, String(key));
    const value = member === undefined ? undefined : this.#value[member.name];
    if (member === undefined || value === undefined) return undefined;
    return this.#made.get(member.name, value, () => jsonValue(member.schema, value));
  }
}
