/** Whether the defaults of a schema are values that it would take. Pure. */
import {
  type FieldError,
  partFaults,
  prune,
  type Schema,
  validateChange,
  validateEmbedded,
} from "@selvedge/apimachinery";
import { cloneJson, jsonEqual } from "@selvedge/base";
import { asSchema, invalid, ofProperty } from "./faults.ts";

export function defaultErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.default !== undefined) errors.push(...errorsOf(schema, schema.default, `${path}.default`));
  const items = asSchema(schema.items);
  if (items !== undefined) errors.push(...defaultErrors(items, `${path}.items`));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    errors.push(...defaultErrors(inner, ofProperty(path, name)));
  }
  return errors;
}

function errorsOf(schema: Schema, value: unknown, path: string): FieldError[] {
  const holder = { value: cloneJson(value) };
  prune({ type: "object", properties: { value: schema } }, holder);
  const errors = jsonEqual(holder.value, value) ? [] : [invalid(path, value, "must not have unknown fields")];
  const within = [...validateEmbedded(schema, cloneJson(value)), ...validateChange(schema, value, undefined)];
  if (within.length === 0) within.push(...partFaults(schema, value, undefined));
  const moved = within.map((error) => ({
    ...error,
    field: error.field === "" || error.field === "<nil>" ? path : `${path}.${error.field}`,
  }));
  return [...errors, ...moved];
}
