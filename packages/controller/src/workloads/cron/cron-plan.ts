import { cloneObject, holdingLazy } from "@selvedge/apiserver";
import { describeError, type Instant, instant, toRfc3339 } from "@selvedge/base";
import {
  CronError,
  type CronJob,
  type CronJobStatus,
  type CronSchedule,
  type Job,
  parseCron,
  zonedTime,
} from "@selvedge/kinds";
import { conditionOf } from "../../objects/conditions.ts";
import { isFinished } from "../jobs/job-view.ts";
import { controllerReference } from "../template.ts";

export interface CronNews {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface CronPlan {
  readonly create: Job | undefined;
  /** Runs that make room, and ended ones beyond what is kept. */
  readonly remove: readonly Job[];
  /** What it says when all this has succeeded. */
  readonly status: CronJobStatus;
  readonly news: readonly CronNews[];
  /** Milliseconds until it may have to be looked at again; undefined: never. */
  readonly again: number | undefined;
}

const scheduledAnnotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/** From so many missed runs on somebody is told, as upstream does. */
const missedMax = 100;
const minute = 60_000;

/** Decides one step for a CronJob: whether a run is due, and which ended ones to forget. Pure. */
export function planCronJob(cron: CronJob, jobs: readonly Job[], now: Instant): CronPlan {
  const { spec, status: before = {} } = cron;
  const news: CronNews[] = [];
  const running = jobs.filter((job) => !isFinished(job) && isRun(cron, job, news));
  const status: CronJobStatus = { ...before, active: activeOf(cron, running, jobs, news) };
  const succeeded = jobs.flatMap(({ status: one }) => (one?.completionTime ? [one.completionTime] : []));
  const last = [before.lastSuccessfulTime ?? "", ...succeeded].sort().at(-1);
  if (last) status.lastSuccessfulTime = last;
  const old = outdatedJobs(cron, jobs);
  const idle = (again?: number): CronPlan => ({
    create: undefined,
    remove: old,
    status: tidy(status),
    news,
    again,
  });
  if (cron.metadata.deletionTimestamp !== undefined || spec.suspend === true) return idle();
  let schedule: CronSchedule;
  try {
    schedule = parseCron(spec.schedule, spec.timeZone);
  } catch (error) {
    if (!(error instanceof CronError) && !(error instanceof RangeError)) throw error;
    const message = `unparseable schedule ${JSON.stringify(spec.schedule)}: ${describeError(error)}`;
    news.push({ type: "Warning", reason: "UnparseableSchedule", message });
    return idle();
  }
  const next = schedule.next(now);
  if (next === undefined) {
    // The 31st of February: upstream says it so.
    const message = `invalid schedule: ${spec.schedule} : time difference between two schedules is less than 1 second`;
    news.push({ type: "Warning", reason: "InvalidSchedule", message });
    return idle();
  }
  const again = Math.max(next - now, 1);
  const due = dueRun(cron, schedule, now, news);
  if (due === undefined) return idle(again);
  const name = `${cron.metadata.name}-${Math.floor(due / minute)}`;
  if (jobs.some(({ metadata }) => metadata.name === name)) return idle(again);
  if (spec.concurrencyPolicy === "Forbid" && running.length > 0) {
    const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
    news.push({ type: "Normal", reason: "JobAlreadyActive", message });
    return idle(again);
  }
  const replaced = spec.concurrencyPolicy === "Replace" ? running : [];
  const kept = (status.active ?? []).filter(
    ({ uid }) => !replaced.some(({ metadata }) => metadata.uid === uid),
  );
  return {
    create: jobFor(cron, name, due),
    remove: [...old, ...replaced],
    status: tidy({ ...status, active: kept, lastScheduleTime: toRfc3339(due) }),
    ...{ news, again },
  };
}

/** Upstream shows no list when nothing runs. */
function tidy(status: CronJobStatus): CronJobStatus {
  if (status.active?.length === 0) delete status.active;
  return status;
}

/** Whether a Job came from the schedule: one that somebody began by hand is in no run's way. */
function isRun({ status }: CronJob, { metadata }: Job, news: CronNews[]): boolean {
  const { name, uid, annotations } = metadata;
  if (annotations?.[scheduledAnnotation] !== undefined) return true;
  if (status?.active?.some((one) => one.uid === uid)) return true;
  const message = `Saw a job that the controller did not create or forgot: ${name}`;
  news.push({ type: "Warning", reason: "UnexpectedJob", message });
  return false;
}

function activeOf(
  cron: CronJob,
  running: readonly Job[],
  jobs: readonly Job[],
  news: CronNews[],
): NonNullable<CronJobStatus["active"]> {
  for (const { uid, name = "" } of cron.status?.active ?? []) {
    if (running.some(({ metadata }) => metadata.uid === uid)) continue;
    const job = jobs.find(({ metadata }) => metadata.uid === uid);
    if (job === undefined) {
      news.push({ type: "Normal", reason: "MissingJob", message: `Active job went missing: ${name}` });
      continue;
    }
    const how = conditionOf(job.status?.conditions, "Complete")?.status === "True" ? "Complete" : "Failed";
    news.push({
      type: "Normal",
      reason: "SawCompletedJob",
      message: `Saw completed job: ${name}, condition: ${how}`,
    });
  }
  return running.map(({ metadata, apiVersion, kind }) => ({
    ...{ kind, namespace: metadata.namespace ?? "", name: metadata.name, apiVersion },
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
  }));
}

function outdatedJobs({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const ended = jobs.filter((job) => isFinished(job) && job.metadata.deletionTimestamp === undefined);
  const good = ended.filter((job) => conditionOf(job.status?.conditions, "Complete")?.status === "True");
  const surplus = (list: readonly Job[], limit: number): Job[] =>
    list
      .toSorted((left, right) => (startOf(left) < startOf(right) ? -1 : 1))
      .slice(0, Math.max(0, list.length - limit));
  const bad = ended.filter((job) => !good.includes(job));
  return [
    ...surplus(good, spec.successfulJobsHistoryLimit ?? 3),
    ...surplus(bad, spec.failedJobsHistoryLimit ?? 1),
  ];
}

function startOf({ metadata, status }: Job): string {
  return `${status?.startTime ?? metadata.creationTimestamp ?? ""} ${metadata.name}`;
}

/** The latest run that is due, not too late, and has not been. */
function dueRun(
  { metadata, spec, status }: CronJob,
  schedule: CronSchedule,
  now: Instant,
  news: CronNews[],
): Instant | undefined {
  const deadline = spec.startingDeadlineSeconds;
  const made = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? "") || now;
  const earliest = deadline === undefined ? made : Math.max(made, now - deadline * 1000);
  const { latest, missed } = latestRun(schedule, instant(earliest), now);
  if (missed > missedMax) {
    const message =
      "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
    news.push({ type: "Warning", reason: "TooManyMissedTimes", message });
  }
  return latest;
}

/** The last time a schedule was due after `from`, until `now`, without going through all of them. */
export function latestRun(
  schedule: CronSchedule,
  from: Instant,
  now: Instant,
): { readonly latest: Instant | undefined; readonly missed: number } {
  const first = schedule.next(from);
  if (first === undefined || first > now) return { latest: undefined, missed: 0 };
  const second = schedule.next(first);
  const gap = second === undefined ? now - first + minute : second - first;
  const missed = Math.floor((now - first) / gap) + 1;
  for (let window = gap * 2; ; window *= 4) {
    const start = now - window;
    let latest = start <= first ? first : undefined;
    let at = start <= first ? first : schedule.next(instant(start));
    while (at !== undefined && at <= now) {
      latest = at;
      at = schedule.next(at);
    }
    if (latest !== undefined) return { latest, missed };
  }
}

function jobFor(cron: CronJob, name: string, due: Instant): Job {
  const { metadata = {}, spec } = cron.spec.jobTemplate;
  return holdingLazy({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      namespace: cron.metadata.namespace ?? "",
      ...(metadata.labels && { labels: { ...metadata.labels } }),
      annotations: { ...metadata.annotations, [scheduledAnnotation]: zonedTime(due, cron.spec.timeZone) },
      ownerReferences: [controllerReference(cron)],
    },
    spec: cloneObject(spec),
  });
}
