import type { KindDefinition } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { ageColumn, column, humanDuration, nameColumn, templateColumns } from "../columns.ts";
import { kindMessage, type Message, object } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { defaultTemplate } from "../workload-rules.ts";
import { type Job, type JobSpec, jobSpec, jobStatus } from "./job-fields.ts";
import { validateJob } from "./job-rules.ts";
import { validateJobStatus } from "./job-status-rules.ts";

const job: Message = kindMessage("Pods that run until so many of them have succeeded.", {
  spec: object(2, jobSpec, "What should run."),
  status: object(3, jobStatus, "How far it is."),
});

export const jobKind: KindDefinition = builtIn(job, {
  group: "batch",
  version: "v1",
  kind: "Job",
  plural: "jobs",
  completesNew: true,
  singular: "job",
  categories: ["all"],
  namespaced: true,
  computedFields: { "status.successful": (object) => String((object as Job).status?.succeeded ?? 0) },
  subresources: { status: true },
  leavesDependents: {
    warning:
      "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them " +
      "or set propagationPolicy=Orphan to suppress this warning",
  },
  applyDefaults: (object, old) => defaultJob(object as Job, old as Job | undefined),
  validate: (object, old) => validateJob(object as Job, old as Job | undefined),
  validateStatus: (object, old) => validateJobStatus(object as Job, old as Job),
  columns: [
    nameColumn,
    column<Job>("Status", "How it is, as one word.", statusText),
    column<Job>("Completions", "Successes, of those wanted.", completionsText),
    column<Job>("Duration", "How long it took, or has taken so far.", durationText),
    ageColumn,
    ...templateColumns,
  ],
});

/** As upstream: one Pod when nothing is said, and the server keeps a Job's Pods apart from all others. */
function defaultJob(job: Job, old: Job | undefined): void {
  job.spec ??= { template: { spec: { containers: [] } } };
  const { spec, metadata } = job;
  defaultTemplate(spec);
  defaultJobSpec(spec);
  job.status ??= {};
  spec.manualSelector ??= false;
  if (old === undefined && spec.manualSelector !== true && metadata.uid !== undefined)
    ownSelector(job, metadata.uid);
  const { labels } = spec.template.metadata ?? {};
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0)
    metadata.labels = { ...labels };
}

function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2_147_483_647;
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
  defaultFailurePolicy(spec);
}

export function defaultFailurePolicy({ podFailurePolicy }: JobSpec): void {
  for (const { onPodConditions = [] } of podFailurePolicy?.rules ?? []) {
    for (const pattern of onPodConditions) pattern.status ||= "True";
  }
}

export const controllerUidLabel = "batch.kubernetes.io/controller-uid";
export const jobNameLabel = "batch.kubernetes.io/job-name";

function ownSelector({ spec, metadata }: Job, uid: string): void {
  const { name } = metadata;
  spec.template.metadata ??= {};
  spec.template.metadata.labels = {
    ...spec.template.metadata.labels,
    // Upstream's older names of the same, which tools still select by.
    ...{ "controller-uid": uid, "job-name": name },
    ...{ [controllerUidLabel]: uid, [jobNameLabel]: name },
  };
  spec.selector ??= {};
  spec.selector.matchLabels = { ...spec.selector.matchLabels, [controllerUidLabel]: uid };
}

function has({ status }: Job, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
}

function statusText(job: Job): string {
  if (has(job, "Complete")) return "Complete";
  if (has(job, "Failed")) return "Failed";
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find((type) => has(job, type)) ?? "Running";
}

function completionsText({ spec, status }: Job): string {
  const { completions, parallelism = 0 } = spec;
  const succeeded = status?.succeeded ?? 0;
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText({ status }: Job, now: Instant): string {
  const start = Date.parse(status?.startTime ?? "");
  if (Number.isNaN(start)) return "";
  const end = Date.parse(status?.completionTime ?? "");
  return humanDuration(((Number.isNaN(end) ? now : end) - start) / 1000);
}
