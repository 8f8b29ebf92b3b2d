/** Whole objects within an object: what every object must have, they must have too. */
import type { FieldError, KindDefinition } from "../kind-definition.ts";
import { dns1035LabelFaults } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { pruneObjectMeta, validateObjectMeta } from "../object-meta.ts";
import type { Schema } from "../schema.ts";
import { depthMax, isObject, type JsonObject, memberSchema } from "./walk.ts";

/** What is wrong with embedded objects; what their metadata has that none has is removed, in place. */
export function validateEmbedded(schema: Schema, value: unknown, path = "", depth = 0): FieldError[] {
  if (depth > depthMax || !mayEmbed(schema)) return [];
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return [];
    return value.flatMap((item, index) => validateEmbedded(items, item, `${path}[${index}]`, depth + 1));
  }
  if (!isObject(value)) return [];
  const errors = schema["x-kubernetes-embedded-resource"] === true ? resourceErrors(value, path) : [];
  for (const [key, member] of Object.entries(value)) {
    const inner = memberSchema(schema, key);
    if (inner === undefined) continue;
    const at = Object.hasOwn(schema.properties ?? {}, key) ? join(path, key) : `${path}[${key}]`;
    errors.push(...validateEmbedded(inner, member, at, depth + 1));
  }
  return errors;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

const known = new WeakMap<Schema, boolean>();

/** Found once a schema: most embed nothing. */
function mayEmbed(schema: Schema): boolean {
  const found = known.get(schema);
  if (found !== undefined) return found;
  known.set(schema, true);
  const { properties = {}, items, additionalProperties: others } = schema;
  const inner = [...Object.values(properties), ...(items ? [items] : [])];
  if (typeof others === "object") inner.push(others);
  const may = schema["x-kubernetes-embedded-resource"] === true || inner.some(mayEmbed);
  known.set(schema, may);
  return may;
}

/** Their names may be anything that can be in a path. */
const nameless = {
  nameFaults: (name: string) => (/[/%]|^\.{1,2}$/.test(name) ? ["may not contain '/' or '%'"] : []),
} as unknown as KindDefinition;

function resourceErrors(object: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["apiVersion", "kind"] as const) {
    const value = object[field];
    const at = join(path, field);
    const fail = (detail: string): unknown =>
      errors.push({ type: "FieldValueInvalid", field: at, value, detail });
    if (value === undefined) errors.push({ type: "FieldValueRequired", field: at, detail: "" });
    else if (typeof value !== "string") fail("must be a string");
    else if (value === "") fail("must not be empty");
    else if (field === "apiVersion" && value.split("/").length > 2)
      fail(`unexpected GroupVersion string: ${value}`);
    else if (field === "kind") {
      const faults = dns1035LabelFaults(value.toLowerCase());
      if (faults.length > 0) fail(`may have mixed case, but should otherwise match: ${faults.join(",")}`);
    }
  }
  const { metadata } = object;
  if (metadata === undefined) return errors;
  const prefixed = (found: readonly FieldError[]): FieldError[] =>
    found.map((error) => ({ ...error, field: join(path, error.field) }));
  if (!isObject(metadata)) {
    const field = join(path, "metadata");
    return [...errors, { type: "FieldValueInvalid", field, value: metadata, detail: "must be an object" }];
  }
  const shape = pruneObjectMeta(object as unknown as KubeObject).errors;
  if (shape.length > 0) return [...errors, ...prefixed(shape)];
  const named = { ...object, metadata: { ...metadata, name: metadata["name"] || "fakename" } };
  return [...errors, ...prefixed(validateObjectMeta(nameless, named as unknown as KubeObject, undefined))];
}
