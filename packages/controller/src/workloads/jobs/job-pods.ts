import type { Pod } from "@selvedge/kinds";
import { podFromTemplate } from "../template.ts";
import { indexFailures, indexFailuresAnnotation } from "./job-failure.ts";
import { hasFailed, indexKey, indexOf, type JobView, trackingFinalizer } from "./job-view.ts";

/** So that a name with its index and five letters is still a host name. */
const nameMax = 63;
const suffixMax = 6;

/** A Pod of the Job; with its number when each has one. */
export function podOfJob({ job, pods }: JobView, index: number | undefined): Pod {
  const pod = podFromTemplate(job, job.spec.template);
  const { metadata, spec } = pod;
  metadata.finalizers = [
    ...(metadata.finalizers ?? []).filter((one) => one !== trackingFinalizer),
    trackingFinalizer,
  ];
  if (index === undefined) return pod;
  const hostname = `${job.metadata.name}-${index}`;
  metadata.generateName = `${hostname.slice(0, nameMax - suffixMax)}-`;
  metadata.labels = { ...metadata.labels, [indexKey]: `${index}` };
  metadata.annotations = { ...metadata.annotations, [indexKey]: `${index}` };
  if (job.spec.backoffLimitPerIndex !== undefined) {
    const failures = pods.filter((one) => indexOf(one) === index && hasFailed(job, one));
    const most = Math.max(0, ...failures.map((one) => indexFailures(job, one)));
    metadata.annotations[indexFailuresAnnotation] = `${most}`;
  }
  spec.hostname = hostname;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    container.env ??= [];
    if (container.env.some(({ name }) => name === "JOB_COMPLETION_INDEX")) continue;
    const fieldRef = { fieldPath: `metadata.labels['${indexKey}']` };
    container.env.push({ name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef } });
  }
  return pod;
}

/** The lowest indexes that neither run nor have ended for good. */
export function missingIndexes(view: JobView, count: number): number[] {
  const { job, active, terminating, completed, failedIndexes } = view;
  const busy = job.spec.podReplacementPolicy === "Failed" ? [...active, ...terminating] : active;
  const taken = new Set(busy.map(indexOf));
  const found: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && found.length < count; index++) {
    if (!taken.has(index) && !completed.has(index) && !failedIndexes.has(index)) found.push(index);
  }
  return found;
}

/** Pods whose index is another's too, or none that is still wanted. */
export function surplusIndexes({ job, active, completed, failedIndexes }: JobView): Pod[] {
  const completions = job.spec.completions ?? 0;
  const seen = new Set<number>();
  return active.filter((pod) => {
    const index = indexOf(pod);
    const wanted =
      index !== undefined && index < completions && !completed.has(index) && !failedIndexes.has(index);
    if (!wanted || seen.has(index)) return true;
    seen.add(index);
    return false;
  });
}
