import type { Instant } from "@selvedge/base";
import { type Job, type Pod, parseIndexes } from "@selvedge/kinds";
import { conditionOf } from "../../objects/conditions.ts";
import { isGoing, isOver } from "../../objects/pods.ts";
import { indexFailures, judgeFailure } from "./job-failure.ts";

/** Holds an ended Pod until its end is in the Job's counts, so that none is lost or counted twice. */
export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const indexKey = "batch.kubernetes.io/job-completion-index";

/** A Job and its Pods, sorted by what they mean for it. */
export interface JobView {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly now: Instant;
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  /** Ended and still held: to be counted now. */
  readonly fresh: {
    readonly succeeded: readonly Pod[];
    readonly failed: readonly Pod[];
    readonly ignored: readonly Pod[];
  };
  /** UIDs that were written down to be counted, and are still held. */
  readonly waiting: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** All that ended, those of this pass included. */
  readonly succeeded: number;
  readonly failed: number;
  /** Of the counts alone, what is in them for good. */
  readonly settled: { readonly succeeded: number; readonly failed: number };
  readonly isIndexed: boolean;
  readonly completed: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
}

/** Why a Job ends, before all its Pods have. */
export interface JobVerdict {
  readonly type: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

export function viewOfJob(job: Job, pods: readonly Pod[], now: Instant): JobView {
  const { spec, status = {} } = job;
  const completions = spec.completions ?? 0;
  const isIndexed = spec.completionMode === "Indexed";
  const held = new Set(pods.filter(isHeld).map(({ metadata }) => metadata.uid ?? ""));
  const listed = status.uncountedTerminatedPods ?? {};
  const waiting = {
    succeeded: (listed.succeeded ?? []).filter((uid) => held.has(uid)),
    failed: (listed.failed ?? []).filter((uid) => held.has(uid)),
  };
  const known = new Set([...(listed.succeeded ?? []), ...(listed.failed ?? [])]);
  const ended = pods.filter((pod) => isHeld(pod) && !known.has(pod.metadata.uid ?? ""));
  const succeeded = ended.filter((pod) => pod.status?.phase === "Succeeded");
  const failures = ended.filter((pod) => hasFailed(job, pod));
  const failed = failures.filter((pod) => judgeFailure(job, pod).action !== "Ignore");
  const completed = isIndexed ? completedOf(job, pods, completions) : new Set<number>();
  const settled = {
    succeeded: (status.succeeded ?? 0) + (listed.succeeded ?? []).length - waiting.succeeded.length,
    failed: (status.failed ?? 0) + (listed.failed ?? []).length - waiting.failed.length,
  };
  return {
    ...{ job, pods, now, waiting, settled, isIndexed, completed },
    active: pods.filter((pod) => !isGoing(pod) && !isOver(pod)),
    terminating: pods.filter((pod) => isGoing(pod) && !isOver(pod)),
    fresh: { succeeded, failed, ignored: failures.filter((pod) => !failed.includes(pod)) },
    succeeded: isIndexed ? completed.size : settled.succeeded + waiting.succeeded.length + succeeded.length,
    failed: settled.failed + waiting.failed.length + failed.length,
    failedIndexes: failedIndexesOf(job, pods, completed),
  };
}

export function isHeld({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexKey];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A Pod that is going and never ended counts as failed, unless successors wait for real ends. */
export function hasFailed({ spec }: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  return spec.podReplacementPolicy !== "Failed" && isGoing(pod) && pod.status?.phase !== "Succeeded";
}

export function isFinished({ status }: Job): boolean {
  return ["Complete", "Failed"].some((type) => conditionOf(status?.conditions, type)?.status === "True");
}

function completedOf({ status }: Job, pods: readonly Pod[], completions: number): Set<number> {
  const found = parseIndexes(status?.completedIndexes, completions);
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || index >= completions || !isHeld(pod)) continue;
    if (pod.status?.phase === "Succeeded") found.add(index);
  }
  return found;
}

/** Indexes that have used up their own attempts. */
function failedIndexesOf(job: Job, pods: readonly Pod[], completed: ReadonlySet<number>): Set<number> {
  const { spec, status } = job;
  const limit = spec.backoffLimitPerIndex;
  if (limit === undefined) return new Set();
  const found = parseIndexes(status?.failedIndexes, spec.completions ?? 0);
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || completed.has(index) || !hasFailed(job, pod)) continue;
    if (judgeFailure(job, pod).action === "FailIndex" || indexFailures(job, pod) > limit) found.add(index);
  }
  return found;
}
