/** A Pod is evicted when its budget lets it go; who asks is told to come again. */
import { type AdmissionMember, StatusError } from "@selvedge/apiserver";
import { type Clock, toRfc3339 } from "@selvedge/base";
import { isReason, type Objects } from "@selvedge/client";
import { type Pod, type PodDisruptionBudget, podDisruptionBudgetKind, podKind } from "@selvedge/kinds";
import { covers } from "../disruption/budget-plan.ts";
import { isGoing, isOver, isReady } from "../objects/pods.ts";
import type { Policies } from "./policies.ts";

const attemptsMax = 20;

export function evictionAdmission(policies: Policies, objects: Objects, clock: Clock): AdmissionMember {
  return {
    name: "Eviction",
    handles: ({ kind, operation, subresource }) =>
      kind === podKind && operation === "DELETE" && subresource === "eviction",
    async validate({ old, dryRun }) {
      const pod = old as Pod;
      const { namespace = "", name } = pod.metadata;
      if (isOver(pod) || isGoing(pod) || (pod.status?.phase ?? "Pending") === "Pending") return;
      const budgets = policies.budgets.by("namespace", namespace).filter((one) => covers(one, pod));
      const [budget, ...others] = budgets;
      if (budget === undefined) return;
      if (others.length > 0) {
        const message =
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        throw new StatusError(500, "", message);
      }
      for (let attempt = 1; ; attempt++) {
        try {
          const stored = await objects.get<PodDisruptionBudget>(
            podDisruptionBudgetKind,
            budget.metadata.name,
            namespace,
          );
          // Another write came between: it is counted already.
          if (stored.status?.disruptedPods?.[name] !== undefined || mayGoUncounted(stored, pod)) return;
          take(stored, name, toRfc3339(clock.now()));
          if (!dryRun) await objects.updateStatus(podDisruptionBudgetKind, stored);
          return;
        } catch (error) {
          if (isReason(error, "NotFound")) return;
          if (!isReason(error, "Conflict") || attempt >= attemptsMax) throw error;
        }
      }
    },
  };
}

/** What does not serve takes nothing away, unless the others are too few already. */
function mayGoUncounted({ spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  if (isReady(pod)) return false;
  if (spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function take(budget: PodDisruptionBudget, pod: string, time: string): void {
  const { metadata, status } = budget;
  const { name, generation = 0 } = metadata;
  if (status === undefined || (status.observedGeneration ?? 0) < generation) {
    throw later(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  if (status.disruptionsAllowed <= 0) {
    const { desiredHealthy, currentHealthy } = status;
    throw later(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      0,
    );
  }
  status.disruptionsAllowed--;
  status.disruptedPods = { ...status.disruptedPods, [pod]: time };
}

function later(why: string, retryAfterSeconds: number): StatusError {
  const message = "Cannot evict pod as it would violate the pod's disruption budget.";
  const causes = [{ reason: "DisruptionBudget", message: why }];
  return new StatusError(429, "TooManyRequests", message, {
    causes,
    ...(retryAfterSeconds > 0 && { retryAfterSeconds }),
  });
}
