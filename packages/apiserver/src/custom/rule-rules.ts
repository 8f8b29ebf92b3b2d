/** Whether the rules of a schema can be asked at all, and what they may cost. Pure. */
import {
  type CompiledRule,
  compileRules,
  type FieldError,
  leastBytes,
  type Schema,
} from "@selvedge/apimachinery";
import { asSchema, forbidden, invalid, ofProperty } from "./faults.ts";
import { parseFieldPath } from "./field-path.ts";

/** What one rule may cost by estimate, and all of a schema together; upstream's. */
const ruleMax = 10_000_000;
const schemaMax = 100_000_000;
/** How many of the most expensive rules are named. */
const namedMax = 4;
const requestMax = 3 * 1024 * 1024;

interface Place {
  readonly isRoot: boolean;
  /** How many values of the schema there can be in an object; undefined: as many as fit. */
  readonly count: number | undefined;
  /** Where it ends that a value can be told which it was before. */
  readonly uncorrelated: string | undefined;
}

/** All that is wrong with the rules below a schema that is else in order. */
export function compiledRuleErrors(schema: Schema, path: string, unchanged: boolean): FieldError[] {
  const check = new RuleCheck(unchanged);
  check.schema(schema, path, { isRoot: true, count: 1, uncorrelated: undefined });
  return [...check.errors, ...check.totalErrors(path)];
}

class RuleCheck {
  readonly errors: FieldError[] = [];
  readonly #unchanged: boolean;
  readonly #costs: { readonly path: string; readonly cost: number }[] = [];

  constructor(unchanged: boolean) {
    this.#unchanged = unchanged;
  }

  schema(schema: Schema, path: string, place: Place): void {
    const { properties = {}, maxItems, maxProperties } = schema;
    const [items, others] = [asSchema(schema.items), asSchema(schema.additionalProperties)];
    const times = (most: number | undefined): number | undefined =>
      place.count === undefined || most === undefined ? undefined : place.count * most;
    const below = { ...place, isRoot: false };
    if (others !== undefined)
      this.schema(others, `${path}.additionalProperties`, { ...below, count: times(maxProperties) });
    for (const [name, inner] of Object.entries(properties)) this.schema(inner, ofProperty(path, name), below);
    if (items !== undefined) {
      const known = schema["x-kubernetes-list-type"] === "map";
      const uncorrelated = place.uncorrelated ?? (known ? undefined : path);
      this.schema(items, `${path}.items`, { ...below, count: times(maxItems), uncorrelated });
    }
    const isRoot = place.isRoot || schema["x-kubernetes-embedded-resource"] === true;
    for (const [index, rule] of compileRules(schema, isRoot).entries()) {
      this.#rule(schema, rule, `${path}.x-kubernetes-validations[${index}]`, place);
    }
  }

  #rule(schema: Schema, compiled: CompiledRule, path: string, place: Place): void {
    const { rule, fault, messageFault, messageCost, usesOldSelf, message } = compiled;
    const count = place.count ?? Math.floor(requestMax / (leastBytes(schema) + 1));
    this.#cost("estimated rule cost", `${path}.rule`, compiled.cost * count);
    if (fault !== undefined) this.errors.push(invalid(`${path}.rule`, rule, fault));
    if (messageFault !== undefined)
      this.errors.push(invalid(`${path}.messageExpression`, rule, messageFault));
    else if (message !== undefined)
      this.#cost("estimated messageExpression cost", `${path}.messageExpression`, messageCost);
    if (usesOldSelf && place.uncorrelated !== undefined) {
      const where = `the uncorrelatable portion of the schema within ${place.uncorrelated}`;
      this.errors.push(invalid(`${path}.rule`, rule.rule, `oldSelf cannot be used on ${where}`));
    } else if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      const detail = "may not be set if oldSelf is not used in rule";
      this.errors.push(invalid(`${path}.optionalOldSelf`, rule.optionalOldSelf, detail));
    }
    const { fieldPath } = rule;
    if (fieldPath !== undefined && fieldPath !== "" && typeof parseFieldPath(fieldPath, schema) === "string")
      this.errors.push(invalid(`${path}.fieldPath`, fieldPath, "must be a valid path"));
  }

  #cost(what: string, path: string, cost: number): void {
    this.#costs.push({ path, cost });
    if (!this.#unchanged && cost > ruleMax) this.errors.push(forbidden(path, exceeds(what, cost, ruleMax)));
  }

  totalErrors(path: string): FieldError[] {
    const total = this.#costs.reduce((sum, { cost }) => sum + cost, 0);
    if (total <= schemaMax) return [];
    const most = this.#costs.toSorted((a, b) => b.cost - a.cost).slice(0, namedMax);
    const why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    const what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
    return [
      ...most.filter(({ cost }) => cost > schemaMax / 100).map((one) => forbidden(one.path, why)),
      forbidden(path, exceeds(what, total, schemaMax)),
    ];
  }
}

function exceeds(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const text =
    factor > 100 ? "more than 100x" : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  const hint =
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are " +
    "declared)";
  return `${what} exceeds budget by factor of ${text} ${hint}`;
}
