/**
 * JSON and YAML bodies, with the keys that were said twice: one of the two is lost, and its author should
 * know.
 */
import { heldInteger, type KeepsInteger, parseJson } from "@selvedge/base";
import { type Document, isMap, isPair, isScalar, isSeq, parseDocument, stringify, visit } from "yaml";
import { memberPath } from "../structural/walk.ts";
import { jsonFault } from "./json-fault.ts";

export interface ParsedBody {
  readonly value: unknown;
  /** Paths of members that occur more than once. */
  readonly duplicates: readonly string[];
  /** The same by line, in the words of Go's YAML: `line 9: key "foo" already set in map`. */
  readonly duplicateLines?: readonly string[];
  /** Integers, as they were written, that are kept as others. */
  readonly rounded?: readonly string[];
  /** Of protobuf: where fields were that nobody here knows, by their numbers. */
  readonly skipped?: readonly string[];
}

/** The text is neither; the message is for the user. */
export class BodyError extends Error {
  override name = "BodyError";
}

/** More are not worth reading. */
const duplicatesMax = 100;
/**
 * Deeper than any object nests; what walks objects calls itself, and must not be led over the end of the
 * stack.
 */
const nestingMax = 256;

/** The parser takes about a second for so much; programs that have more to say speak JSON. */
const yamlMax = 1024 * 1024;

/** Refuses what nests deeper than anything that walks it can follow. */
export function checkNesting(value: unknown): void {
  countMembers(value);
}

/** How many members its objects have in all. Refuses what nests too deep: it does not call itself. */
function countMembers(value: unknown): number {
  let members = 0;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > nestingMax) throw new BodyError(`nested more than ${nestingMax} deep`);
    const below: unknown[] = [];
    for (const one of level) {
      if (typeof one !== "object" || one === null) continue;
      const inner = Array.isArray(one) ? one : Object.values(one);
      if (inner !== one) members += inner.length;
      for (const member of inner) if (typeof member === "object" && member !== null) below.push(member);
    }
    level = below;
  }
  return members;
}

/** What no integer beyond 2^53 is kept in: the code of most kinds reckons with their numbers. */
const none: KeepsInteger = () => false;

export function parseJsonBody(text: string, keeps: KeepsInteger = none): ParsedBody {
  const found = new Rounded();
  let value: unknown;
  try {
    value = parseJson(text, keeps, found.hear);
  } catch (error) {
    throw new BodyError(jsonFault(text) ?? "not JSON", { cause: error });
  }
  if (longExponent.test(text)) checkNumbers(text);
  const rounded = found.integers;
  // Of a member that was said twice one is left: only then is it worth finding out which.
  if (countMembers(value) === membersSaid(text)) return { value, duplicates: [], rounded };
  const scan = new DuplicateScan(text);
  return { value, duplicates: scan.run(), duplicateLines: scan.lines, rounded };
}

/** A number that may be larger than any: 1e309, or a row of as many digits. */
const longExponent = /\d[eE]\+?\d{3}|(?<!\d)\d{300}/;

/** What is larger than any number would become nothing: refused, as Go's parser does. */
function checkNumbers(text: string): void {
  JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value === "number" && !Number.isFinite(value))
      throw new BodyError(`json: cannot unmarshal number ${context?.source} into Go value of type float64`);
    return value;
  });
}

/** More are not worth telling. */
const roundedMax = 20;

class Rounded {
  readonly integers: string[] = [];
  readonly hear = (integer: string): void => {
    if (this.integers.length < roundedMax) this.integers.push(integer);
  };
}

/** How many members a text has that is known to be JSON: as many as there are colons outside of its strings. */
function membersSaid(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === colon) colons++;
    else if (code === quote) at = stringEnd(text, at);
  }
  return colons;
}

const colon = 0x3a;
const quote = 0x22;
const backslash = 0x5c;

/** The place of the quotation mark that ends the string which begins at the place. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

/** YAML takes more than JSON does, a comma at the end of a list for one: what only looks like JSON is read as that. */
export function parseJsonOrYaml(text: string, keeps?: KeepsInteger): ParsedBody {
  if (!/^\s*\{/.test(text)) return parseYamlBody(text, keeps);
  try {
    return parseJsonBody(text, keeps);
  } catch (error) {
    if (!(error instanceof BodyError && error.cause instanceof SyntaxError)) throw error;
    try {
      return parseYamlBody(text, keeps);
    } catch {
      throw error;
    }
  }
}

export function parseYamlBody(text: string, keeps: KeepsInteger = none): ParsedBody {
  if (text.length > yamlMax) throw new BodyError(`YAML of more than ${yamlMax} characters: send JSON`);
  try {
    return readYaml(text, keeps);
  } catch (error) {
    if (error instanceof BodyError) throw error;
    // The parser calls itself once for each level.
    if (error instanceof RangeError)
      throw new BodyError(`nested more than ${nestingMax} deep`, { cause: error });
    throw new BodyError(error instanceof Error ? error.message : "not YAML", { cause: error });
  }
}

/** In YAML an integer may have a base, and underscores for the eye. */
const longYamlInteger = /[\d_]{16}|0x[\da-fA-F_]{14}/;

function readYaml(text: string, keeps: KeepsInteger): ParsedBody {
  const hasLong = longYamlInteger.test(text);
  // Version 1.1, as Go's parser reads it; aliases are bounded so that a few lines cannot become gigabytes.
  // The parser's
  // own look for keys said twice compares each with all others.
  const document = parseDocument(text, {
    version: "1.1",
    uniqueKeys: false,
    merge: true,
    prettyErrors: false,
    intAsBigInt: hasLong,
  });
  const [fault] = document.errors;
  if (fault !== undefined) throw new BodyError(fault.message, { cause: fault });
  const rounded = hasLong ? holdIntegers(document, keeps) : [];
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  checkNesting(value);
  // YAML knows them by name too, but what is kept is JSON.
  if (/\.(?:inf|nan)\b/i.test(text) || longExponent.test(text)) {
    visit(document, {
      Scalar: (_key, { value: read }) => {
        if (typeof read !== "number" || Number.isFinite(read)) return;
        throw new BodyError(`json: unsupported value: ${read > 0 ? "+Inf" : read < 0 ? "-Inf" : "NaN"}`);
      },
    });
  }
  const found: Duplicate[] = [];
  findDuplicates(document.contents, "", found);
  return {
    ...{ value, rounded },
    duplicates: found.map(({ at }) => at),
    duplicateLines: found.map(({ name, place }) => duplicateLine(text, place, name)),
  };
}

/** Of a document whose integers are all bigints; returns those that are kept as others. */
function holdIntegers(document: Document.Parsed, keeps: KeepsInteger): string[] {
  const rounded = new Rounded();
  visit(document, {
    Scalar: (_key, node, path) => {
      if (typeof node.value !== "bigint") return;
      const holder = path.at(-1);
      const member = isPair(holder) && isScalar(holder.key) ? String(holder.key.value) : "";
      node.value = heldInteger(node.value, keeps(member), rounded.hear);
    },
  });
  return rounded.integers;
}

interface Duplicate {
  /** Its path. */
  readonly at: string;
  readonly name: string;
  /** How many characters are before it. */
  readonly place: number;
}

function duplicateLine(text: string, place: number, name: string): string {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < place; at = text.indexOf("\n", at + 1)) line++;
  return `line ${line}: key ${JSON.stringify(name)} already set in map`;
}

function findDuplicates(node: unknown, path: string, found: Duplicate[]): void {
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) findDuplicates(item, `${path}[${index}]`, found);
  }
  if (!isMap(node)) return;
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = String(isScalar(key) ? key.value : key);
    const at = memberPath(path, name);
    if (seen.has(name) && found.length < duplicatesMax) {
      found.push({ at, name, place: isScalar(key) ? (key.range?.[0] ?? 0) : 0 });
    }
    seen.add(name);
    findDuplicates(value, at, found);
  }
}

/** Walks a text that is known to be JSON. */
class DuplicateScan {
  readonly lines: string[] = [];
  readonly #text: string;
  readonly #found: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): string[] {
    this.#value("");
    return this.#found;
  }

  #value(path: string): void {
    const first = this.#peek();
    if (first === "{") this.#object(path);
    else if (first === "[") this.#list(path);
    else if (first === '"') this.#string();
    else while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #object(path: string): void {
    const seen = new Set<string>();
    this.#at++;
    while (this.#peek() !== "}") {
      const key = JSON.parse(this.#string()) as string;
      const at = memberPath(path, key);
      if (seen.has(key) && this.#found.length < duplicatesMax) {
        this.#found.push(at);
        this.lines.push(duplicateLine(this.#text, this.#at - 1, key));
      }
      seen.add(key);
      this.#peek();
      this.#at++;
      this.#value(at);
      if (this.#peek() === ",") this.#at++;
    }
    this.#at++;
  }

  #list(path: string): void {
    this.#at++;
    for (let index = 0; this.#peek() !== "]"; index++) {
      this.#value(`${path}[${index}]`);
      if (this.#peek() === ",") this.#at++;
    }
    this.#at++;
  }

  #string(): string {
    this.#peek();
    const start = this.#at++;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** The next character that is no space. */
  #peek(): string | undefined {
    while (/\s/.test(this.#text[this.#at] ?? "x")) this.#at++;
    return this.#text[this.#at];
  }
}

/** A value as YAML, members in order of their names: as upstream writes it. */
export function formatYaml(value: unknown): string {
  return stringify(value, {
    version: "1.1",
    sortMapEntries: true,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
