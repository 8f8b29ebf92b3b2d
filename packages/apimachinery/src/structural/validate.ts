/** Checks values against a structural schema, with upstream's paths and words. */
import { canonicalJson, isInteger, jsonEqual } from "@selvedge/base";
import type { FieldError } from "../kind-definition.ts";
import type { Schema } from "../schema.ts";
import { CorrelatedItems } from "./correlate.ts";
import { formatFaults, formatTest, matchesExpression } from "./formats.ts";
import {
  depthMax,
  isObject,
  isSettled,
  type JsonObject,
  memberPath,
  memberSchema,
  settledAt,
} from "./walk.ts";

/** As many as a person reads; the rest comes after these are mended. */
const errorsMax = 100;

/** All that is wrong, but not within members that are `settled`'s own: they were checked before. */
export function validateSchema(schema: Schema, value: unknown, settled?: JsonObject): FieldError[] {
  const check = new Check(false);
  check.value(schema, value, "", 0, settled);
  return check.errors;
}

/**
 * All that is wrong and was not so before: what a value shares with the old one at the same place is let
 * be, however wrong a newer schema calls it. Of a list the place is told by its items' keys.
 */
export function validateChange(schema: Schema, value: unknown, old: unknown): FieldError[] {
  const check = new Check(true);
  check.value(schema, value, "", 0, old);
  return check.errors;
}

/** Whether all values are of the types that the schema says: no more than that, but sooner known. */
export function fitsTypes(schema: Schema, value: unknown, settled?: unknown, depth = 0): boolean {
  if (value === undefined || depth > depthMax || (value === null && schema.nullable === true)) return true;
  if (typeFault(schema, value) !== undefined || isUnreadable(schema, value)) return false;
  if (schema.allOf?.some((branch) => !fitsTypes(branch, value, settled, depth + 1))) return false;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return true;
    return value.every(
      (item, index) =>
        isSettled(settled, index, item) || fitsTypes(items, item, settledAt(settled, index), depth + 1),
    );
  }
  if (!isObject(value)) return true;
  for (const key of Object.keys(value)) {
    if (isSettled(settled, key, value[key])) continue;
    const inner = memberSchema(schema, key);
    if (inner !== undefined && !fitsTypes(inner, value[key], settledAt(settled, key), depth + 1))
      return false;
  }
  return true;
}

const pointInTime = /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What has the right type and still is none of the values that upstream's type for it can be. */
function isUnreadable({ format }: Schema, value: unknown): boolean {
  if (format === "date-time") return typeof value === "string" && !pointInTime.test(value);
  return format === "int-or-string" && typeof value === "number" && (value | 0) !== value;
}

class Check {
  readonly errors: FieldError[] = [];
  /** What equals the old value is not looked at; else only its very members are not. */
  readonly #ratchets: boolean;

  constructor(ratchets: boolean) {
    this.#ratchets = ratchets;
  }

  value(schema: Schema, value: unknown, path: string, depth: number, old: unknown): void {
    const { errors } = this;
    if (errors.length >= errorsMax || value === undefined) return;
    if (depth > depthMax) {
      errors.push(invalid(path, undefined, `is nested more than ${depthMax} deep`));
      return;
    }
    if (value === null && schema.nullable === true) return;
    if (this.#ratchets && old !== undefined && jsonEqual(value, old)) return;
    const fault = typeFault(schema, value);
    if (fault !== undefined) {
      const type = "FieldValueTypeInvalid";
      errors.push({ type, field: path, value: describeType(value), detail: inBody(path, fault) });
      return;
    }
    checkEnum(schema, value, path, errors);
    if (typeof value === "string") checkString(schema, value, path, errors);
    if (typeof value === "number" || typeof value === "bigint") checkNumber(schema, value, path, errors);
    if (Array.isArray(value)) this.#list(schema, value, path, depth, old);
    else if (isObject(value)) this.#object(schema, value, path, depth, old);
    this.#combinations(schema, value, path, depth);
  }

  #list(schema: Schema, list: unknown[], path: string, depth: number, old: unknown): void {
    const { errors } = this;
    const { minItems, maxItems, items, uniqueItems } = schema;
    if (maxItems !== undefined && list.length > maxItems) {
      const detail = `must have at most ${maxItems} ${maxItems === 1 ? "item" : "items"}`;
      errors.push({ type: "FieldValueTooMany", field: path, value: list.length, detail });
    }
    if (minItems !== undefined && list.length < minItems) {
      errors.push(invalid(path, list.length, `${path} in body should have at least ${minItems} items`));
    }
    if (items !== undefined) {
      const olds = this.#ratchets ? new CorrelatedItems(schema, old) : undefined;
      for (const [index, item] of list.entries()) {
        if (!this.#ratchets && isSettled(old, index, item)) continue;
        const was = olds === undefined ? settledAt(old, index) : olds.of(item);
        this.value(items, item, `${path}[${index}]`, depth + 1, was);
      }
    }
    const kind = schema["x-kubernetes-list-type"];
    if (uniqueItems !== true && kind !== "set" && kind !== "map") return;
    // A list that held something twice already may go on to.
    const before: FieldError[] = [];
    if (this.#ratchets && Array.isArray(old)) checkUnique(schema, old, path, before);
    if (before.length === 0) checkUnique(schema, list, path, errors);
  }

  #object(schema: Schema, object: JsonObject, path: string, depth: number, old: unknown): void {
    const { errors } = this;
    for (const key of schema.required ?? []) {
      if (object[key] === undefined) {
        errors.push({ type: "FieldValueRequired", field: this.#memberPath(path, key), detail: "" });
      }
    }
    const count = Object.keys(object).length;
    const { minProperties, maxProperties } = schema;
    if (maxProperties !== undefined && count > maxProperties) {
      const detail = `must have at most ${maxProperties} ${maxProperties === 1 ? "item" : "items"}`;
      errors.push({ type: "FieldValueTooMany", field: path, value: count, detail });
    }
    if (minProperties !== undefined && count < minProperties) {
      errors.push(invalid(path, count, `${path} in body should have at least ${minProperties} properties`));
    }
    const before = isObject(old) ? old : undefined;
    for (const key of Object.keys(object)) {
      const value = object[key];
      if (!this.#ratchets && isSettled(before, key, value)) continue;
      const inner = memberSchema(schema, key);
      if (inner === undefined) continue;
      this.value(inner, value, this.#memberPath(path, key), depth + 1, settledAt(before, key));
    }
  }

  /** Custom kinds' paths are written without brackets, whatever the key. */
  #memberPath(path: string, key: string): string {
    if (!this.#ratchets) return memberPath(path, key);
    return path === "" ? key : `${path}.${key}`;
  }

  #combinations(schema: Schema, value: unknown, path: string, depth: number): void {
    const { allOf, anyOf, oneOf, not } = schema;
    if (!allOf && !anyOf && !oneOf && !not) return;
    const { errors } = this;
    // Upstream knows no path of a custom object here but in its words.
    const fail = (what: string): unknown =>
      this.#ratchets
        ? errors.push(invalid("<nil>", "", `${JSON.stringify(path)} must ${what}`))
        : errors.push(invalid(path, undefined, `must ${what}`));
    if (allOf !== undefined) {
      const results = allOf.map((branch) => this.#branch(branch, value, path, depth));
      errors.push(...results.flat());
      const passed = results.filter((found) => found.length === 0).length;
      if (passed < allOf.length)
        fail(`validate all the schemas (allOf)${passed === 0 ? ". None validated" : ""}`);
    }
    if (anyOf !== undefined) {
      const results = anyOf.map((branch) => this.#branch(branch, value, path, depth));
      if (results.every((found) => found.length > 0)) {
        fail("validate at least one schema (anyOf)");
        errors.push(...nearest(results));
      }
    }
    if (oneOf !== undefined) {
      const results = oneOf.map((branch) => this.#branch(branch, value, path, depth));
      const passed = results.filter((found) => found.length === 0).length;
      if (passed !== 1) {
        const found = passed === 0 ? "Found none valid" : `Found ${passed} valid alternatives`;
        fail(`validate one and only one schema (oneOf). ${found}`);
        if (passed === 0) errors.push(...nearest(results));
      }
    }
    if (not !== undefined && this.#branch(not, value, path, depth).length === 0) {
      fail("not validate the schema (not)");
    }
  }

  #branch(schema: Schema, value: unknown, path: string, depth: number): FieldError[] {
    const check = new Check(this.#ratchets);
    check.value(schema, value, path, depth + 1, undefined);
    return check.errors;
  }
}

/** What is wrong by the alternative that the value misses least. */
function nearest(results: readonly FieldError[][]): FieldError[] {
  return results.reduce((best, one) => (one.length < best.length ? one : best), results[0] ?? []);
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
  if (isInteger(value)) return "integer";
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
  const shown = (allowed: unknown): string =>
    typeof allowed === "string" ? allowed : JSON.stringify(allowed);
  const list = schema.enum.map((allowed) => JSON.stringify(shown(allowed))).join(", ");
  errors.push({ type: "FieldValueNotSupported", field: path, value, detail: `supported values: ${list}` });
}

function checkString(schema: Schema, value: string, path: string, errors: FieldError[]): void {
  const { minLength, maxLength, pattern, format } = schema;
  if (maxLength !== undefined && value.length > maxLength && [...value].length > maxLength) {
    const detail = `may not be more than ${maxLength} bytes`;
    errors.push({ type: "FieldValueTooLong", field: path, value, detail });
  }
  if (minLength !== undefined && [...value].length < minLength) {
    errors.push(invalid(path, value, `${path} in body should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !matchesExpression(pattern, value)) {
    errors.push(invalid(path, value, `${path} in body should match '${pattern}'`));
  }
  const fits = format === undefined ? undefined : formatTest(format);
  if (format === undefined || fits === undefined || fits(value)) return;
  const own = formatFaults[format];
  if (own !== undefined) errors.push(invalid(path, value, own));
  else {
    const detail = inBody(path, `must be of type ${format}: ${JSON.stringify(value)}`);
    errors.push({ type: "FieldValueTypeInvalid", field: path, value, detail });
  }
}

function checkNumber(schema: Schema, value: number | bigint, path: string, errors: FieldError[]): void {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf, format } = schema;
  const fail = (what: string): unknown =>
    errors.push(invalid(path, value, `${path} in body should be ${what}`));
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    fail(`greater than${exclusiveMinimum ? "" : " or equal to"} ${minimum}`);
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    fail(`less than${exclusiveMaximum ? "" : " or equal to"} ${maximum}`);
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) fail(`a multiple of ${multipleOf}`);
  if (format === "int32" && (value < -(2 ** 31) || value >= 2 ** 31))
    errors.push(invalid(path, value, "must fit int32"));
}

function isMultiple(value: number | bigint, of: number): boolean {
  if (typeof value === "bigint" && Number.isInteger(of)) return of !== 0 && value % BigInt(of) === 0n;
  return Number.isInteger(Number(value) / of);
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
