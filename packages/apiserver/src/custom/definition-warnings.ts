/** What a definition may say and should not: its author is told when it is written. */
import { formatTest, type KubeObject, type Schema } from "@selvedge/apimachinery";
import type { AdmissionMember } from "../admission.ts";
import { isLazy, jsonOf } from "../rest/lazy-object.ts";
import type { CustomResourceDefinition } from "./definition.ts";
import { definitionKind } from "./definition-kind.ts";
import { asSchema } from "./faults.ts";

export const definitionWarnings: AdmissionMember = {
  name: "CustomResourceDefinitionWarnings",
  handles: ({ operation, kind, subresource }) =>
    kind === definitionKind && subresource === undefined && operation !== "DELETE",
  validate: async ({ object, old, warn }) => {
    const warnings = new Set(warningsOf(object));
    if (warnings.size === 0) return;
    if (isLazy(old)) await new Promise(setImmediate);
    const before = new Set(warningsOf(old));
    for (const text of warnings) if (!before.has(text)) warn(text);
  },
};

function warningsOf(object: KubeObject | undefined): string[] {
  if (object === undefined) return [];
  // Member by member it would take three times as long.
  const { spec } = (isLazy(object) ? JSON.parse(jsonOf(object)) : object) as CustomResourceDefinition;
  return (spec.versions ?? []).flatMap(({ schema }) => schemaWarnings(schema?.openAPIV3Schema));
}

/** Formats of numbers, which bound them. */
const numeric: Readonly<Record<string, readonly string[]>> = {
  integer: ["int32", "int64"],
  number: ["float", "double"],
};

function schemaWarnings(schema: Schema | undefined): string[] {
  if (schema === undefined) return [];
  const { type, format, properties = {}, items, allOf = [], anyOf = [], oneOf = [], not } = schema;
  const warnings: string[] = [];
  const isText = type === undefined || type === "string";
  const known = isText ? formatTest(format ?? "") !== undefined : numeric[type]?.includes(format ?? "");
  if (format && !known) warnings.push(`unrecognized format ${JSON.stringify(format)}`);
  const item = asSchema(items);
  if (schema["x-kubernetes-list-type"] === "set" && (item?.type === "object" || item?.type === "array")) {
    const what = `x-kubernetes-list-type: set for items of type ${JSON.stringify(item.type)}`;
    warnings.push(`${what} is not supported by server-side apply or CEL validation rules`);
  }
  const inner = [...Object.values(properties), item, asSchema(schema.additionalProperties)];
  return [...warnings, ...[...inner, ...allOf, ...anyOf, ...oneOf, not].flatMap(schemaWarnings)];
}
