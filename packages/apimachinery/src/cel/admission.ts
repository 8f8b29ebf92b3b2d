/**
 * Expressions that policies and webhooks ask of a write. They see it untyped, for they are asked of many kinds:
 *
 *   object · oldObject · params ── as they are     request · namespaceObject ── typed
 *   variables ── each evaluated when it is first asked for     authorizer ── who may do what
 */
import { namespaceType, requestType, typedValue } from "./admission-types.ts";
import { CompileError, ProgramError } from "./ast.ts";
import {
  type AccessQuestion,
  authorizerValue,
  type Decide,
  resourceCheckValue,
} from "./authorizer-library.ts";
import { type Checked, check } from "./checker.ts";
import { CostError, costOf, evaluate } from "./evaluate.ts";
import { untypedValue } from "./json-values.ts";
import { parse } from "./parser.ts";
import type { Slice } from "./slice.ts";
import { bool, type CelType, dyn, nullType, printType, string } from "./types.ts";
import { EvaluationError, type MapValue } from "./values.ts";

/** What one expression may cost, all of a policy together, and its match conditions; upstream's. */
const callMax = 1_000_000;
export const evaluationBudget = 10_000_000;
export const conditionBudget: number = evaluationBudget / 4;

const plain = (kind: string): CelType => ({ kind, args: [] });

/** The type an expression must have; with none it may have any. */
export type Returns = "bool" | "string" | "string or null" | "any";

const returned: Readonly<Record<Returns, readonly CelType[]>> = {
  ...{ bool: [bool], string: [string], "string or null": [string, nullType], any: [] },
};

export interface Expression {
  readonly source: string;
  readonly program: Checked | undefined;
  /** Why there is none, in upstream's words. */
  readonly fault: string | undefined;
}

export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

export interface CompileOptions {
  /** Whether there are `params`. */
  readonly params: boolean;
  /** Types of `object` and `oldObject` and of `params` where they are known: to check expressions by. */
  readonly object?: CelType;
  readonly paramsType?: CelType;
}

/** Compiles the expressions of one policy; each variable is known to what is compiled after it. */
export class AdmissionCompiler {
  readonly #types: ReadonlyMap<string, CelType>;
  #variables: Map<string, CelType> | undefined;

  constructor({ params, object = dyn, paramsType = dyn }: CompileOptions) {
    this.#types = new Map([
      ...([
        ["object", object],
        ["oldObject", object],
        ["request", requestType],
      ] as const),
      ...([["namespaceObject", namespaceType]] as const),
      ...(params ? ([["params", paramsType]] as const) : []),
    ]);
  }

  variable(name: string, source: string): NamedExpression {
    this.#variables ??= new Map();
    const expression = this.compile(source, "any");
    this.#variables.set(name, variableType(expression.program?.type));
    return { name, expression };
  }

  /** A message may not ask who may do what. */
  compile(source: string, returns: Returns, authorizer = true): Expression {
    const scope = new Map(this.#types);
    if (this.#variables !== undefined) {
      scope.set("variables", { ...plain("object"), name: "kubernetes.variables", fields: this.#variables });
    }
    if (authorizer) {
      scope.set("authorizer", plain("authorizer"));
      scope.set("authorizer.requestResource", plain("resourcecheck"));
    }
    try {
      const program = check(source, parse(source), scope);
      const fault = returnFault(program.type, returned[returns]);
      return { source, program: fault === undefined ? program : undefined, fault };
    } catch (error) {
      if (error instanceof ProgramError)
        return { source, program: undefined, fault: `program instantiation failed: ${error.message}` };
      if (!(error instanceof CompileError)) throw error;
      return { source, program: undefined, fault: `compilation failed: ${error.message}` };
    }
  }
}

/** Of an object nobody says more than that it is something, as upstream has it. */
function variableType(type: CelType | undefined): CelType {
  if (type === undefined || type.fields !== undefined) return dyn;
  if (type.args.length > 0) {
    const container = type.kind === "list" || type.kind === "map";
    return container ? { kind: type.kind, args: type.args.map(variableType) } : dyn;
  }
  return type;
}

function returnFault(type: CelType, wanted: readonly CelType[]): string | undefined {
  if (wanted.length === 0 || wanted.some(({ kind }) => kind === type.kind)) return undefined;
  const names = wanted.map(typeText);
  const what = names.length === 1 ? names[0] : `one of [${names.join(" ")}]`;
  return `must evaluate to ${what} but got ${typeText(type)}`;
}

/** As Go prints a type that is no part of a call. */
function typeText(type: CelType): string {
  const own = {
    null: "null_type",
    timestamp: "google.protobuf.Timestamp",
    duration: "google.protobuf.Duration",
  };
  const name = (own as Readonly<Record<string, string>>)[type.kind] ?? printType({ ...type, args: [] });
  return type.args.length === 0 ? name : `${name}(${type.args.map(typeText).join(", ")})`;
}

/** A write as expressions see it: JSON, undefined where there is none. */
export interface AdmissionInput {
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly request: unknown;
  readonly namespaceObject: unknown;
  readonly params: unknown;
  /** Of what the write itself asks for. */
  readonly asked: Omit<AccessQuestion, "verb">;
  readonly decide: Decide;
  /** All that is evaluated with this input may take as much; without one, as long as it takes. */
  readonly slice?: Slice;
}

export type Evaluated =
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "failure"; readonly message: string };

/** What is evaluated costs more than all of it together may. */
export class BudgetError extends Error {
  override name = "BudgetError";

  constructor() {
    super("validation failed due to running out of cost budget, no further validation rules will be run");
  }
}

/** The expressions of one policy, or of one webhook, asked of one write. */
export class AdmissionEvaluation {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #slice: Slice | undefined;
  #left: number;

  constructor(input: AdmissionInput, variables: readonly NamedExpression[], budget: number) {
    const { decide, asked } = input;
    this.#left = budget;
    this.#slice = input.slice;
    this.#values = new Map<string, unknown>([
      ["object", untypedValue(input.object)],
      ["oldObject", untypedValue(input.oldObject)],
      ["params", untypedValue(input.params)],
      ["request", typedValue(requestType, input.request)],
      ["namespaceObject", typedValue(namespaceType, input.namespaceObject)],
      ["authorizer", authorizerValue(decide)],
      ["authorizer.requestResource", resourceCheckValue(decide, asked)],
      ["variables", new Variables(variables, (expression) => this.#spent(expression))],
    ]);
  }

  /**
   * Throws a BudgetError when the budget is gone, a PendingDecision when an answer has to be waited for, and a
   * TooHeavyError when the slice is used up.
   */
  evaluate(expression: Expression): Evaluated {
    const { source, fault } = expression;
    if (fault !== undefined) return { type: "failure", message: `compilation error: ${fault}` };
    try {
      const value = this.#spent(expression);
      this.#checkBudget();
      return { type: "value", value };
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof CostError)) throw error;
      this.#checkBudget();
      return { type: "failure", message: `expression '${source}' resulted in error: ${error.message}` };
    }
  }

  #checkBudget(): void {
    if (this.#left < 0) throw new BudgetError();
  }

  #spent({ program, fault }: Expression): unknown {
    if (program === undefined) throw new EvaluationError(fault ?? "no program");
    try {
      const { value, cost } = evaluate(program, (name) => this.#values.get(name), callMax, this.#slice);
      this.#left -= cost;
      return value;
    } catch (error) {
      if (error instanceof Error) this.#left -= costOf(error);
      throw error;
    }
  }
}

/** Evaluated when they are asked for, and once. */
class Variables implements MapValue {
  readonly isMap = true;
  readonly typeName = "kubernetes.variables";
  readonly #all: ReadonlyMap<string, Expression>;
  readonly #run: (expression: Expression) => unknown;
  readonly #known = new Map<string, { readonly value: unknown } | { readonly failure: EvaluationError }>();

  constructor(all: readonly NamedExpression[], run: (expression: Expression) => unknown) {
    this.#all = new Map(all.map(({ name, expression }) => [name, expression]));
    this.#run = run;
  }

  get size(): number {
    return this.#all.size;
  }

  keys(): readonly string[] {
    return [...this.#all.keys()];
  }

  has(key: unknown): boolean {
    return this.#all.has(String(key));
  }

  get(key: unknown): unknown {
    const name = String(key);
    const expression = this.#all.get(name);
    if (expression === undefined) return undefined;
    const known = this.#known.get(name) ?? this.#evaluated(name, expression);
    this.#known.set(name, known);
    if ("failure" in known) throw known.failure;
    return known.value;
  }

  #evaluated(
    name: string,
    expression: Expression,
  ): { readonly value: unknown } | { readonly failure: EvaluationError } {
    try {
      return { value: this.#run(expression) };
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof CostError)) throw error;
      const fails = expression.fault === undefined ? "fails to evaluate" : "fails to compile";
      const message = `composited variable ${JSON.stringify(name)} ${fails}: ${error.message}`;
      return { failure: new EvaluationError(message, { cause: error }) };
    }
  }
}

export type ConditionOutcome =
  | { readonly type: "met" }
  /** By name, the first that is not. */
  | { readonly type: "unmet"; readonly name: string }
  /** None says no, and at least one came to nothing. */
  | { readonly type: "failure"; readonly message: string };

/** Whether match conditions let a policy or a webhook be asked at all. */
export function askConditions(
  conditions: readonly NamedExpression[],
  evaluation: AdmissionEvaluation,
): ConditionOutcome {
  const failures: string[] = [];
  try {
    for (const { name, expression } of conditions) {
      const outcome = evaluation.evaluate(expression);
      if (outcome.type === "failure") failures.push(outcome.message);
      else if (outcome.value === false) return { type: "unmet", name };
    }
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    return { type: "failure", message: error.message };
  }
  if (failures.length === 0) return { type: "met" };
  const distinct = [...new Set(failures)];
  return {
    type: "failure",
    message: distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`,
  };
}
