/** What a Job's status may say, and what it may not take back. */
import type { FieldError } from "@selvedge/apimachinery";
import { Faults, immutable } from "../faults.ts";
import { indexesFault, overlapOf } from "./indexes.ts";
import type { Job, JobStatus } from "./job-fields.ts";

export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const faults = new Faults();
  const { status = {} } = job;
  for (const name of ["active", "succeeded", "failed", "ready", "terminating"] as const)
    faults.atLeastZero(`status.${name}`, status[name] ?? 0);
  if (status.ready !== undefined && status.ready > (status.active ?? 0))
    faults.invalid("status.ready", status.ready, "cannot set more ready pods than active");
  checkUncounted(faults, status);
  checkConditions(faults, status);
  checkTimes(faults, status);
  if (isTrue(status, "Complete") || isTrue(status, "Failed")) checkFinished(faults, status);
  checkIndexes(faults, job, status);
  checkKept(faults, job, old);
  return faults.errors;
}

function isTrue({ conditions = [] }: JobStatus, type: string): boolean {
  return conditions.some((one) => one.type === type && one.status === "True");
}

function checkUncounted(faults: Faults, { uncountedTerminatedPods: uncounted = {} }: JobStatus): void {
  const seen = new Set<string>();
  for (const list of ["succeeded", "failed"] as const) {
    for (const [index, uid] of (uncounted[list] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === "") faults.invalid(at, uid, "must not be empty");
      else if (seen.has(uid)) faults.duplicate(at, uid);
      seen.add(uid);
    }
  }
}

const apart = [
  ["Complete", "Failed", "cannot set Complete=True and Failed=true conditions"],
  ["Complete", "FailureTarget", "cannot set Complete=True and FailureTarget=true conditions"],
  ["SuccessCriteriaMet", "Failed", "cannot set SuccessCriteriaMet=True and Failed=true conditions"],
  [
    "SuccessCriteriaMet",
    "FailureTarget",
    "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
  ],
] as const;

const reasons = { Complete: "SuccessCriteriaMet", Failed: "FailureTarget" } as const;

function checkConditions(faults: Faults, status: JobStatus): void {
  const at = "status.conditions";
  for (const [one, other, why] of apart)
    if (isTrue(status, one) && isTrue(status, other)) faults.invalid(at, undefined, why);
  for (const [end, reason] of Object.entries(reasons)) {
    if (isTrue(status, end) && !isTrue(status, reason))
      faults.invalid(at, undefined, `cannot set ${end}=True condition without the ${reason}=true condition`);
  }
}

function checkTimes(faults: Faults, status: JobStatus): void {
  const { startTime, completionTime } = status;
  const at = "status.completionTime";
  if (isTrue(status, "Complete")) {
    if (!completionTime) faults.required(at, "completionTime is required for Complete jobs");
    else if (startTime && Date.parse(completionTime) < Date.parse(startTime))
      faults.invalid(at, completionTime, "must be equal to or after `startTime`");
  } else if (completionTime)
    faults.invalid(at, completionTime, "cannot set completionTime when there is no Complete=True condition");
}

function checkFinished(faults: Faults, status: JobStatus): void {
  if (!status.startTime) faults.required("status.startTime", "startTime is required for finished job");
  for (const name of ["active", "terminating"] as const) {
    const count = status[name] ?? 0;
    if (count > 0) faults.invalid(`status.${name}`, count, `${name}>0 is invalid for finished job`);
  }
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length === 0) return;
  // Upstream shows its own form of it.
  const shown = [succeeded, failed].map((list) => (list.length === 0 ? null : list));
  const value = { Succeeded: shown[0], Failed: shown[1] };
  faults.invalid("status.uncountedTerminatedPods", value, "must be empty for finished job");
}

function checkIndexes(faults: Faults, { spec }: Job, { completedIndexes, failedIndexes }: JobStatus): void {
  const completions = spec.completions ?? 0;
  const read = (name: "completedIndexes" | "failedIndexes", text: string): boolean => {
    const fault = indexesFault(text, completions);
    if (fault !== undefined) faults.invalid(`status.${name}`, text, `error parsing ${name}: ${fault}`);
    return fault === undefined;
  };
  const isRead = !completedIndexes || read("completedIndexes", completedIndexes);
  if (completedIndexes && spec.completionMode !== "Indexed") {
    const why = "cannot set non-empty completedIndexes when non-indexed completion mode";
    faults.invalid("status.completedIndexes", completedIndexes, why);
  }
  if (failedIndexes === undefined) return;
  if (spec.backoffLimitPerIndex === undefined) {
    const why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
    faults.invalid("status.failedIndexes", failedIndexes, why);
  } else if (failedIndexes !== "" && read("failedIndexes", failedIndexes) && isRead && completedIndexes) {
    const both = overlapOf(completedIndexes, failedIndexes);
    const why = `failedIndexes and completedIndexes overlap at index: ${both}`;
    if (both !== undefined) faults.invalid("status.failedIndexes", failedIndexes, why);
  }
}

const kept = {
  ...{ Complete: "the terminal Complete", Failed: "the terminal Failed" },
  ...{ SuccessCriteriaMet: "the SuccessCriteriaMet", FailureTarget: "the FailureTarget" },
};

function checkKept(faults: Faults, { spec, status = {} }: Job, { status: old = {} }: Job): void {
  // Whoever resumes it begins it anew.
  const rests = spec.suspend || isTrue(old, "Suspended");
  if (!rests && old.startTime && !isSame(old.startTime, status.startTime))
    faults.required("status.startTime", "startTime cannot be removed for unsuspended job");
  if (isTrue(old, "Complete") && old.completionTime && !isSame(old.completionTime, status.completionTime))
    faults.invalid("status.completionTime", status.completionTime ?? null, immutable);
  for (const [type, name] of Object.entries(kept)) {
    if (isTrue(old, type) && !isTrue(status, type))
      faults.invalid("status.conditions", undefined, `cannot disable ${name}=True condition`);
  }
  // One whose indexes may become fewer forgets those that are no longer its own.
  if (spec.completionMode === "Indexed") return;
  for (const name of ["succeeded", "failed"] as const) {
    const count = status[name] ?? 0;
    if (count < (old[name] ?? 0))
      faults.invalid(`status.${name}`, count, `cannot decrease the ${name} counter`);
  }
}

function isSame(one: string, other: string | null | undefined): boolean {
  return Date.parse(one) === Date.parse(other ?? "");
}
