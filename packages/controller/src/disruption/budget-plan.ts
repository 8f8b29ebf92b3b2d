import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import { type Instant, type Millis, minutes } from "@selvedge/base";
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from "@selvedge/kinds";
import { setCondition } from "../objects/conditions.ts";
import { isGoing, isOver, isReady } from "../objects/pods.ts";
import { amountOf } from "../workloads/int-or-percent.ts";

/** A Pod that was let go and is still here after so long stays: whoever asked has given up. */
export const evictionLasts: Millis = minutes(2);

export interface BudgetInputs {
  readonly budget: PodDisruptionBudget;
  readonly pods: readonly Pod[];
  /** How many Pods their owners want; an error where that cannot be known. */
  readonly expected: number | { readonly fault: string };
  readonly now: Instant;
}

/** Whether a budget is about a Pod: an empty selector is about all, none about none. */
export function covers({ spec }: PodDisruptionBudget, { metadata }: Pod): boolean {
  const requirements = spec.selector === undefined ? undefined : (requirementsOf(spec.selector) ?? []);
  return requirements !== undefined && matchesLabels(requirements, metadata.labels);
}

/** How many Pods may go now. Pure. */
export function budgetStatus({ budget, pods, expected, now }: BudgetInputs): PodDisruptionBudgetStatus {
  const { spec, status: before, metadata } = budget;
  const known = new Map(pods.map((pod) => [pod.metadata.name, pod]));
  const kept = Object.entries(before?.disruptedPods ?? {}).filter(([name, at]) => {
    const pod = known.get(name);
    return pod !== undefined && !isGoing(pod) && Date.parse(at ?? "") + evictionLasts > now;
  });
  const leaving = new Set(kept.map(([name]) => name));
  const healthy = pods.filter(
    (pod) => !isGoing(pod) && !isOver(pod) && isReady(pod) && !leaving.has(pod.metadata.name),
  ).length;
  const count = typeof expected === "number" ? expected : pods.length;
  const desired =
    spec.maxUnavailable !== undefined
      ? Math.max(0, count - amountOf(spec.maxUnavailable, count, "up"))
      : amountOf(spec.minAvailable ?? 0, count, "up");
  const fault = typeof expected === "number" ? undefined : expected.fault;
  const allowed = fault === undefined && count > 0 ? Math.max(0, healthy - desired) : 0;
  const conditions = structuredClone(before?.conditions ?? []);
  const says =
    fault !== undefined
      ? ({ status: "False", reason: "SyncFailed", message: fault } as const)
      : allowed > 0
        ? ({ status: "True", reason: "SufficientPods", message: "" } as const)
        : ({ status: "False", reason: "InsufficientPods", message: "" } as const);
  setCondition(conditions, { type: "DisruptionAllowed", ...says }, now);
  const generation = metadata.generation ?? 0;
  for (const condition of conditions) condition.observedGeneration = generation;
  return {
    observedGeneration: generation,
    ...(kept.length > 0 && { disruptedPods: Object.fromEntries(kept) }),
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: count,
    conditions,
  };
}
