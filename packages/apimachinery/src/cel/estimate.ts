/**
 * What an expression can cost at most, before it is ever run: from how large a schema lets values become.
 * Only the most counts, so of costs the most is kept, of sizes both ends.
 */
import type { Comprehension, Expr } from "./ast.ts";
import { perCharacter, perPattern, scans, traversals } from "./call-cost.ts";
import type { Checked } from "./checker.ts";
import { capped, type Size, Sizes, unbounded, union } from "./sizes.ts";
import type { CelType } from "./types.ts";

/** `self`: what the schema makes of the object that is asked of. */
export function estimateCost(checked: Checked, self?: CelType): number {
  return new Estimate(checked, self).cost(checked.expr);
}

/** What is compared at once, whatever it holds. */
const opaque = new Set(["ip", "cidr", "quantity", "semver"]);

class Estimate {
  readonly #checked: Checked;
  readonly #sizes: Sizes;

  constructor(checked: Checked, self: CelType | undefined) {
    this.#checked = checked;
    this.#sizes = new Sizes(checked, self);
  }

  cost(expr: Expr): number {
    switch (expr.kind) {
      case "literal":
        return 0;
      case "ident":
        return 1;
      case "select": {
        const { kind } = this.#sizes.type(expr.operand);
        const looks =
          expr.optional || (!expr.test && (kind === "map" || kind === "object" || kind === "param"));
        const before = this.cost(expr.operand);
        this.#sizes.visitSelect(expr);
        return capped(before + (looks ? 1 : 0));
      }
      case "call":
        return capped(this.#call(expr));
      case "list":
      case "map": {
        const parts =
          expr.kind === "list" ? expr.items : expr.entries.flatMap(({ key, value }) => [key, value]);
        const sum = parts.reduce((total, part) => total + this.cost(part), expr.kind === "list" ? 10 : 30);
        this.#sizes.visitCollection(expr);
        return capped(sum);
      }
      default:
        return capped(this.#loop(expr));
    }
  }

  #loop(expr: Comprehension): number {
    const before = this.cost(expr.range) + this.cost(expr.init);
    if (isBind(expr)) {
      return this.#sizes.within(expr, true, () => {
        const after = this.cost(expr.result);
        this.#sizes.visitCopy(expr, expr.result);
        return before + after;
      });
    }
    return this.#sizes.within(expr, false, () => {
      const each = this.cost(expr.condition) + this.cost(expr.step);
      const after = this.cost(expr.result);
      const count = this.#sizes.of(expr.range).max;
      this.#sizes.visitLoop(expr);
      return before + (count === 0 ? 0 : count * each) + after;
    });
  }

  #call(expr: Expr & { readonly kind: "call" }): number {
    const args = this.#checked.calls.get(expr)?.args ?? expr.args;
    const costs = args.map((arg) => this.cost(arg));
    const sum = costs.reduce((total, cost) => total + cost, 0);
    const [a = unbounded, b = unbounded, c = unbounded] = args.map((arg) => this.#sizes.of(arg));
    const [first, second, third] = args;
    const kind = first === undefined ? "" : this.#sizes.type(first).kind;
    switch (expr.name) {
      case "_&&_":
      case "_||_":
        return sum;
      case "_?_:_":
        this.#sizes.keep(expr, union(b, c));
        if (second !== undefined && third !== undefined) this.#sizes.visitChoice(expr, second, third);
        return (costs[0] ?? 0) + Math.max(costs[1] ?? 0, costs[2] ?? 0);
      case "_[_]":
        this.#sizes.visitIndex(expr, args);
        return sum + 1;
      case "dyn":
        if (first !== undefined) this.#sizes.visitCopy(expr, first);
        return sum + 1;
      case "_+_":
        if (first !== undefined && second !== undefined) this.#sizes.visitChoice(expr, first, second);
        return sum + this.#concatenation(expr, kind, a, b);
      case "_==_":
      case "_!=_":
        return sum + (opaque.has(kind) ? 1 : Math.ceil(Math.min(a.max, b.max) * perCharacter));
      case "_<_":
      case "_<=_":
      case "_>_":
      case "_>=_":
        if (kind !== "string" && kind !== "bytes" && kind !== "dyn") return sum + 1;
        return sum + Math.ceil(Math.min(a.max, b.max) * perCharacter);
      default:
        return sum + this.#library(expr, kind, a, b, c);
    }
  }

  #concatenation(expr: Expr, kind: string, a: Size, b: Size): number {
    if (!["string", "bytes", "list", "dyn"].includes(kind)) return 1;
    const size = { min: a.min + b.min, max: capped(a.max + b.max) };
    this.#sizes.keep(expr, size);
    return kind === "list" ? 1 : Math.ceil(size.max * perCharacter);
  }

  #library(expr: Expr & { readonly kind: "call" }, kind: string, a: Size, b: Size, c: Size): number {
    const { name } = expr;
    const keep = (size: Size): void => this.#sizes.keep(expr, size);
    const scan = Math.ceil(a.max * perCharacter);
    if (traversals.has(name)) return kind === "list" ? capped(a.max * this.#itemCost(expr)) : scan;
    switch (name) {
      case "contains":
        if (kind === "list") return capped(a.max * b.max + 1);
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
        return this.#sizes.type(expr.args[1] ?? expr).kind === "map" ? 1 : b.max;
      case "replace":
        keep(replaced(a, b, c));
        return Math.ceil(a.max * 2 * perCharacter);
      case "split":
        keep({ min: 0, max: a.max });
        return Math.ceil(a.max * 2 * perCharacter);
      case "join": {
        const between = expr.args.length > 0 && a.max > 0 ? b.max * (a.max - 1) : 0;
        const size = { min: 0, max: capped(a.max * this.#sizes.ofItem(this.#receiver(expr)).max + between) };
        keep(size);
        return Math.ceil(size.max * perCharacter);
      }
      case "isCanonical":
        return Math.ceil(a.max * 2 * perCharacter);
      case "validate":
        return capped(Math.ceil(b.max * perCharacter) * Math.ceil(128 * perPattern));
      case "containsIP":
      case "containsCIDR": {
        const parsed = this.#sizes.type(expr.args[0] ?? expr).kind === "string" ? b.max * perCharacter : 0;
        return (name === "containsIP" ? 4 : 7) + Math.ceil(parsed);
      }
      case "intersects":
        return capped(a.max * b.max + 1);
      case "equivalent":
        return capped(a.max * b.max * 2 + 1);
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

  #receiver(expr: Expr & { readonly kind: "call" }): Expr {
    return this.#checked.calls.get(expr)?.args[0] ?? expr;
  }

  /** What one item of the receiver costs to compare. */
  #itemCost(expr: Expr & { readonly kind: "call" }): number {
    const list = this.#receiver(expr);
    const item = this.#sizes.type(list).args[0];
    if (item?.kind !== "string" && item?.kind !== "bytes") return 1;
    return 1 + Math.ceil(this.#sizes.ofItem(list).max * perCharacter);
  }
}

/** `optMap`: a loop over nothing, for the name it gives a value. */
function isBind({ range, condition, accumulator }: Comprehension): boolean {
  const never = condition.kind === "literal" && condition.value === false;
  return range.kind === "list" && range.items.length === 0 && never && accumulator !== "@result";
}

/** The longest that replacing can make a text. */
function replaced(text: Size, from: Size, to: Size): Size {
  if (from.min === 0) return { min: 0, max: capped((text.max + 1) * to.max + text.max) };
  if (to.max <= from.min) return { min: 0, max: text.max };
  return { min: 0, max: capped(Math.ceil(text.max / from.min) * to.max) };
}
