/** `"%s is %d".format([a, b])`, and what can be said of it before it is asked. */

import { printValue } from "./conversions.ts";
import { fixedText, localFixedText, localScientificText } from "./go-numbers.ts";
import {
  DurationValue,
  EvaluationError,
  isMapValue,
  TimestampValue,
  TypeValue,
  typeNameOf,
  UintValue,
} from "./values.ts";

const defaultPrecision = 6;
/** No number has more digits that mean anything. */
const precisionMax = 1000;

/** One `%` of a format: which argument it shows and how. */
export interface Clause {
  readonly verb: string;
  readonly precision: number | undefined;
}

/** Texts and clauses, in order. A clause that cannot be read throws; so does one more than there are arguments. */
export function readFormat(format: string, count: number): (string | Clause)[] {
  const parts: (string | Clause)[] = [];
  let next = 0;
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf("%", at);
    if (percent < 0) {
      parts.push(format.slice(at));
      break;
    }
    parts.push(format.slice(at, percent));
    at = percent + 1;
    if (format[at] === "%") {
      parts.push("%");
      at++;
      continue;
    }
    if (at >= format.length) throw new EvaluationError("unexpected end of string");
    if (next >= count) throw new EvaluationError(`index ${next} out of range`);
    next++;
    const { clause, length } = readClause(format.slice(at));
    parts.push(clause);
    at += length;
  }
  return parts;
}

function readClause(text: string): { readonly clause: Clause; readonly length: number } {
  const before = "could not parse formatting clause: ";
  const digits = /^\.(\d*)/.exec(text);
  const length = digits?.[0].length ?? 0;
  if (digits !== null) {
    const parsing = `${before}error while parsing precision: `;
    if (length === text.length)
      throw new EvaluationError(`${parsing}could not find end of precision specifier`);
    if (digits[1] === "" || Number(digits[1]) > precisionMax) {
      const shown = JSON.stringify(digits[1]);
      const why = digits[1] === "" ? "invalid syntax" : "value out of range";
      throw new EvaluationError(
        `${parsing}error while converting precision to integer: strconv.Atoi: parsing ${shown}: ${why}`,
      );
    }
  }
  const verb = String.fromCodePoint(text.codePointAt(length) ?? 0);
  if (!Object.hasOwn(fits, verb))
    throw new EvaluationError(`${before}unrecognized formatting clause "${verb}"`);
  const precision = digits === null ? undefined : Number(digits[1]);
  return { clause: { verb, precision }, length: length + verb.length };
}

const numbers = ["int", "uint"];
const shownKinds = [
  ...["list", "map", "int", "uint", "double", "bool", "string", "bytes", "type", "null_type"],
  ...["google.protobuf.Timestamp", "google.protobuf.Duration"],
];
const onlyStrings =
  "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and " +
  "timestamps";
const onlyHex = "only integers, byte buffers, and strings can be formatted as hex";
/** By verb: types of values that it shows, and what is said of others. */
const fits: Readonly<Record<string, { readonly types: readonly string[]; readonly only: string }>> = {
  s: { types: shownKinds, only: onlyStrings },
  d: { types: numbers, only: "decimal clause can only be used on integers" },
  f: { types: ["double"], only: "fixed-point clause can only be used on doubles" },
  e: { types: ["double"], only: "scientific clause can only be used on doubles" },
  b: { types: [...numbers, "bool"], only: "only integers and bools can be formatted as binary" },
  x: { types: [...numbers, "bytes", "string"], only: onlyHex },
  X: { types: [...numbers, "bytes", "string"], only: onlyHex },
  o: { types: numbers, only: "octal clause can only be used on integers" },
};
/** Texts that name numbers which have no literal. */
const unbounded: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity"]);

/** Why a value of the type, by its name, cannot be shown so. */
export function clauseFault({ verb }: Clause, type: string): string | undefined {
  const { types = [], only = "" } = fits[verb] ?? {};
  return types.includes(type) ? undefined : `error during formatting: ${only}, was given ${type}`;
}

export function takesUnbounded({ verb }: Clause, value: unknown): boolean {
  return (verb === "f" || verb === "e") && unbounded.has(value);
}

export function formatText(format: string, args: readonly unknown[]): string {
  let next = 0;
  return readFormat(format, args.length)
    .map((part) => (typeof part === "string" ? part : formatOne(part, args[next++])))
    .join("");
}

function formatOne(clause: Clause, value: unknown): string {
  const { verb, precision = defaultPrecision } = clause;
  if (takesUnbounded(clause, value)) return decimalText(verb, Number(value), precision);
  const fault = clauseFault(clause, typeNameOf(value));
  if (fault !== undefined) throw new EvaluationError(fault);
  const whole = value instanceof UintValue ? value.value : value;
  if (verb === "s")
    return value === null || Array.isArray(value) || isMapValue(value) ? shown(value) : texts(value);
  if (verb === "f" || verb === "e") return decimalText(verb, Number(value), precision);
  if (typeof whole === "boolean") return whole ? "1" : "0";
  if (typeof whole === "bigint") {
    const text = whole.toString({ d: 10, b: 2, o: 8 }[verb] ?? 16);
    return verb === "X" ? text.toUpperCase() : text;
  }
  const hex = (typeof whole === "string" ? new TextEncoder().encode(whole) : (whole as Uint8Array)).toHex();
  return verb === "X" ? hex.toUpperCase() : hex;
}

function decimalText(verb: string, value: number, precision: number): string {
  return verb === "f" ? localFixedText(value, precision) : localScientificText(value, precision);
}

function texts(value: unknown): string {
  if (!(value instanceof Uint8Array)) return printValue(value);
  try {
    return printValue(value);
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    const reason = `could not convert argument ${JSON.stringify(error.message)} to string`;
    throw new EvaluationError(`error during formatting: ${reason}`, { cause: error });
  }
}

/** Inside a list or a map: as an expression would say it. */
function shown(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `b${JSON.stringify(texts(value))}`;
  if (typeof value === "number")
    return Number.isFinite(value) ? fixedText(value, defaultPrecision) : JSON.stringify(printValue(value));
  if (value instanceof TimestampValue) return `timestamp("${printValue(value)}")`;
  if (value instanceof DurationValue) return `duration("${printValue(value)}")`;
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (isMapValue(value)) {
    const parts = value.keys().map((key) => `${shown(key)}:${shown(value.get(key))}`);
    return `{${parts.sort().join(", ")}}`;
  }
  if (value instanceof TypeValue) return value.name;
  if (!shownKinds.includes(typeNameOf(value)))
    throw new EvaluationError(`error during formatting: no formatting function for ${typeNameOf(value)}`);
  return printValue(value);
}
