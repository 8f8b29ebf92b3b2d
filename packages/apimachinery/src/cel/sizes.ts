/**
 * How large values of an expression can be. A schema bounds what is found by a path from the object; the way there
 * is counted as upstream counts it, also where that is a quirk (an item of what a call made has the bound of the whole
 * object): definitions that are out there rely on it.
 */
import type { Comprehension, Expr } from "./ast.ts";
import type { Checked } from "./checker.ts";
import type { CelType } from "./types.ts";

/** As large as upstream's numbers go. */
const most = 2 ** 64;

export interface Size {
  readonly min: number;
  readonly max: number;
}

/** What a list or map is made of; of a map its keys too. */
interface Entries {
  readonly kind: "list" | "map";
  readonly key: Size;
  readonly value: Size;
}

/** A name that is not of the object. */
interface Bound {
  readonly path: readonly string[];
  readonly size: Size | undefined;
  readonly entries: Entries | undefined;
}

const scalar = new Set(["bool", "int", "uint", "double", "timestamp", "duration"]);
export const unbounded: Size = { min: 0, max: most };
const one: Size = { min: 1, max: 1 };
const item = "@items";
const value = "@values";

export function capped(cost: number): number {
  return Number.isNaN(cost) ? most : Math.min(cost, most);
}

export function union(a: Size, b: Size): Size {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

export class Sizes {
  readonly #checked: Checked;
  readonly #root: CelType | undefined;
  readonly #known = new Map<Expr, Size>();
  readonly #paths = new Map<Expr, readonly string[]>();
  readonly #entries = new Map<Expr, Entries>();
  #bound: ReadonlyMap<string, Bound> = new Map();

  constructor(checked: Checked, root: CelType | undefined) {
    this.#checked = checked;
    this.#root = root;
  }

  type(expr: Expr): CelType {
    return this.#checked.types.get(expr) ?? { kind: "dyn", args: [] };
  }

  keep(expr: Expr, size: Size | undefined): void {
    if (size !== undefined) this.#known.set(expr, size);
  }

  of(expr: Expr): Size {
    return this.#find(expr) ?? unbounded;
  }

  /** Of an item of a list, by what is declared of it alone. */
  ofItem(list: Expr): Size {
    const path = this.#path(list);
    return (path.length === 0 ? undefined : this.#declared([...path, item])) ?? unbounded;
  }

  /** Remembers where a part of something is. What it is a part of has been seen. */
  visitSelect(expr: Expr & { readonly kind: "select" }): void {
    if (!expr.test && !expr.optional) this.#paths.set(expr, [...this.#path(expr.operand), expr.field]);
  }

  /** Of the call, by what it is made of. */
  visitIndex(expr: Expr, [of]: readonly Expr[]): void {
    if (of === undefined) return;
    this.#paths.set(expr, [...this.#path(of), this.type(of).kind === "list" ? item : value]);
    this.keep(expr, this.#entriesOf(of)?.value);
  }

  visitCollection(expr: Expr & { readonly kind: "list" | "map" }): void {
    const values = expr.kind === "list" ? expr.items : expr.entries.map((entry) => entry.value);
    const keys = expr.kind === "list" ? [] : expr.entries.map((entry) => entry.key);
    const all = (parts: readonly Expr[]): Size =>
      parts
        .map((part) => this.of(part))
        .reduce(union, parts.length === 0 ? { min: 0, max: 0 } : { min: most, max: 0 });
    const key = expr.kind === "list" ? one : all(keys);
    this.#entries.set(expr, { kind: expr.kind, key, value: all(values) });
  }

  /** Whatever of them it turns out to be. */
  visitChoice(expr: Expr, a: Expr, b: Expr): void {
    const [left, right] = [this.#entriesOf(a), this.#entriesOf(b)];
    if (left === undefined || right === undefined) return;
    this.#entries.set(expr, {
      kind: left.kind,
      key: union(left.key, right.key),
      value: union(left.value, right.value),
    });
  }

  visitCopy(expr: Expr, from: Expr): void {
    this.keep(expr, this.#find(from));
    const entries = this.#entriesOf(from);
    if (entries !== undefined) this.#entries.set(expr, entries);
  }

  /** Runs `look` with the names of a loop bound; `isBind`: only the one that stands for a value. */
  within<T>(expr: Comprehension, isBind: boolean, look: () => T): T {
    const outer = this.#bound;
    const { accumulator, variable, second, range, init } = expr;
    const bound = new Map(outer);
    bound.set(accumulator, {
      path: this.#path(init),
      size: this.#find(init),
      entries: this.#entriesOf(init),
    });
    if (!isBind) {
      const [key, member] = this.#parts(range);
      const isList = (this.#entriesOf(range)?.kind ?? this.type(range).kind) === "list";
      bound.set(variable, second === undefined && isList ? member : key);
      if (second !== undefined) bound.set(second, member);
    }
    this.#bound = bound;
    try {
      return look();
    } finally {
      this.#bound = outer;
    }
  }

  /** What a loop makes, once its parts were looked at. */
  visitLoop(expr: Comprehension): void {
    const { init } = expr;
    if (init.kind === "literal") this.keep(expr, this.#find(init));
    if (init.kind !== "list" && init.kind !== "map") return;
    this.keep(expr, this.of(expr.range));
    const entries = this.#entriesOf(expr.step);
    if (entries !== undefined) this.#entries.set(expr, entries);
  }

  #parts(range: Expr): readonly [key: Bound, value: Bound] {
    const entries = this.#entriesOf(range);
    const path = this.#path(range);
    const isList = (entries?.kind ?? this.type(range).kind) === "list";
    const part = (step: string, size: Size | undefined): Bound => ({
      path: [...path, step],
      size,
      entries: undefined,
    });
    return [part(isList ? "@indices" : "@keys", entries?.key), part(isList ? item : value, entries?.value)];
  }

  #path(expr: Expr): readonly string[] {
    if (expr.kind === "ident") return this.#bound.get(expr.name)?.path ?? [expr.name];
    return this.#paths.get(expr) ?? [];
  }

  #entriesOf(expr: Expr): Entries | undefined {
    return (
      this.#entries.get(expr) ?? (expr.kind === "ident" ? this.#bound.get(expr.name)?.entries : undefined)
    );
  }

  #find(expr: Expr): Size | undefined {
    const found = this.#known.get(expr) ?? literalSize(expr) ?? this.#declared(this.#path(expr));
    if (found !== undefined) return found;
    const type = this.type(expr);
    const inner = type.kind === "optional" ? type.args[0]?.kind : type.kind;
    if (scalar.has(inner ?? "")) return one;
    return expr.kind === "ident" ? this.#bound.get(expr.name)?.size : undefined;
  }

  /** What the schema says of the end of a path; its first step is the name of the object. */
  #declared(path: readonly string[]): Size | undefined {
    if (path.length === 0 || this.#root === undefined) return undefined;
    let type: CelType | undefined = this.#root;
    for (const step of path.slice(1)) {
      if (step === item || step === value) type = type.kind === "list" ? type.args[0] : type.args[1];
      else if (step === "@keys") type = type.kind === "map" ? type.args[0] : undefined;
      else type = type.fields?.get(step);
      if (type === undefined) return undefined;
    }
    return { min: 0, max: type.max ?? 0 };
  }
}

function literalSize(expr: Expr): Size | undefined {
  switch (expr.kind) {
    case "literal": {
      if (typeof expr.value === "string") return exactly([...expr.value].length);
      return expr.value instanceof Uint8Array ? exactly(expr.value.length) : one;
    }
    case "list":
      return exactly(expr.items.length);
    case "map":
      return exactly(expr.entries.length);
    default:
      return undefined;
  }
}

function exactly(size: number): Size {
  return { min: size, max: size };
}
