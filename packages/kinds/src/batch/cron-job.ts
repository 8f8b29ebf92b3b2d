import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { dnsSubdomainFaults } from "@selvedge/apimachinery";
import { describeError } from "@selvedge/base";
import { ageColumn, column, counts, nameColumn, timeSince } from "../columns.ts";
import { type ObjectReference, objectReference } from "../event.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
  flag,
  int32,
  int64,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  time,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { objectMeta } from "../meta-fields.ts";
import type { PodTemplateSpec } from "../pod/pod-types.ts";
import { defaultTemplate } from "../workload-rules.ts";
import { isTimeZone, parseCron } from "./cron-schedule.ts";
import { defaultFailurePolicy } from "./job.ts";
import { type JobSpec, jobSpec } from "./job-fields.ts";
import { checkJobSpec } from "./job-rules.ts";

export interface CronJob extends KubeObject {
  apiVersion: "batch/v1";
  kind: "CronJob";
  spec: CronJobSpec;
  status?: CronJobStatus;
}

export interface CronJobSpec {
  schedule: string;
  timeZone?: string;
  startingDeadlineSeconds?: number;
  concurrencyPolicy?: "Allow" | "Forbid" | "Replace";
  suspend?: boolean;
  jobTemplate: { metadata?: PodTemplateSpec["metadata"]; spec: JobSpec };
  successfulJobsHistoryLimit?: number;
  failedJobsHistoryLimit?: number;
}

export interface CronJobStatus {
  active?: ObjectReference[];
  lastScheduleTime?: string | null;
  lastSuccessfulTime?: string | null;
}

const jobTemplate: Message = message("What Jobs are made from.", {
  metadata: object(1, objectMeta, "Labels and annotations of the Jobs."),
  spec: object(2, jobSpec, "What they run."),
});

const cronJobSpec: Message = message("A Job, again and again by the clock.", {
  schedule: text(1, "When: minute, hour, day, month, weekday as cron has them, @hourly, @every 90m.", needed),
  timeZone: text(
    8,
    "The place whose clock counts, as Europe/Berlin. The controller's, UTC, when not said.",
    pointer,
  ),
  startingDeadlineSeconds: int64(2, "How late a run may still begin.", pointer),
  concurrencyPolicy: text(
    3,
    "Allow: runs may overlap; Forbid: the later is left out; Replace: it takes over.",
  ),
  suspend: flag(4, "Whether no runs begin for now.", pointer),
  jobTemplate: object(5, jobTemplate, "What Jobs are made from.", needed),
  successfulJobsHistoryLimit: int32(6, "How many Jobs that succeeded are kept. 3 when not said.", pointer),
  failedJobsHistoryLimit: int32(7, "How many Jobs that failed are kept. 1 when not said.", pointer),
});

const cronJobStatus: Message = message("What it does.", {
  active: objects(1, objectReference, "Jobs that run.", atomic),
  lastScheduleTime: time(4, "When the last run was due.", pointer),
  lastSuccessfulTime: time(5, "When the last run that succeeded ended.", pointer),
});

const cronJob: Message = kindMessage("A Job, again and again by the clock.", {
  spec: object(2, cronJobSpec, "What runs when."),
  status: object(3, cronJobStatus, "What it does."),
});

const wide = 1;
/** Jobs are named after it and the minute: eleven characters more. */
const nameMax = 52;

export const cronJobKind: KindDefinition = builtIn(cronJob, {
  group: "batch",
  version: "v1",
  kind: "CronJob",
  plural: "cronjobs",
  singular: "cronjob",
  shortNames: ["cj"],
  categories: ["all"],
  namespaced: true,
  subresources: { status: true },
  nameFaults: (name) => [
    ...dnsSubdomainFaults(name),
    ...(name.length > nameMax ? [`must be no more than ${nameMax} characters`] : []),
  ],
  applyDefaults: (object) => applyDefaults(object as CronJob),
  validate: (object, old) => validate(object as CronJob, old as CronJob | undefined),
  columns: [
    nameColumn,
    column<CronJob>("Schedule", "When.", ({ spec }) => spec.schedule),
    column<CronJob>("Timezone", "Whose clock counts.", ({ spec }) => spec.timeZone ?? "<none>"),
    { ...column<CronJob>("Suspend", "Whether no runs begin.", suspendText), type: "boolean" },
    counts<CronJob>("Active", "Jobs that run.", ({ status }) => status?.active?.length),
    column<CronJob>("Last Schedule", "When the last run was due.", ({ status }, now) =>
      status?.lastScheduleTime ? timeSince(status.lastScheduleTime, now) : "<none>",
    ),
    ageColumn,
    column<CronJob>("Containers", "Names of the template's containers.", (one) => partsOf(one, "name"), wide),
    column<CronJob>("Images", "Images of the template's containers.", (one) => partsOf(one, "image"), wide),
    column<CronJob>("Selector", "Labels of its Pods.", () => "<none>", wide),
  ],
});

/** Upstream declares a truth, and says it in a word. */
function suspendText({ spec }: CronJob): string {
  return spec.suspend ? "True" : "False";
}

function partsOf({ spec }: CronJob, part: "name" | "image"): string {
  const { containers = [] } = spec.jobTemplate?.spec?.template?.spec ?? {};
  return containers.map((container) => container[part] ?? "").join(",");
}

function applyDefaults(cronJob: CronJob): void {
  cronJob.spec ??= { schedule: "", jobTemplate: { spec: { template: { spec: { containers: [] } } } } };
  const { spec } = cronJob;
  spec.jobTemplate ??= { spec: { template: { spec: { containers: [] } } } };
  spec.jobTemplate.metadata ??= {};
  spec.jobTemplate.spec ??= { template: { spec: { containers: [] } } };
  defaultTemplate(spec.jobTemplate.spec);
  // The Jobs themselves are given the rest when they are made.
  defaultFailurePolicy(spec.jobTemplate.spec);
  spec.concurrencyPolicy ||= "Allow";
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  cronJob.status ??= {};
}

function validate({ spec }: CronJob, old: CronJob | undefined): FieldError[] {
  const faults = new Faults();
  if (spec === old?.spec) return faults.errors;
  checkSchedule(faults, spec, old?.spec);
  for (const field of [
    "startingDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
  ] as const) {
    faults.atLeastZero(`spec.${field}`, spec[field]);
  }
  faults.oneOf("spec.concurrencyPolicy", spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"]);
  const { jobTemplate } = spec;
  faults.labels("spec.jobTemplate.labels", jobTemplate.metadata?.labels);
  checkJobSpec(faults, "spec.jobTemplate.spec", jobTemplate.spec);
  if (jobTemplate.spec.manualSelector === true) {
    faults.oneOf("spec.jobTemplate.spec.manualSelector", true, ["nil", "false"]);
  }
  return faults.errors;
}

function checkSchedule(faults: Faults, spec: CronJobSpec, old: CronJobSpec | undefined): void {
  const { schedule, timeZone } = spec;
  if (!schedule) faults.required("spec.schedule");
  else if (/TZ/.test(schedule)) {
    if (schedule !== old?.schedule) {
      faults.invalid(
        "spec.schedule",
        schedule,
        "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
      );
    }
  } else {
    try {
      parseCron(schedule);
    } catch (error) {
      faults.invalid("spec.schedule", schedule, describeError(error));
    }
  }
  if (timeZone === undefined) return;
  if (timeZone === "") faults.invalid("spec.timeZone", timeZone, "timeZone must be nil or non-empty string");
  else if (timeZone.toLowerCase() === "local") {
    faults.invalid(
      "spec.timeZone",
      timeZone,
      "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
    );
  } else if (!isTimeZone(timeZone))
    faults.invalid("spec.timeZone", timeZone, `unknown time zone ${timeZone}`);
}
