/**
 * What an expression comes to, and what that cost: an expression that would cost more than its limit is
 * stopped.
 */
import type { Comprehension, Expr } from "./ast.ts";
import { callCost } from "./call-cost.ts";
import type { Checked } from "./checker.ts";
import { accumulator, unused } from "./macros.ts";
import type { Call } from "./overloads.ts";
import type { Slice } from "./slice.ts";
import { type CelType, isOfType } from "./types.ts";
import { EvaluationError, isMapValue, isNumeric, MadeMap, none, OptionalValue } from "./values.ts";

/** The expression costs more than it may. */
export class CostError extends Error {
  override name = "CostError";
}

export interface Outcome {
  readonly value: unknown;
  readonly cost: number;
}

export type Environment = (name: string) => unknown;

/**
 * Throws EvaluationError and CostError; both know what it cost so far, as `cost`. With a slice it throws a
 * TooHeavyError as well.
 */
export function evaluate(checked: Checked, variables: Environment, limit: number, slice?: Slice): Outcome {
  const evaluation = new Evaluation(checked, limit, slice);
  try {
    const value = evaluation.value(checked.expr, { of: variables });
    return { value, cost: evaluation.cost };
  } catch (error) {
    if (error instanceof EvaluationError || error instanceof CostError) {
      Object.assign(error, { cost: evaluation.cost });
    }
    throw error;
  }
}

export function costOf(error: Error): number {
  return (error as Error & { readonly cost?: number }).cost ?? 0;
}

interface Scope {
  readonly of: Environment;
}

/** What making a list or a map costs besides what is in it. */
const listCost = 10;
const mapCost = 30;

class Evaluation {
  cost = 0;
  readonly #checked: Checked;
  readonly #limit: number;
  readonly #slice: Slice | undefined;

  constructor(checked: Checked, limit: number, slice: Slice | undefined) {
    this.#checked = checked;
    this.#limit = limit;
    this.#slice = slice;
  }

  /** `effort`: what it takes here, where that is another thing than what it costs. */
  #spend(cost: number, effort = cost): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new CostError("operation cancelled: actual cost limit exceeded");
    this.#slice?.spend(effort);
  }

  value(expr: Expr, scope: Scope): unknown {
    const constant = this.#checked.constants.values.get(expr);
    if (constant !== undefined) return constant;
    switch (expr.kind) {
      case "literal":
        return expr.value;
      case "ident":
        return this.#ident(expr.name, scope);
      case "select":
        return this.#select(expr, scope);
      case "call":
        return this.#call(expr, scope);
      case "list":
        return this.#list(expr, scope);
      case "map":
        return this.#map(expr, scope);
      default:
        return this.#comprehension(expr, scope);
    }
  }

  #ident(name: string, scope: Scope): unknown {
    this.#spend(1);
    const value = scope.of(name);
    if (value !== undefined) return value;
    throw new EvaluationError(`no such attribute(s): ${name}`);
  }

  #list(expr: Expr & { readonly kind: "list" }, scope: Scope): unknown {
    const items: unknown[] = [];
    for (const [index, item] of expr.items.entries()) {
      const value = this.value(item, scope);
      if (!expr.optional.has(index)) items.push(value);
      else if (value instanceof OptionalValue && value.present) items.push(value.value);
    }
    this.#spend(listCost);
    return items;
  }

  #map(expr: Expr & { readonly kind: "map" }, scope: Scope): unknown {
    const entries: [unknown, unknown][] = [];
    for (const { key, value, optional } of expr.entries) {
      const [name, member] = [this.value(key, scope), this.value(value, scope)];
      if (!optional) entries.push([name, member]);
      else if (member instanceof OptionalValue && member.present) entries.push([name, member.value]);
    }
    this.#spend(mapCost);
    return new MadeMap(entries);
  }

  #select(expr: Expr & { readonly kind: "select" }, scope: Scope): unknown {
    const name = this.#checked.names.get(expr);
    if (name !== undefined) return this.#ident(name, scope);
    const operand = this.value(expr.operand, scope);
    this.#begin(expr.operand);
    const through = operand instanceof OptionalValue;
    if (through && !operand.present) return expr.test ? false : none;
    const holder = through ? operand.value : operand;
    if (!isMapValue(holder)) throw new EvaluationError(`no such key: ${expr.field}`);
    if (expr.test) return holder.has(expr.field);
    const member = holder.get(expr.field);
    if (member === undefined && (expr.optional || through)) return none;
    this.#spend(1);
    if (expr.optional || through) return new OptionalValue(true, member);
    if (member === undefined) throw new EvaluationError(`no such key: ${expr.field}`);
    return member;
  }

  /** A path that begins with what is made here costs what one that begins with a name does. */
  #begin(operand: Expr): void {
    if (!isPath(operand) && !(operand.kind === "call" && operand.name === "_?_:_")) this.#spend(1);
  }

  /** A path that is part of another, as what is chosen or what is asked by, does not pay for its beginning. */
  #part(expr: Expr, scope: Scope): unknown {
    const value = this.value(expr, scope);
    if (isPath(expr) && !this.#checked.constants.values.has(expr)) this.cost--;
    return value;
  }

  #call(expr: Expr & { readonly kind: "call" }, scope: Scope): unknown {
    const [first, second, third] = expr.args;
    if (first !== undefined && second !== undefined) {
      if (expr.name === "_&&_") return this.#either(first, second, false, scope);
      if (expr.name === "_||_") return this.#either(first, second, true, scope);
      if (expr.name === "_?_:_" && third !== undefined) {
        const test = this.value(first, scope);
        if (typeof test !== "boolean") throw new EvaluationError("no such overload");
        return this.#part(test ? second : third, scope);
      }
    }
    if (expr.name === "@not_strictly_false" && first !== undefined) return this.#notFalse(first, scope);
    const call = this.#checked.calls.get(expr);
    if (call === undefined) throw new EvaluationError("no such overload");
    const [holder, other] = call.args;
    if ((expr.name === "or" || expr.name === "orValue") && holder !== undefined && other !== undefined)
      return this.#otherwise(holder, other, expr.name === "orValue", scope);
    const set = this.#checked.constants.sets.get(expr);
    if (set !== undefined && holder !== undefined) return set.size > 0 && set.has(this.value(holder, scope));
    if (holder !== undefined && isIndexing(expr.name)) return this.#index(call, holder, scope);
    const args = call.args.map((arg) => this.value(arg, scope));
    return this.#grown(expr, args) ?? this.#dispatch(call, args);
  }

  /** In what is not there nothing is looked for. */
  #index(call: Call, holder: Expr, scope: Scope): unknown {
    const value = this.value(holder, scope);
    this.#begin(holder);
    if (value instanceof OptionalValue && !value.present) return none;
    return this.#dispatch(call, [value, ...call.args.slice(1).map((arg) => this.#part(arg, scope))]);
  }

  /** The other value is looked at where there is none. */
  #otherwise(holder: Expr, other: Expr, unwraps: boolean, scope: Scope): unknown {
    const value = this.value(holder, scope);
    if (!(value instanceof OptionalValue)) return value;
    if (!value.present) return this.value(other, scope);
    return unwraps ? value.value : value;
  }

  /** A list that a loop puts together, which nobody else has: an item longer, for as much as another would cost. */
  #grown({ name, args: [first] }: Expr & { readonly kind: "call" }, values: readonly unknown[]): unknown {
    if (name !== "_+_" || first?.kind !== "ident" || first.name !== accumulator) return undefined;
    const [list, added] = values;
    if (!Array.isArray(list) || !Array.isArray(added)) return undefined;
    this.#spend(1);
    for (const item of added) list.push(item);
    return list;
  }

  #dispatch({ overloads }: Call, args: readonly unknown[]): unknown {
    const overload = overloads.find(({ params, name }) =>
      params.every(
        (param, index) =>
          (isOfType(args[index], param) && beginsWith(args[index], param)) || isPlace(name, args, index),
      ),
    );
    if (overload === undefined) throw new EvaluationError("no such overload");
    const before = callCost(overload, args);
    // Whoever decides is asked elsewhere.
    if (before !== undefined) this.#spend(before, overload.name === "check" ? 1 : before);
    this.#slice?.checkCall(overload, args);
    const value = overload.run(...(args as never[]));
    if (before === undefined) this.#spend(callCost(overload, args, value) ?? 1);
    // What is not there was not looked at.
    if (value === none && isIndexing(overload.name)) this.cost--;
    return value;
  }

  /** One side that decides makes the other's failure no failure. */
  #either(left: Expr, right: Expr, decides: boolean, scope: Scope): unknown {
    let failure: EvaluationError | undefined;
    for (const side of [left, right]) {
      try {
        const value = this.value(side, scope);
        if (value === decides) return decides;
        if (typeof value !== "boolean") failure ??= new EvaluationError("no such overload");
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return !decides;
  }

  #notFalse(expr: Expr, scope: Scope): boolean {
    this.#spend(1);
    try {
      return this.value(expr, scope) !== false;
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return true;
    }
  }

  #comprehension(expr: Comprehension, scope: Scope): unknown {
    if (expr.variable === unused) return this.#bound(expr, scope);
    const range = this.value(expr.range, scope);
    let held: Lazy = { type: "value", value: fresh(this.value(expr.init, scope)) };
    const inner: { first: unknown; second: unknown } = { first: undefined, second: undefined };
    const step: Scope = {
      of: (name) => {
        if (name === expr.accumulator) return taken(held);
        if (name === expr.variable) return inner.first;
        return name === expr.second ? inner.second : scope.of(name);
      },
    };
    for (const [first, second] of itemsOf(range, expr.second !== undefined)) {
      Object.assign(inner, { first, second });
      if (this.value(expr.condition, step) !== true) break;
      held = this.#lazily(expr.step, step);
    }
    const result: Scope = { of: (name) => (name === expr.accumulator ? taken(held) : scope.of(name)) };
    return this.value(expr.result, result);
  }

  /** What has a name is looked at when the name is. */
  #bound({ accumulator: name, init, result }: Comprehension, scope: Scope): unknown {
    let held: Lazy | undefined;
    const of = (asked: string): unknown => {
      if (asked !== name) return scope.of(asked);
      held ??= this.#lazily(init, scope);
      return taken(held);
    };
    return this.value(result, { of });
  }

  /** A loop goes on after a failure: a later item may decide. */
  #lazily(expr: Expr, scope: Scope): Lazy {
    try {
      return { type: "value", value: this.value(expr, scope) };
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return { type: "failure", error };
    }
  }
}

function isIndexing(name: string): boolean {
  return name === "_[_]" || name === "_[?_]";
}

/** What begins with a name, or with a value, and goes on to what is in it. */
function isPath(expr: Expr): boolean {
  if (expr.kind === "call") return isIndexing(expr.name);
  return expr.kind === "ident" || (expr.kind === "select" && !expr.test);
}

type Lazy =
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "failure"; readonly error: EvaluationError };

/** What a loop puts together is its own. */
function fresh(value: unknown): unknown {
  if (Array.isArray(value)) return [...value];
  return value instanceof MadeMap ? new MadeMap([]) : value;
}

/** Of several functions of lists, that for what this one holds. */
function beginsWith(value: unknown, { kind, args: [item] }: CelType): boolean {
  return (
    kind !== "list" ||
    item === undefined ||
    !Array.isArray(value) ||
    value.length === 0 ||
    isOfType(value[0], item)
  );
}

/** Any number that is whole says which item. */
function isPlace(name: string, args: readonly unknown[], index: number): boolean {
  return index === 1 && isIndexing(name) && Array.isArray(args[0]) && isNumeric(args[1]);
}

function taken(held: Lazy): unknown {
  if (held.type === "failure") throw held.error;
  return held.value;
}

function itemsOf(range: unknown, two: boolean): (readonly [unknown, unknown])[] {
  if (Array.isArray(range))
    return range.map((item, index) => (two ? [BigInt(index), item] : [item, undefined]));
  if (isMapValue(range)) return range.keys().map((key) => [key, range.get(key)]);
  throw new EvaluationError("no such overload");
}
