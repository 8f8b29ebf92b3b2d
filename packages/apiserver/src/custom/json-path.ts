/**
 * JSONPath as kubectl has it, for columns of custom kinds: `.spec.size`, `.metadata.labels['a.b/c']`,
 * `.status.conditions[?(@.type=="Ready")].status`, `.spec.parts[*].name`, `..name`.
 */

import { heldInteger } from "@selvedge/base";

/** A path that cannot be read. */
class JsonPathError extends Error {
  override name = "JsonPathError";
}

type Step = (values: readonly unknown[]) => unknown[];

/** What the path finds in a value; nothing where nothing is. */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps = new PathParser(path).steps();
  return (value) => steps.reduce<unknown[]>((values, step) => step(values), [value]);
}

/** As a cell shows it. */
export function printJson(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const operators = ["==", "!=", "<=", ">=", "<", ">"] as const;
type Operator = (typeof operators)[number];

class PathParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.startsWith("$") || text.startsWith("@") ? text.slice(1) : text;
  }

  steps(): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#text.length) steps.push(this.#step());
    return steps;
  }

  #fail(what: string): never {
    throw new JsonPathError(`${what} in ${JSON.stringify(this.#text)}`);
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #step(): Step {
    if (this.#take("..")) {
      const name = this.#name();
      return (values) => values.flatMap((value) => below(value)).flatMap((value) => member(value, name));
    }
    if (this.#take("[")) return this.#bracket();
    if (!this.#take(".")) this.#fail("a dot is missing");
    if (this.#text[this.#at] === "[") return (values) => [...values];
    if (this.#take("*")) return (values) => values.flatMap(children);
    if (this.#at === this.#text.length) return (values) => [...values];
    const name = this.#name();
    return (values) => values.flatMap((value) => member(value, name));
  }

  #name(): string {
    let name = "";
    while (this.#at < this.#text.length && !".[]".includes(this.#text[this.#at] ?? "")) {
      if (this.#text[this.#at] === "\\") this.#at++;
      name += this.#text[this.#at++] ?? "";
    }
    if (name === "") this.#fail("a name is missing");
    return name;
  }

  #bracket(): Step {
    if (this.#take("?(")) return this.#filter();
    const quoted = /^\s*(['"])((?:\\.|(?!\1).)*)\1\s*\]/.exec(this.#text.slice(this.#at));
    if (quoted !== null) {
      this.#at += quoted[0].length;
      const name = (quoted[2] ?? "").replace(/\\(.)/g, "$1");
      return (values) => values.flatMap((value) => member(value, name));
    }
    const end = this.#text.indexOf("]", this.#at);
    if (end < 0) this.#fail("a bracket is not closed");
    const inside = this.#text.slice(this.#at, end).trim();
    this.#at = end + 1;
    if (inside === "*") return (values) => values.flatMap(children);
    const slices = inside.split(",").map((part) => this.#slice(part.trim()));
    return (values) => values.flatMap((value) => slices.flatMap((slice) => slice(value)));
  }

  #slice(text: string): (value: unknown) => unknown[] {
    const index = /^-?\d+$/.exec(text);
    if (index !== null) {
      const at = Number(text);
      return (value) => {
        const item = Array.isArray(value) ? (value.at(at) as unknown) : undefined;
        return item === undefined ? [] : [item];
      };
    }
    const range = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(text);
    if (range === null) this.#fail(`${text} is no index`);
    const [, from = "", to = "", stride = "1"] = range;
    return (value) => {
      if (!Array.isArray(value)) return [];
      const part: unknown[] = value.slice(from === "" ? 0 : Number(from), to === "" ? undefined : Number(to));
      return part.filter((_item, at) => at % Math.max(1, Number(stride)) === 0);
    };
  }

  #filter(): Step {
    const end = this.#text.indexOf(")]", this.#at);
    if (end < 0) this.#fail("a filter is not closed");
    const text = this.#text.slice(this.#at, end);
    this.#at = end + 2;
    const operator = operators.find((one) => text.includes(one));
    if (operator === undefined) {
      const find = operand(text.trim());
      return (values) => values.flatMap(items).filter((item) => find(item).length > 0);
    }
    const at = text.indexOf(operator);
    const [left, right] = [
      operand(text.slice(0, at).trim()),
      operand(text.slice(at + operator.length).trim()),
    ];
    return (values) =>
      values.flatMap(items).filter((item) => {
        const [a, b] = [left(item), right(item)];
        return a.length > 0 && b.length > 0 && compare(operator, a[0], b[0]);
      });
  }
}

function operand(text: string): (item: unknown) => unknown[] {
  if (text.startsWith("@")) return compileJsonPath(text.slice(1));
  const quoted = /^(['"])(.*)\1$/.exec(text);
  if (quoted !== null) return () => [quoted[2] ?? ""];
  if (text === "true" || text === "false") return () => [text === "true"];
  if (/^[+-]?\d{1,20}$/.test(text)) {
    const integer = heldInteger(BigInt(text.replace("+", "")), true);
    return () => [integer];
  }
  if (text !== "" && !Number.isNaN(Number(text))) return () => [Number(text)];
  throw new JsonPathError(`${text} is no value`);
}

function compare(operator: Operator, left: unknown, right: unknown): boolean {
  if (operator === "==") return left === right;
  if (operator === "!=") return left !== right;
  const fits =
    (isNumeric(left) && isNumeric(right)) || (typeof left === "string" && typeof right === "string");
  if (!fits) return false;
  const [a, b] = [left as number, right as number];
  if (operator === "<") return a < b;
  if (operator === ">") return a > b;
  return operator === "<=" ? a <= b : a >= b;
}

function isNumeric(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function member(value: unknown, name: string): unknown[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  if (!Object.hasOwn(value, name)) return [];
  return [(value as Record<string, unknown>)[name]];
}

function items(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function children(value: unknown): unknown[] {
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}

/** The value and all within it. */
function below(value: unknown): unknown[] {
  return [value, ...children(value).flatMap(below)];
}
