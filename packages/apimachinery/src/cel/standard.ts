/** The standard functions and operators of CEL. */
import { compileExpression, ExpressionError } from "../structural/formats.ts";
import { addConversions, intMin, toDuration, toInt, toTimestamp, toUint } from "./conversions.ts";
import type { FunctionTable } from "./overloads.ts";
import { SchemaList } from "./schema-list.ts";
import { timeParts, timestampMin } from "./timestamps.ts";
import {
  compareNumbers,
  DurationValue,
  EvaluationError,
  equalValues,
  isNumeric,
  type MadeMap,
  type MapValue,
  type Numeric,
  none,
  OpaqueValue,
  OptionalValue,
  showKey,
  sizeOf,
  TimestampValue,
  TypeValue,
  typeNameOf,
  UintValue,
} from "./values.ts";

function divided(left: bigint, right: bigint, what = "division"): bigint {
  if (right === 0n) throw new EvaluationError(`${what} by zero`);
  return what === "division" ? left / right : left % right;
}

export function addStandard(table: FunctionTable): void {
  addLogic(table);
  addArithmetic(table);
  addComparison(table);
  addAccess(table);
  addConversions(table);
  addTexts(table);
  addTimes(table);
  addOptionals(table);
}

/** The evaluator itself does these: not all that they are given is always evaluated. */
function addLogic(table: FunctionTable): void {
  const never = (): never => {
    throw new EvaluationError("no such overload");
  };
  table.add("_?_:_(bool, A, A) A", never);
  table.add("@not_strictly_false(bool) bool", never);
  table.add("optional(A).or(optional(A)) optional(A)", never);
  table.add("optional(A).orValue(A) A", never);
  table.add("!_(bool) bool", (value: boolean) => !value);
}

function addArithmetic(table: FunctionTable): void {
  table.add("_+_(int, int) int", (a: bigint, b: bigint) => toInt(a + b));
  table.add("_-_(int, int) int", (a: bigint, b: bigint) => toInt(a - b));
  table.add("_*_(int, int) int", (a: bigint, b: bigint) => toInt(a * b));
  table.add("_/_(int, int) int", (a: bigint, b: bigint) => toInt(divided(a, b)));
  table.add("_%_(int, int) int", (a: bigint, b: bigint) => {
    if (a === intMin && b === -1n) throw new EvaluationError("integer overflow");
    return divided(a, b, "modulus");
  });
  table.add("-_(int) int", (a: bigint) => toInt(-a));
  const unsigned = (operate: (a: bigint, b: bigint) => bigint) => (a: UintValue, b: UintValue) =>
    toUint(operate(a.value, b.value));
  table.add(
    "_+_(uint, uint) uint",
    unsigned((a, b) => a + b),
  );
  table.add(
    "_-_(uint, uint) uint",
    unsigned((a, b) => a - b),
  );
  table.add(
    "_*_(uint, uint) uint",
    unsigned((a, b) => a * b),
  );
  table.add(
    "_/_(uint, uint) uint",
    unsigned((a, b) => divided(a, b)),
  );
  table.add(
    "_%_(uint, uint) uint",
    unsigned((a, b) => divided(a, b, "modulus")),
  );
  table.add("_+_(double, double) double", (a: number, b: number) => a + b);
  table.add("_-_(double, double) double", (a: number, b: number) => a - b);
  table.add("_*_(double, double) double", (a: number, b: number) => a * b);
  table.add("_/_(double, double) double", (a: number, b: number) => a / b);
  table.add("-_(double) double", (a: number) => -a);
  table.add("_+_(string, string) string", (a: string, b: string) => a + b);
  table.add("_+_(bytes, bytes) bytes", (a: Uint8Array, b: Uint8Array) => Uint8Array.from([...a, ...b]));
  table.add("_+_(list(A), list(A)) list(A)", (a: unknown[], b: unknown[]) =>
    a instanceof SchemaList ? a.joined(b) : a.concat(b),
  );
  const span = (value: DurationValue | TimestampValue): bigint => value.nanos;
  const later = (a: TimestampValue, b: DurationValue): TimestampValue => toTimestamp(span(a) + span(b));
  table.add("_+_(duration, duration) duration", (a: DurationValue, b: DurationValue) =>
    toDuration(span(a) + span(b)),
  );
  table.add("_+_(timestamp, duration) timestamp", later);
  table.add("_+_(duration, timestamp) timestamp", (a: DurationValue, b: TimestampValue) => later(b, a));
  table.add("_-_(duration, duration) duration", (a: DurationValue, b: DurationValue) =>
    toDuration(span(a) - span(b)),
  );
  table.add("_-_(timestamp, duration) timestamp", (a: TimestampValue, b: DurationValue) =>
    toTimestamp(span(a) - span(b)),
  );
  table.add("_-_(timestamp, timestamp) duration", (a: TimestampValue, b: TimestampValue) =>
    toDuration(span(a) - span(b)),
  );
}

function addComparison(table: FunctionTable): void {
  table.add("_==_(A, A) bool", (a: unknown, b: unknown) => equalValues(a, b));
  table.add("_!=_(A, A) bool", (a: unknown, b: unknown) => !equalValues(a, b));
  const orders = {
    "_<_": (order: number) => order < 0,
    "_<=_": (order: number) => order <= 0,
    "_>_": (order: number) => order > 0,
    "_>=_": (order: number) => order >= 0,
  };
  const numbers = ["int", "uint", "double"];
  for (const [name, holds] of Object.entries(orders)) {
    for (const left of numbers) {
      for (const right of numbers) {
        table.add(`${name}(${left}, ${right}) bool`, (a: Numeric, b: Numeric) => {
          return holds(ordered(a, b));
        });
      }
    }
    for (const type of ["string", "bytes", "bool", "timestamp", "duration"]) {
      table.add(`${name}(${type}, ${type}) bool`, (a: unknown, b: unknown) => holds(compare(a, b)));
    }
  }
}

function ordered(left: Numeric, right: Numeric): number {
  const order = compareNumbers(left, right);
  if (order === undefined) throw new EvaluationError("NaN values cannot be ordered");
  return order;
}

export function compare(left: unknown, right: unknown): number {
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(left, right) ?? 0;
  if (left instanceof TimestampValue && right instanceof TimestampValue)
    return compareNumbers(left.nanos, right.nanos) ?? 0;
  if (left instanceof DurationValue && right instanceof DurationValue)
    return compareNumbers(left.nanos, right.nanos) ?? 0;
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    for (const [index, byte] of left.entries()) {
      if (byte !== right[index]) return right[index] === undefined ? 1 : byte - right[index];
    }
    return left.length - right.length;
  }
  if (typeof left === "string" && typeof right === "string") return compareTexts(left, right);
  if (typeof left === "boolean" && typeof right === "boolean") return Number(left) - Number(right);
  throw new EvaluationError("no such overload");
}

/** By code points, as UTF-8's bytes are in order; JavaScript's own order differs beyond the basic plane. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  return (left.codePointAt(at) ?? -1) - (right.codePointAt(at) ?? -1);
}

function addAccess(table: FunctionTable): void {
  const item = (list: unknown[], index: Numeric): unknown => {
    const at = index instanceof UintValue ? Number(index.value) : Number(index);
    if (!Number.isInteger(at) || at < 0 || at >= list.length) return undefined;
    return list[at];
  };
  const found = (value: unknown, message: string): unknown => {
    if (value === undefined) throw new EvaluationError(message);
    return value;
  };
  table.add("_[_](list(A), int) A", (list: unknown[], index: bigint) =>
    found(item(list, index), `index out of bounds: ${index}`),
  );
  table.add("_[_](map(A, B), A) B", (map: MapValue, key: unknown) =>
    found(map.get(keyed(key)), `no such key: ${showKey(key)}`),
  );
  const optional = (value: unknown): OptionalValue =>
    value === undefined ? none : new OptionalValue(true, value);
  const through = (holder: OptionalValue, get: (value: unknown) => unknown): OptionalValue =>
    holder.present ? optional(get(holder.value)) : none;
  table.add("_[?_](list(A), int) optional(A)", (list: unknown[], index: bigint) =>
    optional(item(list, index)),
  );
  table.add("_[?_](map(A, B), A) optional(B)", (map: MapValue, key: unknown) =>
    optional(map.get(keyed(key))),
  );
  for (const name of ["_[_]", "_[?_]"]) {
    table.add(`${name}(optional(list(A)), int) optional(A)`, (holder: OptionalValue, index: bigint) =>
      through(holder, (list) => item(list as unknown[], index)),
    );
    table.add(`${name}(optional(map(A, B)), A) optional(B)`, (holder: OptionalValue, key: unknown) =>
      through(holder, (map) => (map as MapValue).get(key)),
    );
  }
  table.add("@in(A, list(A)) bool", (value: unknown, list: unknown[]) =>
    list.some((one) => equalValues(one, value)),
  );
  table.add("@in(A, map(A, B)) bool", (key: unknown, map: MapValue) => isKey(key) && map.has(key));
  for (const type of ["string", "bytes", "list(A)", "map(A, B)"]) {
    table.add(`size(${type}) int`, (value: unknown) => BigInt(sizeOf(value)));
    table.add(`${type}.size() int`, (value: unknown) => BigInt(sizeOf(value)));
  }
  table.add("cel.@mapInsert(map(A, B), A, B) map(A, B)", (map: MadeMap, key: unknown, value: unknown) =>
    map.with(key, value),
  );
  table.add("cel.@mapInsert(map(A, B), map(A, B)) map(A, B)", (map: MadeMap, more: MapValue) =>
    more.keys().reduce<MadeMap>((all, key) => all.with(key, more.get(key)), map),
  );
}

export function isKey(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || isNumeric(value);
}

/** What a member can be asked for by. */
function keyed(key: unknown): unknown {
  if (isKey(key)) return key;
  throw new EvaluationError(`invalid qualifier type: ${typeNameOf(key)}`);
}

function addTexts(table: FunctionTable): void {
  table.add("string.contains(string) bool", (text: string, part: string) => text.includes(part));
  table.add("string.startsWith(string) bool", (text: string, part: string) => text.startsWith(part));
  table.add("string.endsWith(string) bool", (text: string, part: string) => text.endsWith(part));
  table.add("string.matches(string) bool", matches);
  table.add("matches(string, string) bool", matches);
}

export function expression(pattern: string): ReturnType<typeof compileExpression> {
  try {
    return compileExpression(pattern);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new EvaluationError(error.message, { cause: error });
  }
}

function matches(text: string, pattern: string): boolean {
  return expression(pattern).matcher(text).find();
}

function addTimes(table: FunctionTable): void {
  for (const part of Object.keys(timeParts)) {
    const of = timeParts[part] as (nanos: bigint, zone: string) => bigint;
    table.add(`timestamp.${part}() int`, ({ nanos }: TimestampValue) => of(nanos, "UTC"));
    table.add(`timestamp.${part}(string) int`, ({ nanos }: TimestampValue, zone: string) => of(nanos, zone));
  }
  const spans = {
    getHours: 3_600_000_000_000n,
    getMinutes: 60_000_000_000n,
    getSeconds: 1_000_000_000n,
    getMilliseconds: 1_000_000n,
  };
  for (const [name, unit] of Object.entries(spans)) {
    table.add(`duration.${name}() int`, ({ nanos }: DurationValue) => nanos / unit);
  }
}

function addOptionals(table: FunctionTable): void {
  table.add("optional.of(A) optional(A)", (value: unknown) => new OptionalValue(true, value));
  table.add("optional.ofNonZeroValue(A) optional(A)", (value: unknown) =>
    isZero(value) ? none : new OptionalValue(true, value),
  );
  table.add("optional.none() optional(A)", () => none);
  table.add("optional(A).hasValue() bool", ({ present }: OptionalValue) => present);
  table.add("optional(A).value() A", ({ present, value }: OptionalValue) => {
    if (!present) throw new EvaluationError("optional.none() dereference");
    return value;
  });
}

function isZero(value: unknown): boolean {
  if (value instanceof UintValue) return value.value === 0n;
  if (value instanceof DurationValue) return value.nanos === 0n;
  if (value instanceof TimestampValue) return value.nanos === timestampMin;
  if (value instanceof OpaqueValue || value instanceof TypeValue) return false;
  if (typeof value === "object" && value !== null) return sizeOf(value) === 0;
  return typeof value === "number" ? value === 0 : !value;
}
