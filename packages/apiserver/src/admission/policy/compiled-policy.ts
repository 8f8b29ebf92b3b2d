/** A policy and a binding as they are asked: compiled once, when they were written. */
import {
  AdmissionCompiler,
  type Expression,
  type KubeObject,
  type LabelSelector,
  type NamedExpression,
} from "@selvedge/apimachinery";
import { type MatchCriteria, Matcher } from "../matching.ts";

interface SaidPolicy {
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: MatchCriteria;
  readonly validations?: readonly SaidValidation[];
  readonly failurePolicy?: string;
  readonly auditAnnotations?: readonly { readonly key: string; readonly valueExpression: string }[];
  readonly matchConditions?: readonly SaidExpression[];
  readonly variables?: readonly SaidExpression[];
}

/** A match condition or a variable. */
export interface SaidExpression {
  readonly name: string;
  readonly expression: string;
}

interface SaidValidation {
  readonly expression: string;
  readonly message?: string;
  readonly reason?: string;
  readonly messageExpression?: string;
}

export interface ParamKind {
  readonly apiVersion?: string;
  readonly kind?: string;
}

export interface ParamRef {
  readonly name?: string;
  readonly namespace?: string;
  readonly selector?: LabelSelector;
  readonly parameterNotFoundAction?: string;
}

export interface Policy {
  readonly name: string;
  /** What it was made of. */
  readonly object: KubeObject;
  readonly matcher: Matcher;
  readonly paramKind: ParamKind | undefined;
  /** What comes to nothing counts as right. */
  readonly failsOpen: boolean;
  readonly conditions: readonly NamedExpression[];
  readonly variables: readonly NamedExpression[];
  readonly validations: readonly PolicyValidation[];
  /** By key. */
  readonly annotations: readonly NamedExpression[];
}

export interface PolicyValidation {
  readonly expression: Expression;
  readonly message: string;
  readonly messageExpression: Expression | undefined;
  readonly reason: string;
}

export interface Binding {
  readonly name: string;
  readonly policyName: string;
  readonly matcher: Matcher;
  readonly paramRef: ParamRef | undefined;
  readonly actions: readonly string[];
}

export function policyIn(object: KubeObject): Policy {
  const spec = (object["spec"] ?? {}) as SaidPolicy;
  const { paramKind, validations = [], variables = [], matchConditions = [], auditAnnotations = [] } = spec;
  const compiler = new AdmissionCompiler({ params: paramKind !== undefined });
  return {
    ...{ name: object.metadata.name, object, paramKind, failsOpen: spec.failurePolicy === "Ignore" },
    matcher: new Matcher(spec.matchConstraints ?? {}),
    // In this order: what comes after variables knows them.
    conditions: conditionsIn(compiler, matchConditions),
    variables: variables.map(({ name, expression }) => compiler.variable(name, expression)),
    validations: validations.map((one) => validationIn(compiler, one)),
    annotations: auditAnnotations.map(({ key, valueExpression }) => ({
      ...{ name: key, expression: compiler.compile(valueExpression, "string or null") },
    })),
  };
}

export function conditionsIn(
  compiler: AdmissionCompiler,
  said: readonly SaidExpression[],
): readonly NamedExpression[] {
  return said.map(({ name, expression }) => ({ name, expression: compiler.compile(expression, "bool") }));
}

function validationIn(
  compiler: AdmissionCompiler,
  { expression, message = "", reason = "Invalid", messageExpression = "" }: SaidValidation,
): PolicyValidation {
  return {
    ...{ expression: compiler.compile(expression, "bool"), message: message.trim(), reason },
    messageExpression:
      messageExpression === "" ? undefined : compiler.compile(messageExpression, "string", false),
  };
}

interface SaidBinding {
  readonly policyName?: string;
  readonly paramRef?: ParamRef;
  readonly matchResources?: MatchCriteria;
  readonly validationActions?: readonly string[];
}

export function bindingIn(object: KubeObject): Binding {
  const spec = (object["spec"] ?? {}) as SaidBinding;
  const { policyName = "", paramRef, matchResources = {}, validationActions = [] } = spec;
  const { name } = object.metadata;
  return { name, policyName, paramRef, matcher: new Matcher(matchResources), actions: validationActions };
}
