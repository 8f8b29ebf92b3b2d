/** What is wrong with a Job, in upstream's words. */
import { dnsLabelFaults, type FieldError } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { Faults, immutable } from "../faults.ts";
import type { PodTemplateSpec } from "../pod/pod-types.ts";
import { checkTemplate } from "../pod/validate-pod.ts";
import { checkOwnTemplate, matches } from "../workload-rules.ts";
import { indexesFault, parseIndexes } from "./indexes.ts";
import type { Job, JobSpec, PodFailureRule } from "./job-fields.ts";

const indexedParallelismMax = 100_000;
const rulesMax = 20;
const valuesMax = 255;
const restarts = ["OnFailure", "Never"];

export function validateJob(job: Job, old: Job | undefined): FieldError[] {
  const faults = new Faults();
  const { spec } = job;
  // Its own status is written far more often than anybody its spec.
  if (spec === old?.spec) return faults.errors;
  checkGenerated(faults, job);
  checkJobSpec(faults, "spec", spec);
  if (spec.selector === undefined) faults.required("spec.selector");
  else {
    faults.selector("spec.selector", spec.selector);
    checkOwnTemplate(faults, "spec", spec.selector, spec.template);
  }
  if (old !== undefined) checkUpdate(faults, job, old);
  else checkHostNames(faults, job);
  return faults.errors;
}

/** The Pods of an Indexed Job are hosts of its name and their index. */
function checkHostNames(faults: Faults, { metadata: { name }, spec }: Job): void {
  if (spec.completionMode !== "Indexed" || !spec.completions) return;
  const last = `${name}-${spec.completions - 1}`;
  if (dnsLabelFaults(last).length === 0) return;
  faults.invalid("metadata.name", name, `will not able to create pod with invalid DNS label: ${last}`);
}

/** Without manualSelector a Job's selector is its own uid: what else somebody adds finds other Jobs' Pods. */
function checkGenerated(faults: Faults, { metadata: { name, uid = "" }, spec }: Job): void {
  if (spec.manualSelector || spec.selector === undefined) return;
  const own: Record<string, string> = {
    ...{ "controller-uid": uid, "job-name": name },
    ...{ "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name },
  };
  const labels = spec.template.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(own)) {
    const field = "spec.template.metadata.labels";
    if (labels[key] === undefined) faults.required(field, `must be '${value}'`);
    else if (labels[key] !== value) faults.invalid(field, labels, `must be '${value}'`);
  }
  if (!matches(spec.selector, own)) {
    faults.invalid("spec.selector", spec.selector, "`selector` not auto-generated");
  }
}

/** Of a Job, and of the Jobs that a CronJob makes. */
export function checkJobSpec(faults: Faults, path: string, spec: JobSpec): void {
  for (const field of [
    ...(["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit"] as const),
    ...(["ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"] as const),
  ]) {
    faults.atLeastZero(`${path}.${field}`, spec[field]);
  }
  checkCompletion(faults, path, spec);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    faults.required(`${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified");
  }
  if (spec.podReplacementPolicy !== undefined) {
    const policies = spec.podFailurePolicy === undefined ? ["TerminatingOrFailed", "Failed"] : ["Failed"];
    faults.oneOf(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, policies);
  }
  checkManager(faults, `${path}.managedBy`, spec.managedBy);
  checkTemplate(faults, `${path}.template`, spec.template, restarts);
  checkFailurePolicy(faults, `${path}.podFailurePolicy`, spec);
  checkSuccessPolicy(faults, `${path}.successPolicy`, spec);
}

/** As short as a Job's other words of who looks after it. */
const managerMax = 63;
const pathPattern = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

function checkManager(faults: Faults, field: string, name: string | undefined): void {
  if (name === undefined) return;
  const [domain = "", ...rest] = name.split("/");
  if (name === "") faults.required(field);
  else if (rest.length === 0 || rest.join("/") === "" || domain === "")
    faults.invalid(field, name, 'must be a domain-prefixed path (such as "acme.io/foo")');
  else {
    faults.subdomain(field, domain);
    const path = rest.join("/");
    const detail = `Invalid path (regex used for validation is '${pathPattern.source.slice(1, -1)}')`;
    if (!pathPattern.test(path)) faults.invalid(field, path, detail);
  }
  if (name.length > managerMax) faults.tooLong(field, managerMax);
}

function checkCompletion(faults: Faults, path: string, spec: JobSpec): void {
  const { completionMode: mode, completions, parallelism = 0 } = spec;
  if (mode === undefined) return;
  faults.oneOf(`${path}.completionMode`, mode, ["Indexed", "NonIndexed"]);
  if (mode === "Indexed") {
    if (completions === undefined) faults.required(`${path}.completions`, "when completion mode is Indexed");
    if (parallelism > indexedParallelismMax) {
      const detail = `must be less than or equal to ${indexedParallelismMax} when completion mode is Indexed`;
      faults.invalid(`${path}.parallelism`, parallelism, detail);
    }
    if (spec.maxFailedIndexes !== undefined && spec.maxFailedIndexes > (completions ?? 0)) {
      const detail = "must be less than or equal to completions";
      faults.invalid(`${path}.maxFailedIndexes`, spec.maxFailedIndexes, detail);
    }
    return;
  }
  for (const field of ["backoffLimitPerIndex", "maxFailedIndexes"] as const) {
    if (spec[field] !== undefined) {
      faults.invalid(`${path}.${field}`, spec[field], "requires indexed completion mode");
    }
  }
}

function checkFailurePolicy(faults: Faults, path: string, spec: JobSpec): void {
  if (spec.podFailurePolicy === undefined) return;
  const { restartPolicy } = spec.template.spec;
  if (restartPolicy !== "Never") {
    const field = path.replace(/podFailurePolicy$/, "template.spec.restartPolicy");
    faults.invalid(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified');
  }
  const rules = spec.podFailurePolicy.rules ?? [];
  if (rules.length > rulesMax) faults.tooMany(`${path}.rules`, rules.length, rulesMax);
  const names = [...spec.template.spec.containers, ...(spec.template.spec.initContainers ?? [])].map(
    ({ name }) => name,
  );
  for (const [index, rule] of rules.entries()) {
    checkFailureRule(faults, `${path}.rules[${index}]`, rule, spec, names);
  }
}

function checkFailureRule(
  faults: Faults,
  path: string,
  { action, onExitCodes, onPodConditions = [] }: PodFailureRule,
  spec: JobSpec,
  containers: readonly string[],
): void {
  if (!action) faults.required(`${path}.action`, 'valid values: ["Count" "FailIndex" "FailJob" "Ignore"]');
  else faults.oneOf(`${path}.action`, action, ["Count", "FailIndex", "FailJob", "Ignore"]);
  if (action === "FailIndex" && spec.backoffLimitPerIndex === undefined) {
    faults.invalid(`${path}.action`, action, "requires the backoffLimitPerIndex to be set");
  }
  if (onExitCodes !== undefined) {
    const { operator, values = [], containerName } = onExitCodes;
    faults.oneOf(`${path}.onExitCodes.operator`, operator, ["In", "NotIn"]);
    if (containerName !== undefined && !containers.includes(containerName)) {
      faults.invalid(
        `${path}.onExitCodes.containerName`,
        containerName,
        "must be one of the container or initContainer names in the pod template",
      );
    }
    const at = `${path}.onExitCodes.values`;
    if (values.length === 0) faults.invalid(at, values, "at least one value is required");
    else if (values.length > valuesMax) faults.tooMany(at, values.length, valuesMax);
    for (const [place, value] of values.entries()) {
      if (operator === "In" && value === 0)
        faults.invalid(`${at}[${place}]`, value, "must not be 0 for the In operator");
      if (values.indexOf(value) < place) faults.duplicate(`${at}[${place}]`, value);
      else if (place > 0 && value < (values[place - 1] ?? value)) {
        faults.invalid(at, values, "must be ordered");
      }
    }
  }
  for (const [place, { type, status }] of onPodConditions.entries()) {
    faults.key(`${path}.onPodConditions[${place}].type`, type);
    faults.oneOf(`${path}.onPodConditions[${place}].status`, status, ["False", "True", "Unknown"]);
  }
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    faults.invalid(path, "", "specifying both OnExitCodes and OnPodConditions is not supported");
  } else if (onExitCodes === undefined && onPodConditions.length === 0) {
    faults.invalid(path, undefined, "specifying one of OnExitCodes and OnPodConditions is required");
  }
}

function checkSuccessPolicy(faults: Faults, path: string, spec: JobSpec): void {
  if (spec.successPolicy === undefined) return;
  if (spec.completionMode !== "Indexed") {
    const detail = "requires indexed completion mode";
    faults.invalid(path, spec.successPolicy, detail);
  }
  const rules = spec.successPolicy.rules ?? [];
  if (rules.length === 0)
    faults.required(
      `${path}.rules`,
      "at least one rules must be specified when the successPolicy is specified",
    );
  if (rules.length > rulesMax) faults.tooMany(`${path}.rules`, rules.length, rulesMax);
  for (const [index, { succeededCount, succeededIndexes }] of rules.entries()) {
    const at = `${path}.rules[${index}]`;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      faults.required(at, "at least one of succeededCount or succeededIndexes must be specified");
    }
    if (succeededIndexes !== undefined) {
      const fault = indexesFault(succeededIndexes, spec.completions ?? 0);
      if (fault !== undefined) {
        faults.invalid(
          `${at}.succeededIndexes`,
          succeededIndexes,
          `error parsing succeededIndexes: ${fault}`,
        );
      }
    }
    faults.atLeastZero(`${at}.succeededCount`, succeededCount);
    if (succeededCount !== undefined && spec.completions !== undefined && succeededCount > spec.completions) {
      faults.invalid(
        `${at}.succeededCount`,
        succeededCount,
        `must be less than or equal to ${spec.completions} (the number of specified completions)`,
      );
    }
    const listed =
      succeededIndexes === undefined ? 0 : parseIndexes(succeededIndexes, spec.completions ?? 0).size;
    if (succeededCount !== undefined && listed > 0 && succeededCount > listed) {
      const what = "the number of indexes in the specified succeededIndexes field";
      faults.invalid(
        `${at}.succeededCount`,
        succeededCount,
        `must be less than or equal to ${listed} (${what})`,
      );
    }
  }
}

function checkUpdate(faults: Faults, { spec }: Job, { spec: before, status }: Job): void {
  const { completions } = spec;
  if (completions !== before.completions) {
    if (spec.completionMode !== "Indexed") faults.invalid("spec.completions", completions, immutable);
    else if (completions !== undefined && completions !== spec.parallelism) {
      const detail = "can only be modified in tandem with spec.parallelism";
      faults.invalid("spec.completions", completions, detail);
    }
  }
  for (const field of [
    "selector",
    "completionMode",
    "podFailurePolicy",
    "successPolicy",
    "managedBy",
  ] as const) {
    if (!jsonEqual(spec[field], before[field]))
      faults.invalid(`spec.${field}`, spec[field] ?? null, immutable);
  }
  if (spec.backoffLimitPerIndex !== before.backoffLimitPerIndex) {
    faults.invalid("spec.backoffLimitPerIndex", spec.backoffLimitPerIndex ?? null, immutable);
  }
  // One that never started may still be told where to run.
  const mayMove = before.suspend === true && !status?.startTime;
  const now = mayMove ? withoutPlace(spec.template) : spec.template;
  const then = mayMove ? withoutPlace(before.template) : before.template;
  if (!jsonEqual(now, then)) faults.invalid("spec.template", spec.template, immutable);
}

function withoutPlace({ metadata, spec }: PodTemplateSpec): unknown {
  const { labels: _labels, annotations: _annotations, ...meta } = metadata ?? {};
  const {
    nodeSelector: _selector,
    affinity,
    tolerations: _tolerations,
    schedulingGates: _gates,
    ...rest
  } = spec;
  const { nodeAffinity: _nodes, ...others } = affinity ?? {};
  return { metadata: meta, spec: { ...rest, affinity: others } };
}
