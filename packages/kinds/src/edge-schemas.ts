/** Short forms for the schemas of Selvedge's own kinds. */
import type { Schema } from "@selvedge/apimachinery";

export function textOf(description: string, more: Schema = {}): Schema {
  return { type: "string", description, ...more };
}

export function objectOf(
  description: string,
  properties: Record<string, Schema>,
  required: string[] = [],
): Schema {
  return { type: "object", description, properties, ...(required.length > 0 ? { required } : {}) };
}

export function timeOf(description: string): Schema {
  return { type: "string", format: "date-time", description };
}

export const labelsSchema: Schema = { type: "object", additionalProperties: { type: "string" } };

/** metav1.Condition, kept by type. */
export const conditionsSchema: Schema = {
  type: "array",
  description: "What is true or not about it, since when and why.",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["type"],
  items: objectOf(
    "One thing that is true or not.",
    {
      type: textOf("What.", { maxLength: 316 }),
      status: textOf("True, False or Unknown.", { enum: ["True", "False", "Unknown"] }),
      observedGeneration: {
        type: "integer",
        format: "int64",
        description: "Generation this is about.",
        minimum: 0,
      },
      lastTransitionTime: timeOf("Since when."),
      reason: textOf("Why, as one word.", { maxLength: 1024 }),
      message: textOf("Why, for people.", { maxLength: 32768 }),
    },
    ["type", "status"],
  ),
};
