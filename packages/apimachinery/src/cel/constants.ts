/**
 * What an expression holds that comes to the same whatever it is asked of: literals of lists and maps, conversions of
 * literals. It is made once, and nobody pays for it. Upstream does so too, and refuses what cannot be made.
 */
import { type Expr, ProgramError } from "./ast.ts";
import type { Call } from "./overloads.ts";
import { expression, isKey } from "./standard.ts";
import { isOfType } from "./types.ts";
import { EvaluationError, MadeMap, TypeValue } from "./values.ts";

const conversions = new Set([
  ...["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"],
]);

export interface Folding {
  readonly calls: ReadonlyMap<Expr, Call>;
  /** Of expressions that are names of types. */
  readonly typeNames: ReadonlyMap<Expr, string>;
}

export interface Constants {
  readonly values: ReadonlyMap<Expr, unknown>;
  /** Of lists of plain values in which something is looked for: what is in them. */
  readonly sets: ReadonlyMap<Expr, MadeMap>;
}

export function constantsOf(expr: Expr, folding: Folding): Constants {
  const finder = new Finder(folding);
  finder.visit(expr);
  return finder;
}

class Finder implements Constants {
  readonly values = new Map<Expr, unknown>();
  readonly sets = new Map<Expr, MadeMap>();
  readonly #folding: Folding;

  constructor(folding: Folding) {
    this.#folding = folding;
  }

  /** Whether it is constant. */
  visit(expr: Expr): boolean {
    const type = this.#folding.typeNames.get(expr);
    if (type !== undefined) return this.#found(expr, new TypeValue(type));
    switch (expr.kind) {
      case "literal":
        return this.#found(expr, expr.value);
      case "ident":
        return false;
      case "select":
        this.visit(expr.operand);
        return false;
      case "list": {
        const all = expr.items.map((item) => this.visit(item)).every(Boolean) && expr.optional.size === 0;
        return (
          all &&
          this.#found(
            expr,
            expr.items.map((item) => this.values.get(item)),
          )
        );
      }
      case "map": {
        const parts = expr.entries.map(({ key, value, optional }) => {
          const both = [this.visit(key), this.visit(value)];
          return both.every(Boolean) && !optional;
        });
        if (!parts.every(Boolean)) return false;
        const pairs = expr.entries.map(
          ({ key, value }) => [this.values.get(key), this.values.get(value)] as const,
        );
        return this.#found(expr, new MadeMap(pairs));
      }
      case "call":
        return this.#call(expr);
      default:
        for (const part of [expr.range, expr.init, expr.condition, expr.step, expr.result]) this.visit(part);
        return false;
    }
  }

  #found(expr: Expr, value: unknown): true {
    this.values.set(expr, value);
    return true;
  }

  #call(expr: Expr & { readonly kind: "call" }): boolean {
    const all = expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    const constant = all.map((arg) => this.visit(arg));
    const list = expr.args[1];
    if (expr.name === "@in" && list !== undefined) {
      const items = this.values.get(list);
      if (Array.isArray(items) && items.every(isKey))
        this.sets.set(expr, new MadeMap(items.map((item) => [item, true])));
    }
    const pattern = expr.args[0] && this.values.get(expr.args[0]);
    if ((expr.name === "find" || expr.name === "findAll") && typeof pattern === "string")
      made(() => expression(pattern));
    if (expr.target !== undefined || all.length !== 1 || !conversions.has(expr.name) || !constant[0])
      return false;
    const value = this.values.get(all[0] as Expr);
    const overload = this.#folding.calls
      .get(expr)
      ?.overloads.find(({ params: [param] }) => param !== undefined && isOfType(value, param));
    if (overload === undefined) return false;
    return this.#found(
      expr,
      made(() => overload.run(value as never)),
    );
  }
}

function made<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    throw new ProgramError(error.message, { cause: error });
  }
}
