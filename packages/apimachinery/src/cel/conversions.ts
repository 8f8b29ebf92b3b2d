/** Values of one type made of another's: what a text says, and what is beyond a type's range. */
import { parseDuration } from "../go-duration.ts";
import { generalText, plainText, readDouble } from "./go-numbers.ts";
import type { FunctionTable } from "./overloads.ts";
import { floorDivide, formatTimestamp, parseGoTimestamp, timestampMax, timestampMin } from "./timestamps.ts";
import {
  DurationValue,
  EvaluationError,
  TimestampValue,
  TypeValue,
  typeNameOf,
  UintValue,
} from "./values.ts";

export const intMin: bigint = -(2n ** 63n);
const intMax = 2n ** 63n - 1n;
const uintMax = 2n ** 64n - 1n;

export function toInt(value: bigint): bigint {
  if (value < intMin || value > intMax) throw new EvaluationError("integer overflow");
  return value;
}

export function toUint(value: bigint): UintValue {
  if (value < 0n || value > uintMax) throw new EvaluationError("unsigned integer overflow");
  return new UintValue(value);
}

export function toTimestamp(nanos: bigint): TimestampValue {
  if (nanos < timestampMin || nanos > timestampMax) throw new EvaluationError("timestamp overflow");
  return new TimestampValue(nanos);
}

export function toDuration(nanos: bigint): DurationValue {
  if (nanos < intMin || nanos > intMax) throw new EvaluationError("integer overflow");
  return new DurationValue(nanos);
}

function fromDouble(value: number): bigint {
  if (!Number.isFinite(value) || Math.abs(value) >= 2 ** 63) throw new EvaluationError("integer overflow");
  return BigInt(Math.trunc(value));
}

/** What a text says, or that it is none of that type. */
function converted<T>(value: T | undefined, from: string, to: string): T {
  if (value !== undefined) return value;
  throw new EvaluationError(`type conversion error from '${from}' to '${to}'`);
}

function textToInt(text: string): bigint {
  const value = /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined;
  const fits = value !== undefined && value >= intMin && value <= intMax;
  return converted(fits ? value : undefined, "string", "int");
}

function textToDouble(text: string): number {
  const value = readDouble(text);
  const fits = value !== undefined && (Number.isFinite(value) || !/\d/.test(text));
  return converted(fits ? value : undefined, "string", "double");
}

function textToUint(text: string): UintValue {
  const value = /^\d+$/.test(text) ? BigInt(text) : undefined;
  const fits = value !== undefined && value <= uintMax;
  return new UintValue(converted(fits ? value : undefined, "string", "uint"));
}

function textToBool(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return converted(/^(0|f|F|false|FALSE|False)$/.test(text) ? false : undefined, "string", "bool");
}

function doubleToUint(value: number): UintValue {
  if (value >= 0 && value < 2 ** 64) return new UintValue(BigInt(Math.trunc(value)));
  throw new EvaluationError("unsigned integer overflow");
}

export function addConversions(table: FunctionTable): void {
  table.add("int(int) int", (value: bigint) => value);
  table.add("int(uint) int", ({ value }: UintValue) => toInt(value));
  table.add("int(double) int", fromDouble);
  table.add("int(string) int", textToInt);
  table.add("int(timestamp) int", ({ nanos }: TimestampValue) => floorDivide(nanos, 1_000_000_000n));
  table.add("int(duration) int", ({ nanos }: DurationValue) => nanos);
  table.add("uint(uint) uint", (value: UintValue) => value);
  table.add("uint(int) uint", toUint);
  table.add("uint(double) uint", doubleToUint);
  table.add("uint(string) uint", textToUint);
  table.add("double(double) double", (value: number) => value);
  table.add("double(int) double", Number);
  table.add("double(uint) double", ({ value }: UintValue) => Number(value));
  table.add("double(string) double", textToDouble);
  table.add("bool(bool) bool", (value: boolean) => value);
  table.add("bool(string) bool", textToBool);
  for (const type of ["string", "bytes", "int", "uint", "double", "bool", "timestamp", "duration"]) {
    table.add(`string(${type}) string`, printValue);
  }
  table.add("bytes(bytes) bytes", (value: Uint8Array) => value);
  table.add("bytes(string) bytes", (text: string) => new TextEncoder().encode(text));
  table.add("dyn(A) dyn", (value: unknown) => value);
  table.add("timestamp(timestamp) timestamp", (value: TimestampValue) => value);
  table.add("timestamp(int) timestamp", (seconds: bigint) => toTimestamp(seconds * 1_000_000_000n));
  table.add("timestamp(string) timestamp", (text: string) => {
    return toTimestamp(converted(parseGoTimestamp(text), "string", "google.protobuf.Timestamp"));
  });
  table.add("duration(duration) duration", (value: DurationValue) => value);
  // Upstream declares it and has nothing that does it.
  table.add("duration(int) duration", () => {
    converted(undefined, "int", "google.protobuf.Duration");
  });
  table.add("duration(string) duration", (text: string) => {
    const nanos = parseDuration(text);
    const fits = nanos !== undefined && nanos <= intMax;
    return new DurationValue(converted(fits ? nanos : undefined, "string", "google.protobuf.Duration"));
  });
  table.add("type(A) type(A)", (value: unknown) => new TypeValue(typeNameOf(value)));
}

/** As `string()` writes it. */
export function printValue(value: unknown): string {
  if (value instanceof UintValue) return `${value.value}`;
  if (value instanceof TimestampValue) return formatTimestamp(value.nanos);
  if (value instanceof DurationValue) return `${plainText(secondsOf(value.nanos))}s`;
  if (value instanceof Uint8Array) return readUtf8(value);
  if (value instanceof TypeValue) return value.name;
  return typeof value === "number" ? generalText(value) : String(value);
}

function secondsOf(nanos: bigint): number {
  return Number(nanos / 1_000_000_000n) + Number(nanos % 1_000_000_000n) / 1e9;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new EvaluationError("invalid UTF-8 in bytes, cannot convert to string", { cause: error });
  }
}
