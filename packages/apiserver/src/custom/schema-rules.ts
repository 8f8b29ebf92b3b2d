/** What a custom kind's schema may say, with upstream's paths and words. Pure. */
import type { FieldError, Schema, ValidationRule } from "@selvedge/apimachinery";
import { defaultErrors } from "./default-rules.ts";
import { asSchema, forbidden, invalid, notSupported, ofProperty, required } from "./faults.ts";
import { compiledRuleErrors } from "./rule-rules.ts";
import { structuralErrors } from "./structural-rules.ts";

export interface SchemaTerms {
  readonly hasStatus: boolean;
  /** It is stored so already: what it may cost is not asked again. */
  readonly unchanged: boolean;
}

/** All that is wrong with the schema of a version. */
export function schemaErrors(schema: Schema, path: string, terms: SchemaTerms): FieldError[] {
  const at = `${path}.openAPIV3Schema`;
  const errors: FieldError[] = terms.hasStatus ? rootErrors(schema, at) : [];
  if (schema.nullable === true)
    errors.push(forbidden(`${at}.nullable`, "nullable cannot be true at the root"));
  const structural = structuralErrors(schema, at);
  errors.push(...(structural.length > 0 ? structural : defaultErrors(schema, at)));
  errors.push(...nodeErrors(schema, at, { isRoot: true, inMeta: false, noDefaults: undefined }));
  // What a schema in disorder makes of its rules would not help anybody.
  return errors.length > 0 ? errors : compiledRuleErrors(schema, at, terms.unchanged);
}

const types = ["array", "boolean", "integer", "number", "object", "string"];
/** With a status apart, what is said at the root must hold of either part alone. */
const rootNames = [
  ...["Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum"],
  ...["MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required"],
  ...["Items", "Properties", "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations"],
];
const rootKeys = new Set([
  ...rootNames.map((name) => `${name[0]?.toLowerCase()}${name.slice(1)}`),
  ...["x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"],
]);

function rootErrors(schema: Schema, path: string): FieldError[] {
  if (schema.type !== undefined && schema.type !== "object") {
    const detail =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    return [invalid(`${path}.type`, schema.type, detail)];
  }
  if (Object.keys(schema).every((key) => rootKeys.has(key))) return [];
  const which = `only [${rootNames.join(" ")}] fields are allowed`;
  return [invalid(path, schema, `${which} at the root of the schema if the status subresource is enabled`)];
}

interface Place {
  readonly isRoot: boolean;
  /** In what every object has: apiVersion, kind, metadata. */
  readonly inMeta: boolean;
  /** Why there may be no defaults. */
  readonly noDefaults: string | undefined;
}

const metaFields = new Set(["metadata", "kind", "apiVersion"]);

function nodeErrors(schema: Schema, path: string, place: Place): FieldError[] {
  const errors = keywordErrors(schema, path, place);
  const within = (inner: Schema | undefined, at: string, more: Partial<Place> = {}): void => {
    if (inner !== undefined) errors.push(...nodeErrors(inner, at, { ...place, isRoot: false, ...more }));
  };
  const { properties = {}, additionalProperties, items, not, allOf = [], anyOf = [], oneOf = [] } = schema;
  if (additionalProperties !== undefined) {
    const at = `${path}.additionalProperties`;
    if (Object.keys(properties).length > 0 && additionalProperties !== true)
      errors.push(forbidden(at, "additionalProperties and properties are mutual exclusive"));
    const why = "inside additionalProperties applying to object metadata";
    within(asSchema(additionalProperties), at, place.inMeta ? { noDefaults: why } : {});
  }
  for (const [name, inner] of Object.entries(properties)) {
    const meta = (place.isRoot || schema["x-kubernetes-embedded-resource"] === true) && metaFields.has(name);
    const more = meta ? { inMeta: true, ...(place.isRoot && { noDefaults: `in top-level ${name}` }) } : {};
    within(inner, ofProperty(path, name), more);
  }
  within(not, `${path}.not`);
  for (const [index, inner] of allOf.entries()) within(inner, `${path}.allOf[${index}]`);
  for (const [index, inner] of oneOf.entries()) within(inner, `${path}.oneOf[${index}]`);
  for (const [index, inner] of anyOf.entries()) within(inner, `${path}.anyOf[${index}]`);
  within(asSchema(items), `${path}.items`);
  errors.push(...listErrors(schema, path), ...mapErrors(schema, path));
  for (const [index, rule] of (schema["x-kubernetes-validations"] ?? []).entries()) {
    errors.push(...ruleErrors(rule, `${path}.x-kubernetes-validations[${index}]`));
  }
  return errors;
}

const unsupported = ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];

function keywordErrors(schema: Schema, path: string, { inMeta, noDefaults }: Place): FieldError[] {
  const errors: FieldError[] = [];
  const type = schema.type as string | undefined;
  if (type && !types.includes(type)) errors.push(notSupported(`${path}.type`, type, types));
  if (schema.default !== undefined && noDefaults !== undefined)
    errors.push(forbidden(`${path}.default`, `must not be set ${noDefaults}`));
  for (const key of unsupported) {
    const value = (schema as Record<string, unknown>)[key];
    if (value !== undefined && value !== "")
      errors.push(forbidden(`${path}.${key}`, `${key} is not supported`));
  }
  if (type === "null")
    errors.push(forbidden(`${path}.type`, "type cannot be set to null, use nullable as an alternative"));
  if (Array.isArray(schema.items) && schema.items.length > 0)
    errors.push(forbidden(`${path}.items`, "items must be a schema object and not an array"));
  if (inMeta && schema["x-kubernetes-embedded-resource"] === true) {
    const at = `${path}.x-kubernetes-embedded-resource`;
    errors.push(forbidden(at, "must not be used inside of resource meta"));
  }
  if (schema.uniqueItems === true) {
    const detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    errors.push(forbidden(`${path}.uniqueItems`, detail));
  }
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"));
  }
  return errors;
}

function mapErrors(schema: Schema, path: string): FieldError[] {
  const kind = schema["x-kubernetes-map-type"] as string | undefined;
  if (kind === undefined) return [];
  const errors: FieldError[] = [];
  if (schema.type !== "object") {
    const detail = "must be object if x-kubernetes-map-type is specified";
    errors.push(
      schema.type ? invalid(`${path}.type`, schema.type, detail) : required(`${path}.type`, detail),
    );
  }
  if (kind !== "atomic" && kind !== "granular")
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, kind, ["atomic", "granular"]));
  return errors;
}

function listErrors(schema: Schema, path: string): FieldError[] {
  const kind = schema["x-kubernetes-list-type"] as string | undefined;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const items = asSchema(schema.items);
  const errors: FieldError[] = [];
  const at = `${path}.x-kubernetes-list-type`;
  if (kind !== undefined && schema.type !== "array") {
    const detail = "must be array if x-kubernetes-list-type is specified";
    errors.push(
      schema.type ? invalid(`${path}.type`, schema.type, detail) : required(`${path}.type`, detail),
    );
  } else if (kind === "set" && items !== undefined) errors.push(...setItemErrors(items, `${path}.items`));
  if (kind !== undefined && !["atomic", "set", "map"].includes(kind))
    errors.push(notSupported(at, kind, ["atomic", "set", "map"]));
  if (keys.length > 0 && kind !== "map") {
    const detail = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(kind === undefined ? required(at, detail) : invalid(at, kind, detail));
  }
  if (kind === "map") errors.push(...keyErrors(schema, items, keys, path));
  if ((kind === "set" || kind === "map") && items?.nullable === true)
    errors.push(
      forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${kind}`),
    );
  return errors;
}

/** An item of a set is told apart by all of it: it must be a whole. */
function setItemErrors(items: Schema, path: string): FieldError[] {
  const detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
  const [list, map] = [items["x-kubernetes-list-type"], items["x-kubernetes-map-type"]];
  if (items.type === "array" && list !== undefined && list !== "atomic")
    return [invalid(`${path}.x-kubernetes-list-type`, list, detail)];
  if (items.type === "object" && map !== "atomic")
    return [invalid(`${path}.x-kubernetes-map-type`, map ?? null, detail)];
  return [];
}

function keyErrors(
  schema: Schema,
  items: Schema | undefined,
  keys: readonly string[],
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) errors.push(required(at, "must not be empty if x-kubernetes-list-type is map"));
  if (schema.items === undefined)
    errors.push(required(`${path}.items`, "must have a schema if x-kubernetes-list-type is map"));
  if (items === undefined) return errors;
  if (items.type !== "object") {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalid(`${path}.items.type`, items.type ?? "", detail)];
  }
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    const where = ofProperty(`${path}.items`, key);
    if (property === undefined)
      errors.push(invalid(at, keys, "entries must all be names of item properties"));
    else if (property.type === "array" || property.type === "object") {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(`${where}.type`, items.type, detail));
    }
    if (keys.indexOf(key) < index) errors.push(invalid(at, keys, "must not contain duplicate entries"));
    if (property === undefined) continue;
    if (!items.required?.includes(key) && property.default === undefined) {
      const detail =
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
      errors.push(required(`${where}.default`, detail));
    }
    if (property.nullable === true) {
      const detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
      errors.push(forbidden(`${where}.nullable`, detail));
    }
  }
  return errors;
}

const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
const lineBreak = /[\n\r]/;

/** What can be seen of a rule without reading its expression. */
function ruleErrors(rule: ValidationRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message = "", messageExpression = "", reason, fieldPath = "" } = rule;
  const [text, words] = [(rule.rule ?? "").trim(), message.trim()];
  if (text === "") errors.push(required(`${path}.rule`, "rule is not specified"));
  else if (message !== "" && words === "")
    errors.push(invalid(`${path}.message`, message, "must be non-empty if specified"));
  else if (lineBreak.test(words))
    errors.push(invalid(`${path}.message`, message, "must not contain line breaks"));
  else if (lineBreak.test(text) && words === "")
    errors.push(required(`${path}.message`, "message must be specified if rule contains line breaks"));
  if (messageExpression !== "" && messageExpression.trim() === "")
    errors.push(required(`${path}.messageExpression`, "messageExpression must be non-empty if specified"));
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(notSupported(`${path}.reason`, reason, reasons));
  if (fieldPath !== "" && fieldPath.trim() === "")
    errors.push(invalid(`${path}.fieldPath`, fieldPath, "must be non-empty if specified"));
  if (lineBreak.test(fieldPath))
    errors.push(invalid(`${path}.fieldPath`, fieldPath, "must not contain line breaks"));
  return errors;
}
