/** How many Pods an autoscaler's figures ask for, and what it says of them. Pure. */
import {
  formatBinary,
  formatDecimal,
  type LabelSelector,
  parseQuantity,
  toMillis,
} from "@selvedge/apimachinery";
import { type Instant, instant, millis } from "@selvedge/base";
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, Pod } from "@selvedge/kinds";
import type { AppUsage } from "../ingest/usage.ts";
import type { ConditionSays } from "../objects/conditions.ts";
import { podMetricsOf } from "../telemetry/usage-api.ts";
import { type Load, type LoadInputs, planLoad, type Sample } from "./load-plan.ts";

export interface MetricInputs {
  readonly namespace: string;
  readonly spec: HorizontalPodAutoscaler["spec"];
  /** Those that the target's selector means. */
  readonly pods: readonly Pod[];
  /** How many there should be by now. */
  readonly current: number;
  readonly usageOf: (pod: Pod) => AppUsage | undefined;
  readonly now: Instant;
}

export interface MetricFault {
  /** Of the event and the condition. */
  readonly reason: string;
  readonly fault: string;
  /** What could not be had, for the event about all figures. */
  readonly what: string;
}

/** What comes of the figures: the replicas they ask for, and what each of them is. */
export interface Proposal {
  /** Undefined: nothing can be done by them. */
  readonly replicas: number | undefined;
  readonly metric: string;
  readonly active: ConditionSays;
  readonly statuses: MetricStatus[];
  readonly faults: readonly MetricFault[];
}

type Measured =
  | MetricFault
  | { readonly replicas: number; readonly metric: string; readonly status: MetricStatus };

/** As upstream, where the autoscaler says nothing. */
const usualTolerance = 0.1;

/** The largest of what the figures ask for; fewer Pods only when all of them are known. */
export function planMetrics(inputs: MetricInputs): Proposal {
  const { metrics = [] } = inputs.spec;
  const found = metrics.map((metric) => measure(metric, inputs));
  const statuses = found.map((one) => ("fault" in one ? { type: "" } : one.status));
  const faults = found.filter((one) => "fault" in one);
  const [best] = found
    .filter((one) => "replicas" in one)
    .sort((left, right) => right.replicas - left.replicas);
  const [first] = faults;
  if (best === undefined || (first !== undefined && best.replicas < inputs.current)) {
    const message = `the HPA was unable to compute the replica count: ${first?.fault ?? "no metrics"}`;
    const reason = first?.reason ?? "FailedGetResourceMetric";
    const active = { type: "ScalingActive", status: "False", reason, message } as const;
    return { replicas: undefined, metric: "", active, statuses, faults };
  }
  const message = `the HPA was able to successfully calculate a replica count from ${best.metric}`;
  const active = { type: "ScalingActive", status: "True", reason: "ValidMetricFound", message } as const;
  return { replicas: best.replicas, metric: best.metric, active, statuses, faults };
}

/** What is said of all figures together when nothing can be done by them. */
export function invalidMetrics(count: number, faults: readonly MetricFault[]): string {
  const [first] = faults;
  const many = `invalid metrics (${faults.length} invalid out of ${count})`;
  return `${many}, first error is: failed to get ${first?.what}: ${first?.fault}`;
}

function measure(metric: MetricSpec, inputs: MetricInputs): Measured {
  const source = metric.resource ?? metric.containerResource;
  if (source === undefined) return foreign(metric, inputs.namespace);
  const { pods, current, now } = inputs;
  const { name, target } = source;
  const container = metric.containerResource?.container;
  const [reason, what] =
    container === undefined
      ? ["FailedGetResourceMetric", `${name} resource metric value`]
      : ["FailedGetContainerResourceMetric", `${container} container metric value`];
  const figure = target.averageValue === undefined ? "utilization" : "usage";
  const failed = (fault: string): Measured => ({
    reason,
    what,
    fault: `failed to get ${name} ${figure}: ${fault}`,
  });
  const { samples, isSilent } = samplesOf(inputs, name, container);
  if (isSilent) {
    return failed(
      `unable to get metrics for resource ${name}: no metrics returned from resource metrics API`,
    );
  }
  if (pods.length === 0) return failed("no pods returned by selector while calculating replica count");
  const terms = {
    ...{ pods, samples, isCpu: name === "cpu", current, now },
    tolerance: toleranceOf(inputs.spec),
  };
  const load =
    target.averageValue === undefined
      ? planLoad({
          ...terms,
          target: { percent: target.averageUtilization ?? 0, requests: requestsOf(pods, name, container) },
        })
      : planLoad({ ...terms, target: { average: millisOf(target.averageValue) } });
  if (typeof load === "string") return failed(load);
  const kind = container === undefined || load.percent === undefined ? "resource" : "container resource";
  const share = load.percent === undefined ? "" : " utilization (percentage of request)";
  return { replicas: load.replicas, metric: `${name} ${kind}${share}`, status: statusOf(metric, load) };
}

function toleranceOf({ behavior }: MetricInputs["spec"]): LoadInputs["tolerance"] {
  const of = (said: string | undefined): number =>
    said === undefined ? usualTolerance : Number(parseQuantity(said) ?? 0n) / 1e9;
  return { up: of(behavior?.scaleUp?.tolerance), down: of(behavior?.scaleDown?.tolerance) };
}

/** In thousandths, by the Pod's name; silent: nothing at all is said of any. */
function samplesOf(
  { pods, usageOf }: MetricInputs,
  resource: string,
  container: string | undefined,
): { readonly samples: Map<string, Sample>; readonly isSilent: boolean } {
  const samples = new Map<string, Sample>();
  let isSilent = true;
  for (const pod of pods) {
    const usage = usageOf(pod);
    const measured = usage && podMetricsOf(pod, usage);
    if (usage === undefined || measured === undefined) continue;
    isSilent = false;
    const amounts = measured.containers
      .filter((one) => container === undefined || one.name === container)
      .map((one) => (resource === "cpu" || resource === "memory" ? one.usage[resource] : undefined));
    if (amounts.length === 0 || amounts.includes(undefined)) continue;
    const amount = amounts.reduce((all, one) => all + millisOf(one), 0);
    samples.set(pod.metadata.name, { at: instant(usage.at), window: millis(usage.window), amount });
  }
  return { samples, isSilent };
}

/** Nobody here serves the APIs of figures that are not of Pods' resources: upstream's words for that. */
function foreign({ type, external, pods, object }: MetricSpec, namespace: string): MetricFault {
  const api = external === undefined ? "custom" : "external";
  const none = `no ${api} metrics API (${api}.metrics.k8s.io) registered`;
  const why = `unable to fetch metrics from ${api} metrics API: ${none}`;
  const reason = `FailedGet${type}Metric`;
  const { name = "", selector } = (external ?? pods ?? object)?.metric ?? {};
  if (object !== undefined) {
    const { kind, name: of } = object.describedObject;
    const fault = `unable to get metric ${name}: ${why} on ${kind} ${namespace}/${of}`;
    return { reason, fault, what: "object metric value" };
  }
  if (external === undefined)
    return { reason, fault: `unable to get metric ${name}: ${why}`, what: "pods metric value" };
  const which = `${namespace}/${name}/${goText(selector)}`;
  return {
    reason,
    fault: `unable to get external metric ${which}: ${why}`,
    what: `${name} external metric value`,
  };
}

/** As upstream's language prints one. */
function goText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "nil";
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([left], [right]) =>
    left < right ? -1 : 1,
  );
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],},`,
  );
  const matchLabels = `map[string]string{${labels.map(([key, value]) => `${key}: ${value},`).join("")}}`;
  const matchExpressions = `[]LabelSelectorRequirement{${expressions.join("")}}`;
  return `&LabelSelector{MatchLabels:${matchLabels},MatchExpressions:${matchExpressions},}`;
}

function statusOf({ type, resource, containerResource }: MetricSpec, load: Load): MetricStatus {
  const { name = "", container = "" } = containerResource ?? {};
  const format = (resource?.name ?? name) === "memory" ? formatBinary : formatDecimal;
  const current = {
    averageValue: format(BigInt(load.average) * 1_000_000n),
    ...(load.percent !== undefined && { averageUtilization: load.percent }),
  };
  if (resource !== undefined) return { type, resource: { name: resource.name, current } };
  return { type, containerResource: { name, container, current } };
}

function millisOf(amount: string | undefined): number {
  return toMillis(parseQuantity(amount ?? "0") ?? 0n);
}

/** In thousandths, by the Pod's name; a text where a container says nothing. */
function requestsOf(
  pods: readonly Pod[],
  resource: string,
  only: string | undefined,
): Map<string, number> | string {
  const requests = new Map<string, number>();
  for (const { metadata, spec } of pods) {
    const beside = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
    let all = 0;
    for (const { name, resources } of [...spec.containers, ...beside]) {
      if (only !== undefined && name !== only) continue;
      const request = resources?.requests?.[resource];
      if (request === undefined)
        return `missing request for ${resource} in container ${name} of Pod ${metadata.name}`;
      all += millisOf(request);
    }
    requests.set(metadata.name, all);
  }
  return requests;
}
