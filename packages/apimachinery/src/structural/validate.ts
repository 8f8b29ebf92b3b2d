/** Checks values against a structural schema, with upstream's paths and words. */
import { canonicalJson } from "@selvedge/base";
import type { FieldError } from "../kind-definition.ts";
import { parseQuantity, quantityFault } from "../quantity.ts";
import type { Schema } from "../schema.ts";
import { depthMax, isObject, isSettled, type JsonObject, memberPath, memberSchema } from "./walk.ts";

/** As many as a person reads; the rest comes after these are mended. */
const errorsMax = 100;

/** All that is wrong, but not within members that are `settled`'s own: they were checked before. */
export function validateSchema(schema: Schema, value: unknown, settled?: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, "", errors, 0, settled);
  return errors;
}

/** Whether all values are of the types that the schema says: no more than that, but sooner known. */
export function fitsTypes(schema: Schema, value: unknown, settled?: JsonObject, depth = 0): boolean {
  if (value === undefined || depth > depthMax || (value === null && schema.nullable === true)) return true;
  if (typeFault(schema, value) !== undefined) return false;
  if (schema.allOf?.some((branch) => !fitsTypes(branch, value, settled, depth + 1))) return false;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined || value.every((item) => fitsTypes(items, item, undefined, depth + 1));
  }
  if (!isObject(value)) return true;
  for (const key of Object.keys(value)) {
    if (isSettled(settled, key, value[key])) continue;
    const inner = memberSchema(schema, key);
    if (inner !== undefined && !fitsTypes(inner, value[key], undefined, depth + 1)) return false;
  }
  return true;
}

function check(
  schema: Schema,
  value: unknown,
  path: string,
  errors: FieldError[],
  depth: number,
  settled?: JsonObject,
): void {
  if (errors.length >= errorsMax || value === undefined) return;
  if (depth > depthMax) {
    errors.push(invalid(path, undefined, `is nested more than ${depthMax} deep`));
    return;
  }
  if (value === null && schema.nullable === true) return;
  const fault = typeFault(schema, value);
  if (fault !== undefined) {
    errors.push({
      type: "FieldValueTypeInvalid",
      field: path,
      value: describeType(value),
      detail: inBody(path, fault),
    });
    return;
  }
  checkEnum(schema, value, path, errors);
  if (typeof value === "string") checkString(schema, value, path, errors);
  if (typeof value === "number") checkNumber(schema, value, path, errors);
  if (Array.isArray(value)) checkList(schema, value, path, errors, depth);
  else if (isObject(value)) checkObject(schema, value, path, errors, depth, settled);
  checkCombinations(schema, value, path, errors, depth);
}

function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, value, detail };
}

/** As upstream begins what it says of values that do not fit a schema. */
function inBody(path: string, fault: string): string {
  return path === "" ? fault : `${path} in body ${fault}`;
}

function describeType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function typeFault(schema: Schema, value: unknown): string | undefined {
  const actual = describeType(value);
  if (schema["x-kubernetes-int-or-string"]) {
    return actual === "integer" || actual === "string"
      ? undefined
      : `must be of type integer,string: ${JSON.stringify(actual)}`;
  }
  const { type } = schema;
  if (type === undefined || type === actual || (type === "number" && actual === "integer")) return undefined;
  return `must be of type ${type}: ${JSON.stringify(actual)}`;
}

function checkEnum(schema: Schema, value: unknown, path: string, errors: FieldError[]): void {
  if (schema.enum === undefined || schema.enum.includes(value)) return;
  const text = canonicalJson(value);
  if (schema.enum.some((allowed) => canonicalJson(allowed) === text)) return;
  const list = schema.enum.map((allowed) => JSON.stringify(allowed)).join(", ");
  errors.push({ type: "FieldValueNotSupported", field: path, value, detail: `supported values: ${list}` });
}

const patterns = new Map<string, RegExp>();

function compiled(pattern: string): RegExp {
  let expression = patterns.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(pattern, "u");
    // Patterns come from schemas, which are few; a user's own kinds bring theirs.
    if (patterns.size > 10_000) patterns.clear();
    patterns.set(pattern, expression);
  }
  return expression;
}

const formats: Readonly<
  Record<string, { readonly test: (text: string) => boolean; readonly fault: string }>
> = {
  "date-time": {
    test: (text) =>
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) &&
      !Number.isNaN(Date.parse(text)),
    fault: "must be of type date-time, as 2006-01-02T15:04:05Z",
  },
  date: {
    test: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
    fault: "must be a date",
  },
  uuid: {
    test: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
    fault: "must be a UUID",
  },
  byte: {
    test: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
    fault: "must be base64",
  },
  quantity: { test: (text) => parseQuantity(text) !== undefined, fault: quantityFault },
};

function checkString(schema: Schema, value: string, path: string, errors: FieldError[]): void {
  const { minLength, maxLength, pattern, format } = schema;
  if (maxLength !== undefined && value.length > maxLength && [...value].length > maxLength) {
    errors.push({
      type: "FieldValueTooLong",
      field: path,
      value,
      detail: `may not be longer than ${maxLength}`,
    });
  }
  if (minLength !== undefined && [...value].length < minLength) {
    errors.push(invalid(path, value, `${path} in body should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !compiled(pattern).test(value)) {
    errors.push(invalid(path, value, `${path} in body should match '${pattern}'`));
  }
  const known = format !== undefined && Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (known !== undefined && !known.test(value)) errors.push(invalid(path, value, known.fault));
}

function checkNumber(schema: Schema, value: number, path: string, errors: FieldError[]): void {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf, format } = schema;
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    errors.push(
      invalid(
        path,
        value,
        `${path} in body should be greater than${exclusiveMinimum ? "" : " or equal to"} ${minimum}`,
      ),
    );
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    errors.push(
      invalid(
        path,
        value,
        `${path} in body should be less than${exclusiveMaximum ? "" : " or equal to"} ${maximum}`,
      ),
    );
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    errors.push(invalid(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  }
  if (format === "int32" && (value < -(2 ** 31) || value >= 2 ** 31))
    errors.push(invalid(path, value, "must fit int32"));
}

function checkList(schema: Schema, list: unknown[], path: string, errors: FieldError[], depth: number): void {
  const { minItems, maxItems, items, uniqueItems } = schema;
  if (maxItems !== undefined && list.length > maxItems) {
    const detail = `must have at most ${maxItems} items`;
    errors.push({ type: "FieldValueTooMany", field: path, value: list.length, detail });
  }
  if (minItems !== undefined && list.length < minItems) {
    errors.push(invalid(path, list.length, `${path} in body should have at least ${minItems} items`));
  }
  if (items !== undefined) {
    for (const [index, item] of list.entries()) check(items, item, `${path}[${index}]`, errors, depth + 1);
  }
  const kind = schema["x-kubernetes-list-type"];
  if (uniqueItems === true || kind === "set" || kind === "map") checkUnique(schema, list, path, errors);
}

function checkUnique(schema: Schema, list: unknown[], path: string, errors: FieldError[]): void {
  const keys = schema["x-kubernetes-list-type"] === "map" ? schema["x-kubernetes-list-map-keys"] : undefined;
  const seen = new Set<string>();
  list.forEach((item, index) => {
    const identity =
      keys === undefined || !isObject(item)
        ? item
        : Object.fromEntries(keys.map((key) => [key, item[key] ?? schema.items?.properties?.[key]?.default]));
    const text = typeof identity === "string" ? JSON.stringify(identity) : canonicalJson(identity);
    if (seen.has(text)) {
      errors.push({ type: "FieldValueDuplicate", field: `${path}[${index}]`, value: identity, detail: "" });
    }
    seen.add(text);
  });
}

function checkObject(
  schema: Schema,
  object: Record<string, unknown>,
  path: string,
  errors: FieldError[],
  depth: number,
  settled?: JsonObject,
): void {
  for (const key of schema.required ?? []) {
    if (object[key] === undefined) {
      errors.push({ type: "FieldValueRequired", field: memberPath(path, key), detail: "" });
    }
  }
  const count = Object.keys(object).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    const detail = `must have at most ${schema.maxProperties} properties`;
    errors.push({ type: "FieldValueTooMany", field: path, value: count, detail });
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    errors.push(
      invalid(path, count, `${path} in body should have at least ${schema.minProperties} properties`),
    );
  }
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (isSettled(settled, key, value)) continue;
    const inner = memberSchema(schema, key);
    if (inner !== undefined) check(inner, value, memberPath(path, key), errors, depth + 1);
  }
}

function checkCombinations(
  schema: Schema,
  value: unknown,
  path: string,
  errors: FieldError[],
  depth: number,
): void {
  if (!schema.allOf && !schema.anyOf && !schema.oneOf && !schema.not) return;
  const passes = (branch: Schema): boolean => {
    const found: FieldError[] = [];
    check(branch, value, path, found, depth + 1);
    return found.length === 0;
  };
  for (const branch of schema.allOf ?? []) check(branch, value, path, errors, depth + 1);
  if (schema.anyOf !== undefined && !schema.anyOf.some(passes)) {
    errors.push(invalid(path, undefined, "must validate at least one schema (anyOf)"));
  }
  if (schema.oneOf !== undefined && schema.oneOf.filter(passes).length !== 1) {
    errors.push(invalid(path, undefined, "must validate one and only one schema (oneOf)"));
  }
  if (schema.not !== undefined && passes(schema.not)) {
    errors.push(invalid(path, undefined, "must not validate the schema (not)"));
  }
}
