/** Whether the defaults of a schema are values that it would take. Pure. */
import {
  type FieldError,
  fieldErrorText,
  partFaults,
  prune,
  type Schema,
  validateChange,
  validateEmbedded,
} from "@selvedge/apimachinery";
import { cloneJson } from "@selvedge/base";
import { asSchema, invalid, ofProperty } from "./faults.ts";

/** `isMetadata`: of an embedded object, whose members everybody knows. */
export function defaultErrors(schema: Schema, path: string, isMetadata = false): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.default !== undefined) {
    const find = isMetadata ? metadataErrors : errorsOf;
    errors.push(...find(schema, schema.default, `${path}.default`));
  }
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const items = asSchema(schema.items);
  if (items !== undefined) errors.push(...defaultErrors(items, `${path}.items`));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    errors.push(...defaultErrors(inner, ofProperty(path, name), isEmbedded && name === "metadata"));
  }
  return errors;
}

/** What objects have no such member for is left out where it is filled in. */
function metadataErrors(schema: Schema, value: unknown, path: string): FieldError[] {
  const holder = { apiVersion: "v1", kind: "Any", metadata: cloneJson(value) };
  const wrong = validateEmbedded({ type: "object", "x-kubernetes-embedded-resource": true }, holder);
  return [
    ...wrong.map((error) => invalid(path, value, `must result in valid metadata: ${fieldErrorText(error)}`)),
    ...validateChange(schema, value, undefined).map((error) => moved(error, path)),
  ];
}

function errorsOf(schema: Schema, value: unknown, path: string): FieldError[] {
  const holder = { value: cloneJson(value) };
  const unknown = prune({ type: "object", properties: { value: schema } }, holder);
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const isFault = unknown.some((at) => !(isEmbedded && at.startsWith("value.metadata.")));
  const errors = isFault ? [invalid(path, value, "must not have unknown fields")] : [];
  const within = [...validateEmbedded(schema, cloneJson(value)), ...validateChange(schema, value, undefined)];
  if (within.length === 0) within.push(...partFaults(schema, value, undefined));
  return [...errors, ...within.map((error) => moved(error, path))];
}

function moved(error: FieldError, path: string): FieldError {
  const { field } = error;
  return { ...error, field: field === "" || field === "<nil>" ? path : `${path}.${field}` };
}
