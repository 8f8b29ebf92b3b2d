/**
 * What an expression can cost at most, before it is ever run: from how large a schema lets values become.
 * Only the most counts, so of costs the most is kept, of sizes both ends.
 */
import type { Expr } from "./ast.ts";
import { perCharacter, perPattern, scans, traversals } from "./call-cost.ts";
import type { Checked } from "./checker.ts";
import type { CelType } from "./types.ts";

/** As large as upstream's numbers go. */
const most = 2 ** 64;

interface Size {
  readonly min: number;
  readonly max: number;
}

export function estimateCost(checked: Checked): number {
  return new Estimate(checked).cost(checked.expr);
}

const fixed = new Set(["bool", "int", "uint", "double", "null", "timestamp", "duration", "type"]);
const unbounded: Size = { min: 0, max: most };

function capped(cost: number): number {
  return Number.isNaN(cost) ? most : Math.min(cost, most);
}

class Estimate {
  readonly #checked: Checked;
  readonly #sizes = new Map<Expr, Size>();
  /** Names for what is not of the object: sizes of what they were made of. */
  #bound: ReadonlyMap<string, Size> = new Map();

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  cost(expr: Expr): number {
    switch (expr.kind) {
      case "literal":
        return 0;
      case "ident":
        return 1;
      case "select": {
        const kind = this.#type(expr.operand).kind;
        const looks =
          !expr.test && (kind === "map" || kind === "object" || kind === "dyn" || kind === "optional");
        return capped(this.cost(expr.operand) + (looks ? 1 : 0));
      }
      case "call":
        return capped(this.#call(expr));
      case "list":
        return capped(expr.items.reduce((sum, item) => sum + this.cost(item), 10));
      case "map":
        return capped(
          expr.entries.reduce((sum, { key, value }) => sum + this.cost(key) + this.cost(value), 30),
        );
      default:
        return capped(this.#loop(expr));
    }
  }

  #type(expr: Expr): CelType {
    return this.#checked.types.get(expr) ?? { kind: "dyn", args: [] };
  }

  #loop(expr: Expr & { readonly kind: "comprehension" }): number {
    const before = this.cost(expr.range) + this.cost(expr.init);
    const count = this.#size(expr.range).max;
    const outer = this.#bound;
    const init = this.#size(expr.init);
    this.#bound = new Map(outer).set(expr.accumulator, init);
    const each = this.cost(expr.condition) + this.cost(expr.step);
    const grows = this.#size(expr.step).max > init.max && expr.accumulator === "@result";
    const result = grows ? { min: 0, max: capped(count) } : init;
    this.#bound = new Map(outer).set(expr.accumulator, result);
    const after = this.cost(expr.result);
    this.#sizes.set(expr, this.#size(expr.result));
    this.#bound = outer;
    return before + (count === 0 ? 0 : count * each) + after;
  }

  /** How large the value can be. */
  #size(expr: Expr): Size {
    const known = this.#sizes.get(expr);
    if (known !== undefined) return known;
    switch (expr.kind) {
      case "literal": {
        const { value } = expr;
        if (typeof value !== "string" && !(value instanceof Uint8Array)) return { min: 1, max: 1 };
        return { min: value.length, max: value.length };
      }
      case "list":
        return { min: expr.items.length, max: expr.items.length };
      case "map":
        return { min: expr.entries.length, max: expr.entries.length };
      case "ident": {
        const bound = this.#bound.get(expr.name);
        if (bound !== undefined) return bound;
        break;
      }
      default:
    }
    const { kind, max } = this.#type(expr);
    if (max !== undefined && expr.kind !== "call") return { min: 0, max };
    if (fixed.has(kind)) return { min: 1, max: 1 };
    return max === undefined ? unbounded : { min: 0, max };
  }

  #call(expr: Expr & { readonly kind: "call" }): number {
    const call = this.#checked.calls.get(expr);
    const args = call?.args ?? expr.args;
    const costs = args.map((arg) => this.cost(arg));
    const sum = costs.reduce((total, cost) => total + cost, 0);
    const [a = unbounded, b = unbounded, c = unbounded] = args.map((arg) => this.#size(arg));
    const kind = args[0] === undefined ? "" : this.#type(args[0]).kind;
    const { name } = expr;
    if (name === "_&&_" || name === "_||_") return sum;
    if (name === "_?_:_") {
      this.#sizes.set(expr, { min: Math.min(b.min, c.min), max: Math.max(b.max, c.max) });
      return (costs[0] ?? 0) + Math.max(costs[1] ?? 0, costs[2] ?? 0);
    }
    if (name === "_+_") return sum + this.#concatenation(expr, kind, a, b);
    if (["_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_"].includes(name)) {
      return sum + Math.ceil(Math.min(a.max, b.max) * perCharacter);
    }
    return sum + this.#library(expr, kind, a, b, c);
  }

  #concatenation(expr: Expr, kind: string, a: Size, b: Size): number {
    if (!["string", "bytes", "list", "dyn"].includes(kind)) return 1;
    const size = { min: a.min + b.min, max: capped(a.max + b.max) };
    this.#sizes.set(expr, size);
    return kind === "list" ? 1 : Math.ceil(size.max * perCharacter);
  }

  #library(expr: Expr & { readonly kind: "call" }, kind: string, a: Size, b: Size, c: Size): number {
    const { name } = expr;
    const keep = (size: Size): void => void this.#sizes.set(expr, size);
    const scan = Math.ceil(a.max * perCharacter);
    if (traversals.has(name)) return kind === "list" ? capped(a.max * this.#itemCost(expr)) : scan;
    switch (name) {
      case "contains":
        return scan * Math.ceil(b.max * perCharacter);
      case "startsWith":
      case "endsWith":
        return Math.ceil(b.max * perCharacter);
      case "matches":
      case "find":
      case "findAll":
        keep({ min: 0, max: a.max });
        return Math.ceil((a.max + 1) * perCharacter) * Math.ceil(b.max * perPattern);
      case "@in":
        return this.#type(expr.args[1] ?? expr).kind === "map" ? 1 : b.max;
      case "replace":
        keep(replaced(a, b, c));
        return Math.ceil(a.max * 2 * perCharacter);
      case "split":
        keep({ min: 0, max: a.max });
        return Math.ceil(a.max * 2 * perCharacter);
      case "join": {
        const items = this.#type(this.#checked.calls.get(expr)?.args[0] ?? expr).args[0]?.max ?? most;
        const size = { min: 0, max: capped(a.max * (items + (expr.args.length > 0 ? b.max : 0))) };
        keep(size);
        return Math.ceil(size.max * perCharacter);
      }
      case "isCanonical":
        return Math.ceil(a.max * 2 * perCharacter);
      case "validate":
        return capped(Math.ceil(b.max * perCharacter) * Math.ceil(128 * perPattern));
      case "containsIP":
      case "containsCIDR":
        return 8 + (this.#type(expr.args[0] ?? expr).kind === "string" ? Math.ceil(b.max * perCharacter) : 0);
      case "intersects":
      case "equivalent":
        return capped(a.max * b.max + 1);
      default:
    }
    if (scans.has(name) && (kind === "string" || kind === "bytes" || kind === "dyn")) {
      keep({ min: 0, max: a.max });
      return scan;
    }
    if (["sort", "@sortByAssociatedKeys", "distinct", "reverse", "slice", "flatten"].includes(name))
      keep({ min: 0, max: a.max });
    return ["sort", "@sortByAssociatedKeys", "distinct"].includes(name) ? capped(a.max * a.max + 1) : 1;
  }

  /** What one item of the receiver costs to compare. */
  #itemCost(expr: Expr & { readonly kind: "call" }): number {
    const list = this.#checked.calls.get(expr)?.args[0];
    const item = list === undefined ? undefined : this.#type(list).args[0];
    if (item?.kind !== "string" && item?.kind !== "bytes") return 1;
    return 1 + Math.ceil((item.max ?? most) * perCharacter);
  }
}

/** The longest that replacing can make a text. */
function replaced(text: Size, from: Size, to: Size): Size {
  if (from.min === 0) return { min: 0, max: capped((text.max + 1) * to.max + text.max) };
  if (to.max <= from.min) return { min: 0, max: text.max };
  return { min: 0, max: capped(Math.ceil(text.max / from.min) * to.max) };
}
