import { type Instant, type Millis, millis, minutes, seconds } from "@selvedge/base";
import type { Job, Pod, PodFailureRule } from "@selvedge/kinds";
import { endOf } from "../failed-pods.ts";

export const indexFailuresAnnotation = "batch.kubernetes.io/job-index-failure-count";

const first = seconds(10);
const longest = minutes(10);

/** What a Pod's failure means for its Job. */
export interface FailureSays {
  readonly action: PodFailureRule["action"];
  /** Why, for people. */
  readonly message: string;
}

/** The first rule of the Job's policy that fits a failed Pod; without one a failure counts. */
export function judgeFailure({ spec }: Job, pod: Pod): FailureSays {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = exitMatch(rule, pod) ?? conditionMatch(rule, pod);
    if (why === undefined) continue;
    return { action: rule.action, message: `${why} matching ${rule.action} rule at index ${index}` };
  }
  return { action: "Count", message: "" };
}

function exitMatch({ onExitCodes }: PodFailureRule, { metadata, status }: Pod): string | undefined {
  if (onExitCodes === undefined) return undefined;
  const { containerName, operator, values = [] } = onExitCodes;
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  for (const { name, state } of all) {
    const code = state?.terminated?.exitCode ?? 0;
    if (code === 0 || (containerName !== undefined && containerName !== name)) continue;
    if (values.includes(code) !== (operator === "In")) continue;
    return `Container ${name} for pod ${metadata.namespace}/${metadata.name} failed with exit code ${code}`;
  }
  return undefined;
}

function conditionMatch(
  { onPodConditions = [] }: PodFailureRule,
  { metadata, status }: Pod,
): string | undefined {
  for (const { type, status: wanted = "True" } of onPodConditions) {
    if (!status?.conditions?.some((one) => one.type === type && one.status === wanted)) continue;
    return `Pod ${metadata.namespace}/${metadata.name} has condition ${type}`;
  }
  return undefined;
}

/** How often a Pod's index has failed by now, this Pod's failure included when it counts. */
export function indexFailures(job: Job, pod: Pod): number {
  const before = Number(pod.metadata.annotations?.[indexFailuresAnnotation] ?? 0) || 0;
  return before + (judgeFailure(job, pod).action === "Ignore" ? 0 : 1);
}

/**
 * How long to wait before the next Pod: twice as long for each failure since the last success. Worked out
 * from the Pods themselves, so that it holds over restarts. 0: at once.
 */
export function retryDelay(succeeded: readonly Pod[], failed: readonly Pod[], now: Instant): Millis {
  const success = Math.max(0, ...succeeded.map(endOf));
  const since = failed.map(endOf).filter((at) => at > success);
  if (since.length === 0) return millis(0);
  const wait = Math.min(longest, first * 2 ** Math.min(since.length - 1, 10));
  return millis(Math.max(0, Math.max(...since) + wait - now));
}

/** Whether containers that are restarted in place have failed too often. */
export function restartedTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec.restartPolicy !== "OnFailure") return false;
  const limit = spec.backoffLimit ?? 6;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== "Running" && status?.phase !== "Pending") continue;
    for (const { restartCount } of [
      ...(status.initContainerStatuses ?? []),
      ...(status.containerStatuses ?? []),
    ]) {
      restarts += restartCount;
    }
  }
  return limit === 0 ? restarts > 0 : restarts >= limit;
}
