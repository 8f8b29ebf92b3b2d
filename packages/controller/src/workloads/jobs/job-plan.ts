import type { Job, JobStatus, Pod } from "@selvedge/kinds";
import { parseIndexes } from "@selvedge/kinds";
import { conditionOf } from "../../objects/conditions.ts";
import { leastUseful } from "../usefulness.ts";
import { judgeFailure, restartedTooOften, retryDelay } from "./job-failure.ts";
import { missingIndexes, podOfJob, surplusIndexes } from "./job-pods.ts";
import { type JobNews, jobStatus } from "./job-status.ts";
import { hasFailed, indexOf, isFinished, type JobVerdict, type JobView } from "./job-view.ts";

export interface JobPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Whether Pods that are removed are let go uncounted: nobody failed, the Job wants fewer. */
  readonly uncounted: boolean;
  /** Pods to let go once the status is written. */
  readonly release: readonly Pod[];
  readonly status: JobStatus;
  readonly news: readonly JobNews[];
  /** Milliseconds after which time alone may change the plan; undefined: never. */
  readonly again: number | undefined;
}

/** As upstream: no more Pods at once from one pass. */
const burst = 500;

/** Decides one step for a Job: Pods to make and to end, ends to count, and what to say of it. Pure. */
export function planJob(view: JobView): JobPlan {
  const { job, fresh, active } = view;
  const release = [...fresh.succeeded, ...fresh.failed, ...fresh.ignored];
  if (isFinished(job)) return { ...nothing, release, ...jobStatus(view, 0, undefined) };
  const verdict = verdictOf(view);
  if (verdict !== undefined) {
    const told = jobStatus(view, -active.length, verdict);
    // Of a Job that has succeeded nobody failed: the rest is only not needed any more.
    const uncounted = verdict.type === "SuccessCriteriaMet";
    return { create: [], remove: active, uncounted, release, ...told, again: undefined };
  }
  const change = managePods(view);
  const left = active.length + change.create.length - change.remove.length;
  const done = isDone(view, left) ? reached : undefined;
  // New Pods count when they are there: making them may be refused.
  const told = jobStatus(view, -change.remove.length, done);
  const again = minOf(change.again, deadlineLeft(view));
  return { ...change, uncounted: true, release, ...told, again };
}

const nothing = { create: [], remove: [], uncounted: false, again: undefined };
const reached: JobVerdict = {
  ...{ type: "SuccessCriteriaMet", reason: "CompletionsReached" },
  message: "Reached expected number of succeeded pods",
};

function minOf(...times: readonly (number | undefined)[]): number | undefined {
  const said = times.filter((time) => time !== undefined);
  return said.length === 0 ? undefined : Math.min(...said);
}

function isDone({ job, succeeded }: JobView, active: number): boolean {
  const { completions } = job.spec;
  return active === 0 && (completions === undefined ? succeeded > 0 : succeeded >= completions);
}

function failure(reason: string, message: string): JobVerdict {
  return { type: "FailureTarget", reason, message };
}

/** What has been said stands; else the first reason that applies now. */
function verdictOf(view: JobView): JobVerdict | undefined {
  const { job, pods, failed } = view;
  for (const type of ["FailureTarget", "SuccessCriteriaMet"] as const) {
    const said = conditionOf(job.status?.conditions, type);
    if (said?.status === "True") return { type, reason: said.reason ?? "", message: said.message ?? "" };
  }
  for (const pod of pods) {
    if (!hasFailed(job, pod)) continue;
    const { action, message } = judgeFailure(job, pod);
    if (action === "FailJob") return failure("PodFailurePolicy", message);
  }
  if (failed > (job.spec.backoffLimit ?? 6) || restartedTooOften(job, pods)) {
    return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  }
  if (deadlineLeft(view) === 0) {
    return failure("DeadlineExceeded", "Job was active longer than specified deadline");
  }
  return view.isIndexed ? indexVerdict(view) : undefined;
}

function indexVerdict({ job, completed, failedIndexes }: JobView): JobVerdict | undefined {
  const { completions = 0, maxFailedIndexes } = job.spec;
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
    const message = "Job has exceeded the specified maximal number of failed indexes";
    return failure("MaxFailedIndexesExceeded", message);
  }
  if (failedIndexes.size > 0 && failedIndexes.size + completed.size >= completions) {
    return failure("FailedIndexes", "Job has failed indexes");
  }
  const rules = job.spec.successPolicy?.rules ?? [];
  const met = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, completions);
    const have = wanted === undefined ? completed : wanted.intersection(completed);
    return have.size >= (succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY);
  });
  if (met < 0) return undefined;
  return { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: `Matched rules at index ${met}` };
}

/** Milliseconds until activeDeadlineSeconds are over; undefined without a deadline. */
function deadlineLeft({ job, now }: JobView): number | undefined {
  const { activeDeadlineSeconds: deadline, suspend } = job.spec;
  const start = Date.parse(job.status?.startTime ?? "");
  if (deadline === undefined || suspend === true || Number.isNaN(start)) return undefined;
  return Math.max(0, start + deadline * 1000 - now);
}

interface PodChange {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly again: number | undefined;
}

function managePods(view: JobView): PodChange {
  const { job, active, terminating, isIndexed } = view;
  const { spec, metadata } = job;
  if (metadata.deletionTimestamp !== undefined) return nothing;
  if (spec.suspend === true) return { ...nothing, remove: active };
  const surplus = isIndexed ? surplusIndexes(view) : [];
  const wanted = wantedActive(view);
  const excess = active.length - surplus.length - wanted;
  const others = active.filter((pod) => !surplus.includes(pod));
  const remove = [...surplus, ...(excess > 0 ? leastUseful(others).slice(0, excess) : [])].slice(0, burst);
  if (remove.length > 0) return { ...nothing, remove };
  const leaving = spec.podReplacementPolicy === "Failed" ? terminating.length : 0;
  const missing = wanted - active.length - leaving;
  if (missing <= 0) return nothing;
  const count = Math.min(missing, burst);
  const indexes = isIndexed ? missingIndexes(view, count) : Array.from({ length: count }, () => undefined);
  const bad = view.pods.filter((pod) => hasFailed(job, pod));
  if (spec.backoffLimitPerIndex === undefined) {
    const delay = retryDelay(succeededPods(view), bad, view.now);
    if (delay > 0) return { ...nothing, again: delay };
    return { ...nothing, create: indexes.map((index) => podOfJob(view, index)) };
  }
  // An index waits for its own failures, not for those of others.
  const failures = Map.groupBy(bad, indexOf);
  const waits = indexes.map((index) => retryDelay([], failures.get(index) ?? [], view.now));
  const ready = indexes.filter((_, at) => waits[at] === 0);
  const again = minOf(...waits.filter((wait) => wait > 0));
  return { ...nothing, create: ready.map((index) => podOfJob(view, index)), again };
}

function succeededPods({ pods }: JobView): Pod[] {
  return pods.filter(({ status }) => status?.phase === "Succeeded");
}

function wantedActive({ job, active, succeeded, failedIndexes }: JobView): number {
  const { completions, parallelism = 1 } = job.spec;
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded - failedIndexes.size));
}

/** Milliseconds until a finished Job is removed; undefined when it stays. */
export function expiryOf(job: Job, now: number): number | undefined {
  const { ttlSecondsAfterFinished: ttl } = job.spec;
  if (ttl === undefined) return undefined;
  for (const type of ["Complete", "Failed"]) {
    const ended = conditionOf(job.status?.conditions, type);
    const at = Date.parse(ended?.lastTransitionTime ?? "");
    if (ended?.status === "True" && !Number.isNaN(at)) return Math.max(0, at + ttl * 1000 - now);
  }
  return undefined;
}
