/** How far a patch envelope has come, from what its nodes say of it. Pure. */
import type { Condition } from "@selvedge/apimachinery";
import { cloneJson, type Instant } from "@selvedge/base";
import type { PatchEnvelope, PatchEnvelopeStatus } from "@selvedge/kinds";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";

/** What one node said last. */
export interface NodePatch {
  readonly node: string;
  /** Undefined: nothing of this version yet. */
  readonly state: "ready" | "coming" | "failed" | undefined;
  readonly errors: readonly string[];
}

export interface PatchInputs {
  readonly envelope: PatchEnvelope;
  readonly version: string;
  readonly faults: readonly string[];
  readonly nodes: readonly NodePatch[];
  readonly apps: number;
  readonly fetched: number;
  readonly now: Instant;
}

/** Nodes and faults named in a condition. */
const namedMax = 5;
const errorMax = 256;

export function patchStatus(inputs: PatchInputs): PatchEnvelopeStatus {
  const { envelope, version, nodes, apps, fetched, now } = inputs;
  const conditions: Condition[] = cloneJson(envelope.status?.conditions ?? []);
  setCondition(conditions, readyOf(inputs), now);
  return {
    ...(envelope.metadata.generation !== undefined && { observedGeneration: envelope.metadata.generation }),
    ...{ version, apps, fetched, nodes: nodes.length },
    ready: nodes.filter(({ state }) => state === "ready").length,
    conditions,
  };
}

function readyOf({ faults, nodes }: PatchInputs): ConditionSays {
  const type = "Ready";
  if (faults.length > 0) {
    const message = `${faults.slice(0, namedMax).join("; ")}; nodes keep what they have`;
    return { type, status: "False", reason: "NotSent", message };
  }
  const failing = nodes.filter(({ state }) => state === "failed");
  if (failing.length > 0) {
    const named = failing.slice(0, namedMax);
    const lines = named.map(({ node, errors }) => `${node}: ${errors.join("; ").slice(0, errorMax)}`);
    return { type, status: "False", reason: "NodesFailed", message: lines.join("\n") };
  }
  if (nodes.length === 0) {
    return { type, status: "False", reason: "NoApps", message: "no app on a node is selected" };
  }
  const waiting = nodes.filter(({ state }) => state !== "ready").map(({ node }) => node);
  if (waiting.length === 0) return { type, status: "True", reason: "Delivered" };
  const more = waiting.length > namedMax ? `, and ${waiting.length - namedMax} more` : "";
  const message = `waiting for ${waiting.slice(0, namedMax).join(", ")}${more}`;
  return { type, status: "False", reason: "Delivering", message };
}
