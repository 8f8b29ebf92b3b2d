/** Types of expressions, and which overloads a call may mean; what does not fit is told in upstream's words. */
import { CompileError, type Comprehension, type Expr, type Fault } from "./ast.ts";
import { type Constants, constantsOf } from "./constants.ts";
import { memberNamed } from "./declared-type.ts";
import { library } from "./library.ts";
import { type Aggregate, literalFaults } from "./literals.ts";
import type { Call, Overload } from "./overloads.ts";
import {
  assign,
  type Bindings,
  bool,
  bytes,
  type CelType,
  double,
  dyn,
  int,
  listOf,
  mapOf,
  nullType,
  optionalOf,
  param,
  printType,
  settled,
  string,
  substitute,
  uint,
} from "./types.ts";
import { EvaluationError, UintValue } from "./values.ts";

export interface Checked {
  readonly expr: Expr;
  readonly type: CelType;
  /** Of every expression. */
  readonly types: ReadonlyMap<Expr, CelType>;
  /** Of every call: those that its arguments may fit. */
  readonly calls: ReadonlyMap<Expr, Call>;
  /** Variables that are used. */
  readonly uses: ReadonlySet<string>;
  /** Of every selection that is a name with dots in it: of a type, or of a variable. */
  readonly names: ReadonlyMap<Expr, string>;
  readonly constants: Constants;
}

export type Variables = ReadonlyMap<string, CelType>;

export function check(source: string, expr: Expr, variables: Variables): Checked {
  const checker = new Checker(variables);
  const type = checker.check(expr);
  if (checker.faults.length > 0) throw new CompileError(source, checker.faults);
  const types = new Map<Expr, CelType>();
  for (const [one, found] of checker.types) types.set(one, settled(found, checker.bindings));
  const faults = literalFaults(checker, types);
  if (faults.length > 0) throw new CompileError(source, faults);
  const { calls, uses, names } = checker;
  const constants = constantsOf(expr, {
    calls,
    typeNames: checker.typeValues,
  });
  return { expr, type: settled(type, checker.bindings), types, calls, uses, names, constants };
}

/** Types are values too: `type(self.port) == int`. */
const typeNames: ReadonlySet<string> = new Set([
  ...["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"],
  ...["google.protobuf.Timestamp", "google.protobuf.Duration", "optional_type", "net.IP", "net.CIDR"],
]);

class Checker {
  readonly faults: Fault[] = [];
  readonly types = new Map<Expr, CelType>();
  readonly calls = new Map<Expr, Call>();
  readonly uses = new Set<string>();
  readonly names = new Map<Expr, string>();
  /** Names of types. */
  readonly typeValues = new Map<Expr, string>();
  /** Literals whose parts are to be of one type. */
  readonly aggregates: Aggregate[] = [];
  readonly formats: (Expr & { readonly kind: "call" })[] = [];
  /** Within the arguments of a format, which are of any types. */
  #formats = 0;
  bindings: Bindings = new Map();
  #scope: Variables;
  #fresh = 0;

  constructor(variables: Variables) {
    this.#scope = variables;
  }

  check(expr: Expr): CelType {
    const type = this.#typeOf(expr);
    this.types.set(expr, type);
    return type;
  }

  #fault({ at }: Expr, message: string): CelType {
    this.faults.push({ at, message });
    return dyn;
  }

  #parameter(): CelType {
    return param(`_var${this.#fresh++}`);
  }

  #known(type: CelType): CelType {
    return substitute(type, this.bindings);
  }

  #typeOf(expr: Expr): CelType {
    switch (expr.kind) {
      case "literal":
        return literalType(expr.value);
      case "ident":
        return this.#ident(expr, expr.name);
      case "select":
        return this.#select(expr);
      case "call":
        return this.#call(expr);
      case "list": {
        if (this.#formats === 0) this.aggregates.push(expr);
        const item = this.#joined(expr.items.map((one, index) => [one, expr.optional.has(index)] as const));
        return listOf(item);
      }
      case "map": {
        if (this.#formats === 0) this.aggregates.push(expr);
        const key = this.#joined(expr.entries.map((entry) => [entry.key, false] as const));
        return mapOf(key, this.#joined(expr.entries.map((entry) => [entry.value, entry.optional] as const)));
      }
      default:
        return this.#comprehension(expr);
    }
  }

  #ident(expr: Expr, name: string): CelType {
    const type = this.#scope.get(name);
    if (type !== undefined) {
      this.uses.add(name);
      return type;
    }
    if (typeNames.has(name)) {
      this.typeValues.set(expr, name);
      return { kind: "type", args: [dyn] };
    }
    return this.#fault(expr, `undeclared reference to '${name}' (in container '')`);
  }

  /** All of one type, or of any. */
  #joined(items: readonly (readonly [expr: Expr, optional: boolean])[]): CelType {
    let joined: CelType | undefined;
    for (const [item, optional] of items) {
      let type = this.check(item);
      if (optional) {
        const inner = this.#known(type);
        if (inner.kind === "optional") type = inner.args[0] ?? dyn;
        else if (inner.kind !== "dyn")
          this.#fault(item, `expected type 'optional_type(dyn)' but found '${printType(inner)}'`);
      }
      if (joined === undefined) {
        joined = type;
        continue;
      }
      const bindings = assign(joined, type, this.bindings);
      if (bindings === undefined || this.#known(type).kind === "dyn") joined = dyn;
      else this.bindings = bindings;
    }
    return joined ?? this.#parameter();
  }

  #select(expr: Expr & { readonly kind: "select" }): CelType {
    const name = expr.test ? undefined : qualifiedName(expr);
    if (name !== undefined && (this.#scope.has(name) || typeNames.has(name))) {
      this.names.set(expr, name);
      return this.#ident(expr, name);
    }
    const operand = this.#known(this.check(expr.operand));
    const holder = operand.kind === "optional" ? this.#known(operand.args[0] ?? dyn) : operand;
    const member = this.#member(expr, holder);
    if (expr.test) return bool;
    const wraps = expr.optional || operand.kind === "optional";
    return wraps && member.kind !== "optional" ? optionalOf(member) : member;
  }

  #member(expr: Expr & { readonly kind: "select" }, holder: CelType): CelType {
    if (holder.kind === "dyn" || holder.kind === "param") return dyn;
    if (holder.kind === "map") return holder.args[1] ?? dyn;
    if (holder.kind !== "object") {
      return this.#fault(expr, `type '${printType(holder)}' does not support field selection`);
    }
    const found = holder.fields && memberNamed(holder.fields, expr.field);
    return found ?? this.#fault(expr, `undefined field '${expr.field}'`);
  }

  #call(expr: Expr & { readonly kind: "call" }): CelType {
    const { name, target, args } = expr;
    if (name === "_&&_" || name === "_||_") return this.#logic(expr);
    const space = target === undefined ? undefined : this.#namespace(target, name);
    const member = target !== undefined && space === undefined;
    const all = member ? [target, ...args] : args;
    const full = space ?? name;
    const types = this.#argumentTypes(expr, member && name === "format", all);
    if (!library.has(full)) return this.#fault(expr, `undeclared reference to '${full}' (in container '')`);
    const overloads = library.find(full, member);
    const matches: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      const fit = this.#fit(overload, types);
      if (fit === undefined) continue;
      matches.push(overload);
      // What is not known of its arguments yet, the first that fits decides.
      this.bindings = fit.bindings;
      const found = substitute(fit.result, fit.bindings);
      if (result === undefined) result = found;
      else if (printType(found) !== printType(result)) result = dyn;
    }
    if (result === undefined) {
      const shown = types.map((type) => printType(this.#known(type)));
      const [first, ...rest] = shown;
      const applied = member ? `${first}.(${rest.join(", ")})` : `(${shown.join(", ")})`;
      return this.#fault(expr, `found no matching overload for '${full}' applied to '${applied}'`);
    }
    this.calls.set(expr, { overloads: matches, args: all });
    this.#checkLiteral(full, member, all);
    return result;
  }

  #logic(expr: Expr & { readonly kind: "call" }): CelType {
    for (const arg of expr.args) this.#expect(arg, bool);
    return bool;
  }

  #argumentTypes(expr: Expr & { readonly kind: "call" }, isFormat: boolean, all: readonly Expr[]): CelType[] {
    if (isFormat) {
      this.#formats++;
      this.formats.push(expr);
    }
    const types = all.map((arg) => this.check(arg));
    if (isFormat) this.#formats--;
    return types;
  }

  #fit(
    overload: Overload,
    types: readonly CelType[],
  ): { readonly result: CelType; readonly bindings: Bindings } | undefined {
    if (overload.params.length !== types.length) return undefined;
    const renamed = new Map<string, CelType>();
    const instance = (type: CelType): CelType => {
      if (type.kind === "param") {
        const name = type.name ?? "";
        const fresh = renamed.get(name) ?? this.#parameter();
        renamed.set(name, fresh);
        return fresh;
      }
      return type.args.length === 0 ? type : { ...type, args: type.args.map(instance) };
    };
    let bindings: Bindings | undefined = this.bindings;
    for (const [index, wanted] of overload.params.entries()) {
      bindings = bindings && assign(instance(wanted), types[index] ?? dyn, bindings);
    }
    return bindings && { result: instance(overload.result), bindings };
  }

  /** The name of a function that begins with something that is no variable: `sets.contains`. */
  #namespace(target: Expr, name: string): string | undefined {
    const prefix = qualifiedName(target);
    if (prefix === undefined || this.#scope.has(prefix.split(".")[0] ?? "")) return undefined;
    const full = `${prefix}.${name}`;
    return library.has(full) ? full : undefined;
  }

  /** Literals that can be seen to be wrong are told of now. */
  #checkLiteral(name: string, member: boolean, args: readonly Expr[]): void {
    // Of the function that is no member upstream looks at the text, which is its first.
    const index = name === "matches" && member ? 1 : 0;
    const literal = args[index];
    const checked = name === "matches" || (!member && (name === "duration" || name === "timestamp"));
    if (!checked || literal?.kind !== "literal") return;
    const { kind } = literalType(literal.value);
    const overload = library.find(name, member).find(({ params }) => params.at(-1)?.kind === kind);
    try {
      if (name === "matches") overload?.run(...(["", literal.value] as never[]));
      else overload?.run(literal.value as never);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      this.#fault(literal, `invalid ${name} argument`);
    }
  }

  #comprehension(expr: Comprehension): CelType {
    const range = this.#known(this.check(expr.range));
    const init = this.check(expr.init);
    const outer = this.#scope;
    const scope = new Map(outer).set(expr.accumulator, init);
    const [first, second] = this.#items(expr, range);
    if (expr.second === undefined) scope.set(expr.variable, range.kind === "list" ? second : first);
    else scope.set(expr.variable, first).set(expr.second, second);
    this.#scope = scope;
    this.#expect(expr.condition, bool);
    this.#expect(expr.step, init);
    this.#scope = new Map(outer).set(expr.accumulator, init);
    const result = this.check(expr.result);
    this.#scope = outer;
    return result;
  }

  #expect(expr: Expr, wanted: CelType): void {
    const found = this.check(expr);
    const bindings = assign(wanted, found, this.bindings);
    if (bindings !== undefined) this.bindings = bindings;
    else {
      const [a, b] = [printType(this.#known(wanted)), printType(this.#known(found))];
      this.#fault(expr, `expected type '${a}' but found '${b}'`);
    }
  }

  #items({ range: expr }: Comprehension, range: CelType): readonly [first: CelType, second: CelType] {
    const [a = dyn, b = dyn] = range.args;
    if (range.kind === "list") return [int, a];
    if (range.kind === "map") return [a, b];
    if (range.kind === "dyn" || range.kind === "param") return [dyn, dyn];
    const message = `expression of type '${printType(range)}' cannot be range of a comprehension`;
    this.#fault(expr, `${message} (must be list, map, or dynamic)`);
    return [dyn, dyn];
  }
}

function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === "ident") return expr.name;
  if (expr.kind !== "select" || expr.test || expr.optional) return undefined;
  const prefix = qualifiedName(expr.operand);
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`;
}

function literalType(value: unknown): CelType {
  if (value === null) return nullType;
  if (value instanceof UintValue) return uint;
  if (value instanceof Uint8Array) return bytes;
  if (typeof value === "bigint") return int;
  if (typeof value === "number") return double;
  return typeof value === "boolean" ? bool : string;
}
