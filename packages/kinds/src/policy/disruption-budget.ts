import type {
  Condition,
  FieldError,
  KindDefinition,
  KubeObject,
  LabelSelector,
} from "@selvedge/apimachinery";
import { ageColumn, column, counts, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import {
  byKeys,
  int32,
  int64,
  intOrString,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  time,
  timeMap,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { labelSelector } from "../meta-fields.ts";
import { countRules } from "../status-rules.ts";
import { checkAtMostAll, checkShare } from "../workload-rules.ts";

export interface PodDisruptionBudget extends KubeObject {
  apiVersion: "policy/v1";
  kind: "PodDisruptionBudget";
  spec: {
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    selector?: LabelSelector;
    unhealthyPodEvictionPolicy?: "IfHealthyBudget" | "AlwaysAllow";
  };
  status?: PodDisruptionBudgetStatus;
}

export interface PodDisruptionBudgetStatus {
  observedGeneration?: number;
  disruptedPods?: Record<string, string | null>;
  disruptionsAllowed: number;
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  conditions?: Condition[];
}

const budgetSpec: Message = message("How many Pods may be taken away at a time.", {
  minAvailable: intOrString(1, "How many must stay: a number or a percentage.", pointer),
  selector: object(2, labelSelector, "Which Pods; an empty selector is all, none is none.", {
    ...{
      "x-kubernetes-patch-strategy": "replace",
    },
    ...pointer,
  }),
  maxUnavailable: intOrString(3, "How many may be missing: a number or a percentage.", pointer),
  unhealthyPodEvictionPolicy: text(
    4,
    "IfHealthyBudget, or AlwaysAllow: what does not serve may always go.",
    pointer,
  ),
});

const budgetCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What: DisruptionAllowed.", needed),
  status: text(2, "True, False or Unknown.", needed),
  observedGeneration: int64(3, "Generation this is about."),
  lastTransitionTime: time(4, "Since when."),
  reason: text(5, "Why, as one word."),
  message: text(6, "Why, for people."),
});

const budgetStatus: Message = message("How many may go now.", {
  observedGeneration: int64(1, "Generation this is about."),
  disruptedPods: timeMap(2, "Pods that are about to go, and since when."),
  disruptionsAllowed: int32(3, "How many may go now.", { ...needed, default: 0 }),
  currentHealthy: int32(4, "Pods that serve.", { ...needed, default: 0 }),
  desiredHealthy: int32(5, "Pods that must serve.", { ...needed, default: 0 }),
  expectedPods: int32(6, "Pods there should be.", { ...needed, default: 0 }),
  conditions: objects(7, budgetCondition, "What is true or not about it.", byKeys("type")),
});

const disruptionBudget: Message = kindMessage(
  "How many Pods may be taken away at a time, as by kubectl drain.",
  {
    spec: object(2, budgetSpec, "How many may be taken away."),
    status: object(3, budgetStatus, "How many may go now."),
  },
);

export const podDisruptionBudgetKind: KindDefinition = builtIn(disruptionBudget, {
  group: "policy",
  version: "v1",
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
  singular: "poddisruptionbudget",
  shortNames: ["pdb"],
  namespaced: true,
  subresources: { status: true },
  unconditionalUpdate: false,
  applyDefaults: (object) => {
    const budget = object as PodDisruptionBudget;
    budget.spec ??= {};
    budget.status ??= { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validate: (object, old) => validate(object as PodDisruptionBudget, old as PodDisruptionBudget | undefined),
  validateStatus: countRules({
    counts: ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"],
  }),
  columns: [
    nameColumn,
    column<PodDisruptionBudget>(
      "Min Available",
      "How many must stay.",
      ({ spec }) => `${spec.minAvailable ?? "N/A"}`,
    ),
    column<PodDisruptionBudget>(
      "Max Unavailable",
      "How many may be missing.",
      ({ spec }) => `${spec.maxUnavailable ?? "N/A"}`,
    ),
    counts<PodDisruptionBudget>(
      "Allowed Disruptions",
      "How many may go now.",
      ({ status }) => status?.disruptionsAllowed,
    ),
    ageColumn,
  ],
});

function validate({ spec }: PodDisruptionBudget, old: PodDisruptionBudget | undefined): FieldError[] {
  const faults = new Faults();
  if (spec === old?.spec) return faults.errors;
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    // Upstream shows its own form of it.
    const { minAvailable, selector = null, maxUnavailable, unhealthyPodEvictionPolicy = null } = spec;
    const shown = { MinAvailable: minAvailable, Selector: selector, MaxUnavailable: maxUnavailable };
    faults.invalid(
      "spec",
      { ...shown, UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy },
      "minAvailable and maxUnavailable cannot be both set",
    );
  }
  for (const field of ["minAvailable", "maxUnavailable"] as const) {
    checkShare(faults, `spec.${field}`, spec[field]);
    checkAtMostAll(faults, `spec.${field}`, spec[field]);
  }
  faults.selector("spec.selector", spec.selector);
  if (spec.unhealthyPodEvictionPolicy !== undefined) {
    faults.oneOf("spec.unhealthyPodEvictionPolicy", spec.unhealthyPodEvictionPolicy, [
      "AlwaysAllow",
      "IfHealthyBudget",
    ]);
  }
  return faults.errors;
}
