/**
 * What would come to nothing: expressions of a policy, checked against the types of the kinds it is about. Pure.
 * Policies are evaluated without types, so this changes nothing of what they do.
 */
import {
  AdmissionCompiler,
  type CelType,
  declaredType,
  type KindDefinition,
  type Schema,
} from "@selvedge/apimachinery";
import { metaPrefix, metaSchemas } from "../../rest/openapi-meta.ts";
import type { ResourceRule } from "../matching.ts";
import type { ParamKind } from "./compiled-policy.ts";
import { findParamKind } from "./params.ts";

export interface CheckedSpec {
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: { readonly resourceRules?: readonly ResourceRule[] };
  readonly validations?: readonly { readonly expression: string; readonly messageExpression?: string }[];
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
}

export interface ExpressionWarning {
  readonly fieldRef: string;
  readonly warning: string;
}

/** Of one rule; upstream's. */
const kindsMax = 10;

export function typeWarnings(spec: CheckedSpec, kinds: readonly KindDefinition[]): ExpressionWarning[] {
  const checked = kindsOf(spec, kinds);
  const params = spec.paramKind && findParamKind(kinds, spec.paramKind);
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, source: string): void => {
    const faults = checked.flatMap((kind) => {
      const fault = faultOf(spec, source, kind, params);
      return fault === undefined ? [] : [`${shown(kind)}: ${fault}\n`];
    });
    if (faults.length > 0) warnings.push({ fieldRef, warning: faults.join("\n") });
  };
  for (const [index, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    const at = `spec.validations[${index}]`;
    check(`${at}.expression`, expression);
    if (messageExpression) check(`${at}.messageExpression`, messageExpression);
  }
  return warnings;
}

/** Those that rules name; what has a wildcard is about too many to say anything of. */
function kindsOf({ matchConstraints }: CheckedSpec, kinds: readonly KindDefinition[]): KindDefinition[] {
  const found = new Set<KindDefinition>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of matchConstraints?.resourceRules ?? []) {
    if ([...apiGroups, ...apiVersions].some((one) => one.includes("*"))) continue;
    const named = kinds.filter(
      ({ group, version, plural }) =>
        apiGroups.includes(group) && apiVersions.includes(version) && resources.includes(plural),
    );
    for (const kind of named.sort(byPlace).slice(0, kindsMax)) found.add(kind);
  }
  return [...found].sort(byPlace);
}

function byPlace(a: KindDefinition, b: KindDefinition): number {
  return shown(a) < shown(b) ? -1 : 1;
}

/** As Go prints a kind. */
function shown({ group, version, kind }: KindDefinition): string {
  return `${group}/${version}, Kind=${kind}`;
}

function faultOf(
  { variables = [] }: CheckedSpec,
  source: string,
  kind: KindDefinition,
  params: KindDefinition | undefined,
): string | undefined {
  const compiler = new AdmissionCompiler({
    ...{ params: params !== undefined, object: typeOf(kind) },
    ...(params && { paramsType: typeOf(params) }),
  });
  for (const { name, expression } of variables) compiler.variable(name, expression);
  return compiler.compile(source, "any").fault?.replace(/^compilation failed: /, "");
}

const metadata = metaSchemas[`${metaPrefix}ObjectMeta`] as Schema;
const types = new WeakMap<KindDefinition, CelType>();

function typeOf(kind: KindDefinition): CelType {
  let type = types.get(kind);
  if (type === undefined) {
    const text: Schema = { type: "string" };
    const properties = { ...kind.schema.properties, apiVersion: text, kind: text, metadata };
    const schema = typed({ ...kind.schema, type: "object", properties });
    type = declaredType(schema, false)?.type ?? { kind: "dyn", args: [] };
    types.set(kind, type);
  }
  return type;
}

const anything: Schema = { "x-kubernetes-int-or-string": true };

/** The schema with all of which it says no type, or whose members it does not name, as something of any type. */
function typed(schema: Schema): Schema {
  const { type, properties, items, additionalProperties: others } = schema;
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const isBare = type === "object" && properties === undefined && typeof others !== "object";
  if (schema["x-kubernetes-int-or-string"] || type === undefined || (open && isBare)) return anything;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, typed(inner)])),
    }),
    ...(items && { items: typed(items) }),
    ...(typeof others === "object" && { additionalProperties: typed(others) }),
  };
}
