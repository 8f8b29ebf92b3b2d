import type { Column, KindDefinition } from "@selvedge/apimachinery";

/** A kind whose members are not described: any are kept. */
export function open(kind: Omit<KindDefinition, "schema" | "columns">): KindDefinition {
  const name: Column = {
    name: "Name",
    type: "string",
    format: "name",
    value: ({ metadata }) => metadata.name,
  };
  const age: Column = {
    name: "Age",
    type: "date",
    value: ({ metadata }) => metadata.creationTimestamp ?? null,
  };
  return {
    ...kind,
    schema: {
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
      properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    },
    columns: [name, age],
  };
}
