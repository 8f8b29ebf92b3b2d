/**
 * Whether a schema is structural: every value's type is said once, outside of allOf, anyOf, oneOf and not,
 * so that pruning, defaulting and merging know what they look at. Pure.
 */
import {
  compileExpression,
  ExpressionError,
  type FieldError,
  fieldErrorText,
  type Schema,
} from "@selvedge/apimachinery";
import { canonicalJson } from "@selvedge/base";
import { asSchema, forbidden, invalid, ofProperty, required } from "./faults.ts";

type Level = "root" | "item" | "field";

export function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors = [...invariants(schema, "root", path), ...completeness(schema, schema, path, path)];
  return errors.sort((a, b) => (fieldErrorText(a) < fieldErrorText(b) ? -1 : 1));
}

const missingType: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

function invariants(schema: Schema, level: Level, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { type, items, properties = {}, additionalProperties } = schema;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  const preserves = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  if (type === "array" && (items === undefined || items === null))
    errors.push(required(`${path}.items`, "must be specified"));
  const ofItems = asSchema(items);
  if (ofItems !== undefined) errors.push(...invariants(ofItems, "item", `${path}.items`));
  for (const [name, inner] of Object.entries(properties)) {
    errors.push(...invariants(inner, "field", ofProperty(path, name)));
  }
  if (additionalProperties !== undefined) {
    const at = `${path}.additionalProperties`;
    if (level === "root") errors.push(forbidden(at, "must not be used at the root"));
    const others = asSchema(additionalProperties);
    if (others !== undefined) errors.push(...invariants(others, "field", at));
    if (embedded) errors.push(forbidden(at, "must not be used if x-kubernetes-embedded-resource is set"));
  }
  if (intOrString && preserves) {
    const detail = "must be false if x-kubernetes-int-or-string is true";
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, detail));
  }
  if (intOrString && embedded) {
    const detail = "must be false if x-kubernetes-int-or-string is true";
    errors.push(invalid(`${path}.x-kubernetes-embedded-resource`, true, detail));
  }
  errors.push(...valueErrors(schema, path, isEither(schema.anyOf), isEither(schema.allOf?.[0]?.anyOf)));
  if (embedded && type !== "object") {
    const detail = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type ? invalid(`${path}.type`, type, detail) : required(`${path}.type`, detail));
  } else if (!type && !intOrString && !preserves) errors.push(required(`${path}.type`, missingType[level]));
  if (level === "root" && type && type !== "object")
    errors.push(invalid(`${path}.type`, type, "must be object at the root"));
  errors.push(...metaErrors(schema, level, path));
  if (embedded && !preserves && Object.keys(properties).length === 0) {
    const detail =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(required(`${path}.properties`, detail));
  }
  return errors;
}

/** What every object has may only be restricted so far that objects still can be. */
function metaErrors(schema: Schema, level: Level, path: string): FieldError[] {
  if (level !== "root" && schema["x-kubernetes-embedded-resource"] !== true) return [];
  const errors: FieldError[] = [];
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  if (kind !== undefined && kind.type !== "string")
    errors.push(invalid(`${ofProperty(path, "kind")}.type`, kind.type ?? "", "must be string"));
  if (apiVersion !== undefined && apiVersion.type !== "string")
    errors.push(invalid(`${ofProperty(path, "apiVersion")}.type`, apiVersion.type ?? "", "must be string"));
  if (metadata === undefined) return errors;
  const at = ofProperty(path, "metadata");
  if (metadata.type !== "object") errors.push(invalid(`${at}.type`, metadata.type ?? "", "must be object"));
  if (level !== "root") return errors;
  const { type: _type, default: _default, properties = {}, ...others } = metadata;
  const named = Object.keys(properties).every((name) => name === "name" || name === "generateName");
  if (!named || Object.keys(others).length > 0) {
    const detail =
      "must not specify anything other than name and generateName, but metadata is implicitly specified";
    errors.push(forbidden(at, detail));
  }
  return errors;
}

/** The one way to say int-or-string's types that is allowed: both, as alternatives. */
function isEither(branches: readonly Schema[] | undefined): boolean {
  return canonicalJson(branches ?? []) === '[{"type":"integer"},{"type":"string"}]';
}

/** What only checks values, and may be below allOf, anyOf, oneOf and not. */
function valueErrors(
  schema: Schema,
  path: string,
  skipAnyOf: boolean,
  skipFirstAllOf: boolean,
): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  const errors: FieldError[] = [];
  if (!skipAnyOf) {
    for (const [index, branch] of anyOf.entries()) errors.push(...nested(branch, `${path}.anyOf[${index}]`));
  }
  for (const [index, branch] of allOf.entries()) {
    errors.push(...nested(branch, `${path}.allOf[${index}]`, skipFirstAllOf && index === 0));
  }
  for (const [index, branch] of oneOf.entries()) errors.push(...nested(branch, `${path}.oneOf[${index}]`));
  if (not !== undefined) errors.push(...nested(not, `${path}.not`));
  if (pattern) {
    try {
      compileExpression(pattern);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const detail = `must be a valid regular expression, but isn't: ${error.message}`;
      errors.push(invalid(`${path}.pattern`, pattern, detail));
    }
  }
  return errors;
}

/** What may not be said there, and what it must be instead. */
const onlyOutside: readonly (readonly [keyof Schema, string])[] = [
  ["type", "empty"],
  ["additionalProperties", "undefined"],
  ["default", "undefined"],
  ["title", "empty"],
  ["description", "empty"],
  ["nullable", "false"],
  ["x-kubernetes-preserve-unknown-fields", "false"],
  ["x-kubernetes-embedded-resource", "false"],
  ["x-kubernetes-int-or-string", "false"],
  ["x-kubernetes-list-map-keys", "empty"],
  ["x-kubernetes-list-type", "undefined"],
  ["x-kubernetes-map-type", "undefined"],
  ["x-kubernetes-validations", "empty"],
];

function nested(schema: Schema, path: string, skipAnyOf = false): FieldError[] {
  const errors = valueErrors(schema, path, skipAnyOf, false);
  const items = asSchema(schema.items);
  if (items !== undefined) errors.push(...nested(items, `${path}.items`));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    errors.push(...nested(inner, ofProperty(path, name)));
  }
  for (const [key, what] of onlyOutside) {
    const value = schema[key];
    const isAbsent = value === undefined || value === "" || value === false;
    if (!isAbsent && !(Array.isArray(value) && value.length === 0))
      errors.push(forbidden(`${path}.${key}`, `must be ${what} to be structural`));
  }
  if (schema.properties?.["metadata"] !== undefined)
    errors.push(forbidden(ofProperty(path, "metadata"), "must not be specified in a nested context"));
  return errors;
}

/** Everything that is checked below a junctor must be specified outside of it. */
function completeness(checks: Schema, schema: Schema | undefined, at: string, from: string): FieldError[] {
  const errors: FieldError[] = [];
  const branch = (inner: Schema, path: string): void => {
    errors.push(...nestedCompleteness(inner, schema, at, path));
  };
  const { not, allOf = [], anyOf = [], oneOf = [] } = checks;
  if (not !== undefined) branch(not, `${from}.not`);
  for (const [index, inner] of allOf.entries()) branch(inner, `${from}.allOf[${index}]`);
  for (const [index, inner] of anyOf.entries()) branch(inner, `${from}.anyOf[${index}]`);
  for (const [index, inner] of oneOf.entries()) branch(inner, `${from}.oneOf[${index}]`);
  return errors;
}

function nestedCompleteness(
  checks: Schema,
  schema: Schema | undefined,
  at: string,
  from: string,
): FieldError[] {
  if (schema === undefined) return [required(at, `because it is defined in ${from}`)];
  const errors = completeness(checks, schema, at, from);
  const items = asSchema(checks.items);
  if (items !== undefined)
    errors.push(...nestedCompleteness(items, asSchema(schema.items), `${at}.items`, `${from}.items`));
  for (const [name, inner] of Object.entries(checks.properties ?? {})) {
    const [target, source] = [ofProperty(at, name), ofProperty(from, name)];
    errors.push(...nestedCompleteness(inner, schema.properties?.[name], target, source));
  }
  return errors;
}
