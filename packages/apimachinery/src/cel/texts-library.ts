/** Functions on texts, patterns, lists and sets besides the standard ones. */

import { toDuration, toInt, toUint } from "./conversions.ts";
import { formatText } from "./format.ts";
import type { FunctionTable } from "./overloads.ts";
import { compare, expression } from "./standard.ts";
import { type CelType, double, duration, int, isOfType, string, uint } from "./types.ts";
import {
  type DurationValue,
  EvaluationError,
  equalValues,
  none,
  OptionalValue,
  type UintValue,
} from "./values.ts";

export function addTextsLibrary(table: FunctionTable): void {
  addStrings(table);
  addPatterns(table);
  addLists(table);
  addSets(table);
}

function checkedIndex(index: bigint, size: number): number {
  if (index < 0n || index > BigInt(size)) throw new EvaluationError(`index out of range: ${index}`);
  return Number(index);
}

function addStrings(table: FunctionTable): void {
  table.add("string.charAt(int) string", (text: string, index: bigint) => {
    const points = [...text];
    return points[checkedIndex(index, points.length)] ?? "";
  });
  const indexOf = (text: string, part: string, from: bigint, last: boolean): bigint => {
    if (part === "") return from;
    const [points, sought] = [[...text], [...part]];
    if (from < 0n) throw new EvaluationError(`index out of range: ${from}`);
    if (from >= BigInt(points.length)) return -1n;
    const start = Number(from);
    const at = (place: number): boolean => sought.every((point, index) => points[place + index] === point);
    const step = last ? -1 : 1;
    for (
      let place = start;
      place >= 0 && place <= points.length - (last ? 0 : sought.length);
      place += step
    ) {
      if (at(place)) return BigInt(place);
    }
    return -1n;
  };
  table.add("string.indexOf(string) int", (text: string, part: string) => indexOf(text, part, 0n, false));
  table.add("string.indexOf(string, int) int", (text: string, part: string, from: bigint) =>
    indexOf(text, part, from, false),
  );
  table.add("string.lastIndexOf(string) int", (text: string, part: string) => {
    const length = BigInt([...text].length);
    return part === "" || length === 0n
      ? indexOf(text, part, length, true)
      : indexOf(text, part, length - 1n, true);
  });
  table.add("string.lastIndexOf(string, int) int", (text: string, part: string, from: bigint) =>
    indexOf(text, part, from, true),
  );
  const ascii = (pattern: RegExp, change: (letter: string) => string) => (text: string) =>
    text.replace(pattern, change);
  table.add(
    "string.lowerAscii() string",
    ascii(/[A-Z]/g, (letter) => letter.toLowerCase()),
  );
  table.add(
    "string.upperAscii() string",
    ascii(/[a-z]/g, (letter) => letter.toUpperCase()),
  );
  table.add("string.trim() string", (text: string) =>
    text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, ""),
  );
  table.add("string.replace(string, string) string", (text: string, from: string, to: string) =>
    replaceSome(text, from, to, -1n),
  );
  table.add("string.replace(string, string, int) string", replaceSome);
  table.add("string.split(string) list(string)", (text: string, by: string) => splitText(text, by, -1));
  table.add("string.split(string, int) list(string)", (text: string, by: string, limit: bigint) =>
    splitText(text, by, Number(limit)),
  );
  table.add("string.substring(int) string", (text: string, from: bigint) => {
    const points = [...text];
    return points.slice(checkedIndex(from, points.length)).join("");
  });
  table.add("string.substring(int, int) string", (text: string, from: bigint, to: bigint) => {
    const points = [...text];
    const [start, end] = [checkedIndex(from, points.length), checkedIndex(to, points.length)];
    if (start > end) throw new EvaluationError(`invalid substring range. start: ${start}, end: ${end}`);
    return points.slice(start, end).join("");
  });
  table.add("list(string).join() string", (list: unknown[]) => typed(list, string).join(""));
  table.add("list(string).join(string) string", (list: unknown[], by: string) =>
    typed(list, string).join(by),
  );
  table.add("strings.quote(string) string", (text: string) => quoted(text));
  table.add("string.format(list(dyn)) string", formatText);
}

function replaceSome(text: string, from: string, to: string, count: bigint): string {
  let left = count < 0n ? Number.POSITIVE_INFINITY : Number(count);
  if (from !== "") return text.replaceAll(from, () => (left-- > 0 ? to : from));
  return ["", ...text].map((point) => (left-- > 0 ? `${point}${to}` : point)).join("");
}

function splitText(text: string, by: string, limit: number): string[] {
  if (limit === 0) return [];
  const parts = by === "" ? [...text] : text.split(by);
  if (limit < 0 || parts.length <= limit) return parts;
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(by)];
}

const escapes: Readonly<Record<string, string>> = {
  ...{ "\u0007": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v" },
  ...{ "\\": "\\\\", '"': '\\"' },
};

function quoted(text: string): string {
  return `"${[...text].map((point) => escapes[point] ?? point).join("")}"`;
}

function patternOf(pattern: string): ReturnType<typeof expression> {
  try {
    return expression(pattern);
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    throw new EvaluationError(`Illegal regex: ${error.message}`, { cause: error });
  }
}

function addPatterns(table: FunctionTable): void {
  table.add("string.find(string) string", (text: string, pattern: string) => {
    const matcher = patternOf(pattern).matcher(text);
    return matcher.find() ? (matcher.group() ?? "") : "";
  });
  const findAll = (text: string, pattern: string, limit: number): string[] => {
    const matcher = patternOf(pattern).matcher(text);
    const found: string[] = [];
    while (found.length < limit && matcher.find()) found.push(matcher.group() ?? "");
    return found;
  };
  table.add("string.findAll(string) list(string)", (text: string, pattern: string) =>
    findAll(text, pattern, Number.POSITIVE_INFINITY),
  );
  table.add("string.findAll(string, int) list(string)", (text: string, pattern: string, limit: bigint) =>
    findAll(text, pattern, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)),
  );
}

const ordered = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];

/** A list of what is not known before may hold anything. */
function typed<T>(list: unknown[], type: CelType): T[] {
  if (list.every((item) => isOfType(item, type))) return list as T[];
  throw new EvaluationError("no such overload");
}

function addLists(table: FunctionTable): void {
  for (const type of ordered) {
    table.add(`list(${type}).isSorted() bool`, (list: unknown[]) =>
      list.every((item, index) => index === 0 || compare(list[index - 1], item) <= 0),
    );
    const extreme = (list: unknown[], sign: number, name: string): unknown => {
      if (list.length === 0) throw new EvaluationError(`${name} called on empty list`);
      return list.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
    };
    table.add(`list(${type}).min() ${type}`, (list: unknown[]) => extreme(list, -1, "min"));
    table.add(`list(${type}).max() ${type}`, (list: unknown[]) => extreme(list, 1, "max"));
    table.add(`list(${type}).sort() list(${type})`, (list: unknown[]) => [...list].sort(compare));
  }
  for (const type of ordered) {
    table.add(`list(A).@sortByAssociatedKeys(list(${type})) list(A)`, (list: unknown[], keys: unknown[]) =>
      list
        .map((item, index) => [keys[index], item] as const)
        .sort(([a], [b]) => compare(a, b))
        .map(([, item]) => item),
    );
  }
  table.add("list(int).sum() int", (list: unknown[]) =>
    typed<bigint>(list, int).reduce((sum, item) => toInt(sum + item), 0n),
  );
  table.add("list(uint).sum() uint", (list: unknown[]) =>
    typed<UintValue>(list, uint).reduce((sum, { value }) => toUint(sum.value + value), toUint(0n)),
  );
  table.add("list(double).sum() double", (list: unknown[]) =>
    typed<number>(list, double).reduce((sum, item) => sum + item, 0),
  );
  table.add("list(duration).sum() duration", (list: unknown[]) =>
    typed<DurationValue>(list, duration).reduce(
      (sum, { nanos }) => toDuration(sum.nanos + nanos),
      toDuration(0n),
    ),
  );
  table.add("list(A).indexOf(A) int", (list: unknown[], value: unknown) =>
    BigInt(list.findIndex((item) => equalValues(item, value))),
  );
  table.add("list(A).lastIndexOf(A) int", (list: unknown[], value: unknown) =>
    BigInt(list.findLastIndex((item) => equalValues(item, value))),
  );
  table.add("list(A).slice(int, int) list(A)", (list: unknown[], from: bigint, to: bigint) => {
    const bad = from < 0n || to < 0n || from > to || to > BigInt(list.length);
    if (bad) throw new EvaluationError(`cannot slice(${from}, ${to}), list is length ${list.length}`);
    return list.slice(Number(from), Number(to));
  });
  table.add("list(list(A)).flatten() list(A)", (list: unknown[]) => list.flat(1));
  table.add("list(dyn).flatten(int) list(dyn)", (list: unknown[], depth: bigint) => {
    if (depth < 0n) throw new EvaluationError("level must be non-negative");
    return list.flat(Number(depth));
  });
  table.add("list(A).distinct() list(A)", (list: unknown[]) => distinct(list));
  table.add("list(A).reverse() list(A)", (list: unknown[]) => [...list].reverse());
  const ends = (list: unknown[], at: number): OptionalValue =>
    list.length === 0 ? none : new OptionalValue(true, list.at(at));
  table.add("list(A).first() optional(A)", (list: unknown[]) => ends(list, 0));
  table.add("list(A).last() optional(A)", (list: unknown[]) => ends(list, -1));
  table.add("lists.range(int) list(int)", (count: bigint) => {
    if (count > 1_000_000n) throw new EvaluationError("lists.range is too large");
    return Array.from({ length: Number(count) }, (_item, index) => BigInt(index));
  });
}

function distinct(list: readonly unknown[]): unknown[] {
  const found: unknown[] = [];
  for (const item of list) if (!found.some((one) => equalValues(one, item))) found.push(item);
  return found;
}

function addSets(table: FunctionTable): void {
  const holds = (list: unknown[], item: unknown): boolean => list.some((one) => equalValues(one, item));
  table.add("sets.contains(list(A), list(A)) bool", (all: unknown[], part: unknown[]) =>
    part.every((item) => holds(all, item)),
  );
  table.add(
    "sets.equivalent(list(A), list(A)) bool",
    (a: unknown[], b: unknown[]) => a.every((item) => holds(b, item)) && b.every((item) => holds(a, item)),
  );
  table.add("sets.intersects(list(A), list(A)) bool", (a: unknown[], b: unknown[]) =>
    a.some((item) => holds(b, item)),
  );
}
