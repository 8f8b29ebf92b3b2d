import { type Instant, toRfc3339 } from "@selvedge/base";
import { formatIndexes, type JobCondition, type JobStatus } from "@selvedge/kinds";
import { conditionOf, setCondition } from "../../objects/conditions.ts";
import { isReady } from "../../objects/pods.ts";
import { isFinished, type JobVerdict, type JobView } from "./job-view.ts";

export interface JobNews {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface JobTold {
  readonly status: JobStatus;
  readonly news: readonly JobNews[];
}

/** What to say of a Job when so many Pods more (or fewer) will run. Pure. */
export function jobStatus(view: JobView, change: number, verdict: JobVerdict | undefined): JobTold {
  const { job, active, terminating, fresh, waiting, settled, now } = view;
  const before = job.status ?? {};
  const uid = ({ metadata }: (typeof fresh.failed)[number]): string => metadata.uid ?? "";
  const uncounted = {
    succeeded: [...waiting.succeeded, ...fresh.succeeded.map(uid)],
    failed: [...waiting.failed, ...fresh.failed.map(uid)],
  };
  const news: JobNews[] = [];
  const status: JobStatus = {
    ...before,
    // Those that are about to end are active no more.
    ready: Math.min(active.filter(isReady).length, active.length + change),
    terminating: terminating.length,
    uncountedTerminatedPods: lists(uncounted),
    conditions: structuredClone(before.conditions ?? []),
  };
  putCount(status, "active", active.length + change);
  putCount(status, "succeeded", view.isIndexed ? view.completed.size : settled.succeeded);
  putCount(status, "failed", settled.failed);
  if (view.isIndexed) {
    if (view.completed.size > 0) status.completedIndexes = formatIndexes(view.completed);
    if (job.spec.backoffLimitPerIndex !== undefined) status.failedIndexes = formatIndexes(view.failedIndexes);
  }
  const conditions = status.conditions ?? [];
  if (!isFinished(job)) {
    if (verdict !== undefined) put(conditions, { ...verdict, status: "True" }, now);
    else sayWhetherSuspended(view, status, news);
    const clean = uncounted.succeeded.length + uncounted.failed.length === 0;
    const quiet = active.length + change === 0 && terminating.length === 0 && active.length === 0;
    if (verdict !== undefined && clean && quiet) finish(view, status, verdict, news);
  }
  if (conditions.length === 0) delete status.conditions;
  return { status, news };
}

function finish({ job, now }: JobView, status: JobStatus, verdict: JobVerdict, news: JobNews[]): void {
  const { reason, message } = verdict;
  const failed = verdict.type === "FailureTarget";
  put(
    status.conditions ?? [],
    { type: failed ? "Failed" : "Complete", status: "True", reason, message },
    now,
  );
  delete status.active;
  if (failed) {
    news.push({ type: "Warning", reason, message });
    return;
  }
  status.completionTime = toRfc3339(now);
  if ((status.succeeded ?? 0) > (job.spec.completions ?? Number.POSITIVE_INFINITY)) {
    const many = "Too many succeeded pods running after completion count reached";
    news.push({ type: "Warning", reason: "TooManySucceededPods", message: many });
  }
  news.push({ type: "Normal", reason: "Completed", message: "Job completed" });
}

function sayWhetherSuspended({ job, now }: JobView, status: JobStatus, news: JobNews[]): void {
  const conditions = status.conditions ?? [];
  const said = conditionOf(conditions, "Suspended");
  if (job.spec.suspend === true) {
    if (said?.status !== "True") {
      put(
        conditions,
        { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" },
        now,
      );
      news.push({ type: "Normal", reason: "Suspended", message: "Job suspended" });
    }
    return;
  }
  if (said?.status === "True") {
    put(
      conditions,
      { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" },
      now,
    );
    news.push({ type: "Normal", reason: "Resumed", message: "Job resumed" });
    status.startTime = toRfc3339(now);
  }
  status.startTime ||= toRfc3339(now);
}

function put(
  conditions: JobCondition[],
  says: {
    readonly type: string;
    readonly status: "True" | "False";
    readonly reason: string;
    readonly message: string;
  },
  now: Instant,
): void {
  if (!setCondition(conditions, says, now)) return;
  const condition = conditions.find(({ type }) => type === says.type) as JobCondition | undefined;
  if (condition !== undefined) condition.lastProbeTime = toRfc3339(now);
}

function putCount(status: JobStatus, field: "active" | "succeeded" | "failed", count: number): void {
  if (count > 0) status[field] = count;
  else delete status[field];
}

function lists({ succeeded, failed }: { succeeded: string[]; failed: string[] }): object {
  return { ...(succeeded.length > 0 && { succeeded }), ...(failed.length > 0 && { failed }) };
}
