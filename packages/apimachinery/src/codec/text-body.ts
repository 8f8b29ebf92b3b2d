/** JSON and YAML bodies, with the keys that were said twice: one of the two is lost, and its author should know. */
import { parseDocument } from "yaml";
import { memberPath } from "../structural/walk.ts";

export interface ParsedBody {
  readonly value: unknown;
  /** Paths of members that occur more than once. */
  readonly duplicates: readonly string[];
}

/** The text is neither; the message is for the user. */
export class BodyError extends Error {
  override name = "BodyError";
}

/** More are not worth reading. */
const duplicatesMax = 100;

export function parseJsonBody(text: string): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BodyError(error instanceof Error ? error.message : "not JSON", { cause: error });
  }
  return { value, duplicates: new DuplicateScan(text).run() };
}

export function parseYamlBody(text: string): ParsedBody {
  // Version 1.1, as Go's parser reads it; aliases are bounded so that a few lines cannot become gigabytes.
  const document = parseDocument(text, { version: "1.1", uniqueKeys: false, merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw new BodyError(fault.message.split("\n")[0] ?? "not YAML", { cause: fault });
  const strict = parseDocument(text, { version: "1.1", uniqueKeys: true, merge: true });
  const duplicates = strict.errors
    .filter(({ code }) => code === "DUPLICATE_KEY")
    .slice(0, duplicatesMax)
    .map(({ linePos }) => `line ${linePos?.[0].line ?? 0}`);
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), duplicates };
  } catch (error) {
    throw new BodyError(error instanceof Error ? error.message : "not YAML", { cause: error });
  }
}

/** Walks a text that is known to be JSON. */
class DuplicateScan {
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
      if (seen.has(key) && this.#found.length < duplicatesMax) this.#found.push(at);
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
