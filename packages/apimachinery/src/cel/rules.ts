/**
 * The rules of a schema: compiled once, asked of each value. A rule is told what it may not be when the
 * schema is written; when a value is written, what it says of the value.
 */
import { jsonEqual } from "@selvedge/base";
import type { FieldError } from "../kind-definition.ts";
import type { Schema, ValidationRule } from "../schema.ts";
import { CorrelatedItems } from "../structural/correlate.ts";
import { isObject } from "../structural/walk.ts";
import { CompileError, ProgramError } from "./ast.ts";
import { type Checked, check } from "./checker.ts";
import { declaredType } from "./declared-type.ts";
import { estimateCost } from "./estimate.ts";
import { CostError, costOf, evaluate } from "./evaluate.ts";
import { jsonValue } from "./json-values.ts";
import { parse } from "./parser.ts";
import type { Slice } from "./slice.ts";
import { type CelType, optionalOf } from "./types.ts";
import { EvaluationError, none, OptionalValue } from "./values.ts";

/** What one rule may cost, and all rules of an object together; upstream's. */
const callMax = 1_000_000;
const budget = 10_000_000;
/** A message is for people. */
const messageMax = 5 * 1024;

export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Checked | undefined;
  readonly message: Checked | undefined;
  readonly usesOldSelf: boolean;
  readonly fault: string | undefined;
  readonly messageFault: string | undefined;
  readonly cost: number;
  readonly messageCost: number;
}

/** The rules of one schema, those below it not included. */
export function compileRules(schema: Schema, isRoot: boolean): CompiledRule[] {
  const rules = schema["x-kubernetes-validations"] ?? [];
  if (rules.length === 0) return [];
  const type = declaredType(schema, isRoot)?.type;
  return rules.map((rule) => compileRule(rule, type));
}

function compileRule(rule: ValidationRule, type: CelType | undefined): CompiledRule {
  const nothing = {
    ...{ rule, program: undefined, message: undefined, usesOldSelf: false, fault: undefined },
    ...{ messageFault: undefined, cost: 0, messageCost: 0 },
  };
  if ((rule.rule ?? "").trim() === "") return nothing;
  if (type === undefined)
    return { ...nothing, fault: "failed to convert to declType for CEL validation rules" };
  const old = rule.optionalOldSelf === true ? optionalOf(type) : type;
  const variables = new Map([
    ["self", type],
    ["oldSelf", old],
  ]);
  const program = compiled(rule.rule, variables, ["", "program "]);
  if (typeof program === "string") return { ...nothing, fault: program };
  if (program.type.kind !== "bool") return { ...nothing, fault: "cel expression must evaluate to a bool" };
  const made = {
    ...nothing,
    program,
    usesOldSelf: program.uses.has("oldSelf"),
    cost: estimateCost(program, type),
  };
  if (!rule.messageExpression) return made;
  const message = compiled(rule.messageExpression, variables, ["messageExpression ", "messageExpression "]);
  if (typeof message === "string") return { ...made, messageFault: message };
  if (message.type.kind !== "string")
    return { ...made, messageFault: "messageExpression must evaluate to a string" };
  return { ...made, message, messageCost: estimateCost(message, type) };
}

/** `before`: what its faults begin with, those of compiling and those of making a program of it. */
function compiled(
  source: string,
  variables: ReadonlyMap<string, CelType>,
  before: readonly [compile: string, make: string],
): Checked | string {
  try {
    return check(source, parse(source), variables);
  } catch (error) {
    if (error instanceof ProgramError) return `${before[1]}instantiation failed: ${error.message}`;
    if (!(error instanceof CompileError)) throw error;
    return `${before[0]}compilation failed: ${error.message}`;
  }
}

interface RuleNode {
  readonly schema: Schema;
  readonly isRoot: boolean;
  readonly rules: readonly CompiledRule[];
  readonly items: RuleNode | undefined;
  readonly others: RuleNode | undefined;
  readonly properties: ReadonlyMap<string, RuleNode>;
}

const nodes = new WeakMap<Schema, { readonly node: RuleNode | undefined }>();

function nodeOf(schema: Schema, isRoot: boolean): RuleNode | undefined {
  const found = nodes.get(schema);
  if (found !== undefined) return found.node;
  const embedded = (inner: Schema): RuleNode | undefined =>
    nodeOf(inner, inner["x-kubernetes-embedded-resource"] === true);
  const { items, additionalProperties: others } = schema;
  const properties = new Map<string, RuleNode>();
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const node = embedded(inner);
    if (node !== undefined) properties.set(name, node);
  }
  const made = {
    ...{ schema, isRoot, properties, rules: compileRules(schema, isRoot) },
    items: items && embedded(items),
    others: typeof others === "object" ? embedded(others) : undefined,
  };
  const isEmpty = made.rules.length === 0 && !made.items && !made.others && properties.size === 0;
  const node = isEmpty ? undefined : made;
  nodes.set(schema, { node });
  return node;
}

/** Bytes that a value of the schema takes at least: what bounds how many there can be. */
export function leastBytes(schema: Schema): number {
  return declaredType(schema, schema["x-kubernetes-embedded-resource"] === true)?.least ?? 0;
}

/** Whether a schema, or any below it, has rules. */
export function hasRules(schema: Schema): boolean {
  return nodeOf(schema, true) !== undefined;
}

/**
 * What the rules of the schema say of a whole object; `old` on update. Faults that were there before, in
 * what is not changed, are let be. Throws a TooHeavyError when the slice is used up.
 */
export function ruleFaults(schema: Schema, value: unknown, old: unknown, slice?: Slice): FieldError[] {
  const node = nodeOf(schema, true);
  if (node === undefined) return [];
  const asking = new Asking(slice);
  asking.ask(node, value, { old, same: false }, "");
  return asking.errors;
}

/** The same of a part of an object: a default. */
export function partFaults(schema: Schema, value: unknown, old: unknown): FieldError[] {
  const node = nodeOf(schema, schema["x-kubernetes-embedded-resource"] === true);
  if (node === undefined) return [];
  const asking = new Asking();
  asking.ask(node, value, { old, same: false }, "");
  return asking.errors;
}

interface Before {
  /** Undefined: there was none, or nobody can tell which. */
  readonly old: unknown;
  /** Whether this, or what it is part of, is as it was. */
  readonly same: boolean;
}

class Asking {
  readonly errors: FieldError[] = [];
  readonly #slice: Slice | undefined;
  #left = budget;

  constructor(slice?: Slice) {
    this.#slice = slice;
  }

  ask(node: RuleNode, value: unknown, before: Before, path: string): void {
    if (value === null || value === undefined || this.#left < 0) return;
    // Looking at what is there takes its time too.
    this.#slice?.spend(1);
    const { old } = before;
    const same = before.same || (old !== undefined && jsonEqual(value, old));
    for (const rule of node.rules) this.#ask(node, rule, value, { old, same }, path);
    if (Array.isArray(value) && node.items !== undefined) {
      const olds = new CorrelatedItems(node.schema, old);
      for (const [index, item] of value.entries()) {
        this.ask(node.items, item, { old: olds.of(item), same }, `${path}[${index}]`);
      }
    }
    if (!isObject(value)) return;
    const olds = isObject(old) ? old : {};
    for (const [key, member] of Object.entries(value)) {
      const was = Object.hasOwn(olds, key) ? olds[key] : undefined;
      const own = node.properties.get(key);
      if (own !== undefined) this.ask(own, member, { old: was, same }, path === "" ? key : `${path}.${key}`);
      else if (node.others !== undefined)
        this.ask(node.others, member, { old: was, same }, `${path}[${key}]`);
    }
  }

  #ask(node: RuleNode, compiled: CompiledRule, value: unknown, { old, same }: Before, path: string): void {
    if (this.#left < 0) return;
    const { rule, program, usesOldSelf, fault } = compiled;
    const type = node.schema.type ?? "";
    if (fault !== undefined) {
      this.errors.push(invalid(path, type, `rule compile error: ${fault}`));
      return;
    }
    if (program === undefined || (usesOldSelf && old === undefined && rule.optionalOldSelf !== true)) return;
    const self = jsonValue(node.schema, value, node.isRoot);
    const oldSelf = oldValue(node, rule, old);
    const variables = (name: string): unknown =>
      name === "self" ? self : name === "oldSelf" ? oldSelf : undefined;
    const words = (rule.message ?? "").trim() || rule.rule.trim();
    try {
      const { value: holds, cost } = evaluate(program, variables, callMax, this.#slice);
      this.#spend(cost, path, type);
      if (holds === true || this.#left < 0) return;
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof CostError)) throw error;
      this.#spend(costOf(error), path, type);
      if (this.#left >= 0) this.#failed(error, words, path, type);
      return;
    }
    // What was so before, and is not about the change, is let be.
    if (same && !usesOldSelf) return;
    const detail = this.#message(compiled, variables);
    if (detail !== undefined) this.errors.push(this.#error(node, rule, path, detail));
  }

  #spend(cost: number, path: string, type: string): void {
    this.#left -= cost;
    if (this.#left >= 0) return;
    const detail =
      "validation failed due to running out of cost budget, no further validation rules will be run";
    this.errors.push(invalid(path, type, detail));
  }

  #failed(error: EvaluationError | CostError, words: string, path: string, type: string): void {
    const { message } = error;
    if (error instanceof CostError) {
      this.#left = -1;
      const what = "no further validation rules will be run due to call cost exceeds limit for rule";
      this.errors.push(invalid(path, type, `'${message}': ${what}: ${words}`));
    } else if (message.startsWith("no such overload")) {
      const what = "call arguments did not match a supported operator, function or macro signature for rule";
      this.errors.push(invalid(path, type, `'${message}': ${what}: ${words}`));
    } else this.errors.push(invalid(path, type, `${message} evaluating rule: ${words}`));
  }

  /** What to say of a rule that does not hold: by its expression where that says something. */
  #message({ rule, message }: CompiledRule, variables: (name: string) => unknown): string | undefined {
    const plain = (rule.message ?? "").trim();
    const words = plain === "" ? `failed rule: ${rule.rule.trim()}` : plain;
    if (message === undefined) return words;
    try {
      const { value, cost } = evaluate(message, variables, callMax, this.#slice);
      this.#left -= cost;
      const text = typeof value === "string" ? value.trim() : "";
      const fits = text !== "" && text.length <= messageMax && !text.includes("\n");
      return fits ? text : words;
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof CostError)) throw error;
      this.#left -= costOf(error);
      return words;
    }
  }

  /** As upstream, whose errors say what type of value it was. */
  #error(node: RuleNode, rule: ValidationRule, path: string, detail: string): FieldError {
    const below = rule.fieldPath === undefined ? "" : pathBelow(rule.fieldPath, node.schema);
    const field = `${path}${below}`.replace(/^\./, "") || wholeObject;
    const value = node.schema.type ?? "";
    switch (rule.reason) {
      case "FieldValueForbidden":
      case "FieldValueRequired":
        return { type: rule.reason, field, detail };
      case "FieldValueDuplicate":
        return { type: rule.reason, field, value, detail: "" };
      default:
        return invalid(field, value, detail);
    }
  }
}

/** Upstream has no path of a whole object. */
const wholeObject = "<nil>";

function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field: field || wholeObject, value, detail };
}

function oldValue(node: RuleNode, rule: ValidationRule, old: unknown): unknown {
  const value = old === undefined ? undefined : jsonValue(node.schema, old, node.isRoot);
  if (rule.optionalOldSelf !== true) return value;
  return value === undefined ? none : new OptionalValue(true, value);
}

/** `.spec['a.b']` as field errors write it. */
function pathBelow(path: string, schema: Schema): string {
  let here: Schema | undefined = schema;
  return path.replace(/\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/g, (_match, plain: string, quoted: string) => {
    const name = plain ?? quoted.replace(/\\(.)/g, "$1");
    const named: boolean = here?.properties !== undefined;
    const others: Schema["additionalProperties"] = here?.additionalProperties;
    here = named ? here?.properties?.[name] : typeof others === "object" ? others : undefined;
    return named ? `.${name}` : `[${name}]`;
  });
}
