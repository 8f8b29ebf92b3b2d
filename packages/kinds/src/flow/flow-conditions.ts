import type { Faults } from "../faults.ts";
import { byKeys, type Message, message, objects, text, time } from "../fields.ts";

/** One thing that is true or not of a level or a schema of requests. */
export interface FlowCondition {
  type: string;
  status?: "True" | "False" | "Unknown";
  lastTransitionTime?: string | null;
  reason?: string;
  message?: string;
}

const condition: Message = message("One thing that is true or not.", {
  type: text(1, "What."),
  status: text(2, "True, False or Unknown."),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

export const flowStatus: Message = message("How it is.", {
  conditions: objects(1, condition, "What is true or not about it.", byKeys("type")),
});

export function checkConditions(faults: Faults, conditions: readonly FlowCondition[] = []): void {
  const seen = new Set<string>();
  for (const [index, { type }] of conditions.entries()) {
    const at = `status.conditions[${index}].type`;
    if (seen.has(type)) faults.duplicate(at, type);
    seen.add(type);
    if (!type) faults.required(at);
  }
}
