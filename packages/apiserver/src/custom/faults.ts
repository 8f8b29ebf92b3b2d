import type { FieldError, Schema } from "@selvedge/apimachinery";

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, value, detail };
}

export function required(field: string, detail = ""): FieldError {
  return { type: "FieldValueRequired", field, detail };
}

export function forbidden(field: string, detail: string): FieldError {
  return { type: "FieldValueForbidden", field, detail };
}

export function notSupported(field: string, value: unknown, allowed: readonly string[]): FieldError {
  const detail = `supported values: ${allowed.map((one) => JSON.stringify(one)).join(", ")}`;
  return { type: "FieldValueNotSupported", field, value, detail };
}

/** `properties[spec]`, as paths within a schema name a property. */
export function ofProperty(path: string, name: string): string {
  return `${path}.properties[${name}]`;
}

/** A CRD may say `items` as a list and `additionalProperties` as true: this is the schema among them. */
export function asSchema(value: unknown): Schema | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema) : undefined;
}
