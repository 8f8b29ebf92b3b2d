/** What ours makes of an expression, in the words of the program that asks upstream's (tests/interop/expressions). */
import { CompileError, ProgramError } from "../src/cel/ast.ts";
import { check } from "../src/cel/checker.ts";
import { costOf, evaluate } from "../src/cel/evaluate.ts";
import { parse } from "../src/cel/parser.ts";
import {
  DurationValue,
  EvaluationError,
  isMapValue,
  OpaqueValue,
  OptionalValue,
  TimestampValue,
  TypeValue,
  UintValue,
} from "../src/cel/values.ts";

export interface Answer {
  readonly source: string;
  /** When it failed, or that it came to a value. */
  readonly stage: "compile" | "program" | "error" | "value" | "panic";
  readonly text: string;
  readonly cost: number;
}

const limit = 1_000_000;

export function answerTo(source: string): Answer {
  try {
    const { value, cost } = evaluate(check(source, parse(source), new Map()), () => undefined, limit);
    return { source, stage: "value", text: shown(value), cost };
  } catch (error) {
    if (error instanceof CompileError) return { source, stage: "compile", text: error.message, cost: 0 };
    if (error instanceof ProgramError) return { source, stage: "program", text: error.message, cost: 0 };
    if (!(error instanceof EvaluationError)) throw error;
    return { source, stage: "error", text: error.message, cost: costOf(error) };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function double(value: number): string {
  if (Number.isNaN(value)) return "double NaN";
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return `double ${hex(bytes)}`;
}

function timestamp(nanos: bigint): string {
  const part = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return `timestamp ${(nanos - part) / 1_000_000_000n} ${part}`;
}

function shown(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `int ${value}`;
  if (typeof value === "number") return double(value);
  if (typeof value === "string") return `string ${hex(Buffer.from(value))}`;
  if (value instanceof Uint8Array) return `bytes ${hex(value)}`;
  if (value instanceof UintValue) return `uint ${value.value}`;
  if (value instanceof TypeValue) return `type ${value.name}`;
  if (value instanceof TimestampValue) return timestamp(value.nanos);
  if (value instanceof DurationValue) return `duration ${value.nanos}`;
  if (value instanceof OptionalValue) return value.present ? `optional(${shown(value.value)})` : "none";
  if (value instanceof OpaqueValue) return `opaque ${value.type}`;
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (!isMapValue(value)) throw new Error(`a value of no type: ${String(value)}`);
  const entries = value.keys().map((key) => `${shown(key)}: ${shown(value.get(key))}`);
  return `{${entries.sort().join(", ")}}`;
}
