/**
 * Values of CEL. int is a bigint, double a number, string a string, bytes a Uint8Array, list an array; null and
 * booleans are themselves. What JavaScript has no value for is a class here.
 */
import { jsonEqual } from "@selvedge/base";
import { SchemaList } from "./schema-list.ts";

/** An evaluation that came to nothing: a key that is not there, a number too large. */
export class EvaluationError extends Error {
  override name = "EvaluationError";
}

export class UintValue {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

export class TimestampValue {
  /** Nanoseconds since 1970. */
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class DurationValue {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class OptionalValue {
  readonly present: boolean;
  readonly value: unknown;

  constructor(present: boolean, value: unknown) {
    this.present = present;
    this.value = value;
  }
}

export const none: OptionalValue = new OptionalValue(false, undefined);

export class TypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A value of one of Kubernetes' own types: an amount, an address, a URL. */
export class OpaqueValue {
  readonly type: string;
  readonly value: unknown;
  readonly equals: (other: unknown) => boolean;
  /** What an operation on it costs by. */
  readonly size: number;

  constructor(type: string, value: unknown, equals: (other: unknown) => boolean, size = 1) {
    this.type = type;
    this.value = value;
    this.equals = equals;
    this.size = size;
  }
}

/** A map, or an object of a schema. */
export interface MapValue {
  readonly isMap: true;
  /** The name of an object's type; undefined of a map. */
  readonly typeName: string | undefined;
  readonly size: number;
  keys(): readonly unknown[];
  has(key: unknown): boolean;
  /** Undefined where there is none. */
  get(key: unknown): unknown;
}

export function isMapValue(value: unknown): value is MapValue {
  return typeof value === "object" && value !== null && "isMap" in value;
}

/** A map that an expression made. Numbers are the same key whatever their type. */
export class MadeMap implements MapValue {
  readonly isMap = true;
  readonly typeName: undefined = undefined;
  readonly #entries: Map<string, readonly [key: unknown, value: unknown]>;

  constructor(entries: Iterable<readonly [unknown, unknown]>) {
    this.#entries = new Map([...entries].map((entry) => [keyText(entry[0]), entry]));
  }

  get size(): number {
    return this.#entries.size;
  }

  keys(): readonly unknown[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  has(key: unknown): boolean {
    return this.#entries.has(keyText(key));
  }

  get(key: unknown): unknown {
    return this.#entries.get(keyText(key))?.[1];
  }

  /** Of a map that a loop puts together, which nobody else has: no other is made. */
  with(key: unknown, value: unknown): this {
    if (this.has(key)) throw new EvaluationError(`insert failed: key ${showKey(key)} already exists`);
    this.#entries.set(keyText(key), [key, value]);
    return this;
  }
}

function keyText(key: unknown): string {
  if (typeof key === "bigint" || key instanceof UintValue) return `n${numberOf(key)}`;
  if (typeof key === "number") return `n${key}`;
  return `${typeof key}${String(key)}`;
}

export function showKey(key: unknown): string {
  return key instanceof UintValue ? `${key.value}` : String(key);
}

function numberOf(value: bigint | UintValue): bigint {
  return typeof value === "bigint" ? value : value.value;
}

export type Numeric = bigint | number | UintValue;

export function isNumeric(value: unknown): value is Numeric {
  return typeof value === "bigint" || typeof value === "number" || value instanceof UintValue;
}

/** Of numbers of any types; undefined with NaN. */
export function compareNumbers(left: Numeric, right: Numeric): number | undefined {
  const [a, b] = [left, right].map((one) => (one instanceof UintValue ? one.value : one)) as [
    bigint | number,
    bigint | number,
  ];
  if (Number.isNaN(a) || Number.isNaN(b)) return undefined;
  // A whole number beside a double is made one, and may lose digits by it.
  const [x, y] = typeof a === typeof b ? [a, b] : [Number(a), Number(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export function equalValues(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(left, right) === 0;
  if (left instanceof TimestampValue) return right instanceof TimestampValue && left.nanos === right.nanos;
  if (left instanceof DurationValue) return right instanceof DurationValue && left.nanos === right.nanos;
  if (left instanceof TypeValue) return right instanceof TypeValue && left.name === right.name;
  if (left instanceof OpaqueValue)
    return right instanceof OpaqueValue && left.type === right.type && left.equals(right.value);
  if (left instanceof OptionalValue) {
    if (!(right instanceof OptionalValue) || left.present !== right.present) return false;
    return !left.present || equalValues(left.value, right.value);
  }
  if (left instanceof Uint8Array) return right instanceof Uint8Array && jsonEqual([...left], [...right]);
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    if (left instanceof SchemaList || right instanceof SchemaList) {
      return left.every((item) => right.some((other) => equalValues(item, other)));
    }
    return left.every((item, index) => equalValues(item, right[index]));
  }
  if (!isMapValue(left) || !isMapValue(right) || left.size !== right.size) return false;
  return left.keys().every((key) => right.has(key) && equalValues(left.get(key), right.get(key)));
}

export function typeNameOf(value: unknown): string {
  if (value === null) return "null_type";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "double";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (value instanceof UintValue) return "uint";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof TimestampValue) return "google.protobuf.Timestamp";
  if (value instanceof DurationValue) return "google.protobuf.Duration";
  if (value instanceof OptionalValue) return "optional_type";
  if (value instanceof TypeValue) return "type";
  if (value instanceof OpaqueValue) return value.type;
  if (Array.isArray(value)) return "list";
  return isMapValue(value) ? (value.typeName ?? "map") : "unknown";
}

/** Characters of a text, bytes, items or members: what an operation on it costs by. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return lengthOf(value);
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length;
  return isMapValue(value) || value instanceof OpaqueValue ? value.size : 1;
}

function isFirstHalf(text: string, index: number): boolean {
  return (text.charCodeAt(index) & 0xfc00) === 0xd800;
}

function isSecondHalf(text: string, index: number): boolean {
  return (text.charCodeAt(index) & 0xfc00) === 0xdc00;
}

/** In code points, as CEL counts. */
function lengthOf(text: string): number {
  let count = text.length;
  for (let index = 1; index < text.length; index++) {
    if (isSecondHalf(text, index) && isFirstHalf(text, index - 1)) count--;
  }
  return count;
}
