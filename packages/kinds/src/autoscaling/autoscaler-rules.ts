import { dnsLabelFaults, type FieldError, parseQuantity } from "@selvedge/apimachinery";
import { Faults } from "../faults.ts";
import type {
  HorizontalPodAutoscaler,
  MetricIdentifier,
  MetricNow,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  ScalingRules,
  TargetReference,
} from "./autoscaler-types.ts";

const periodMax = 1800;
const windowMax = 3600;
const utilization = 80;

/** What counts where nothing is said: twice as many or four more in fifteen seconds, down to nothing as fast. */
export const usualRules: {
  readonly up: Required<Omit<ScalingRules, "tolerance">>;
  readonly down: Omit<ScalingRules, "tolerance">;
} = {
  up: {
    ...{ stabilizationWindowSeconds: 0, selectPolicy: "Max" },
    policies: [
      { type: "Pods", value: 4, periodSeconds: 15 },
      { type: "Percent", value: 100, periodSeconds: 15 },
    ],
  },
  down: { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] },
};

export function defaultAutoscaler(autoscaler: HorizontalPodAutoscaler): void {
  // The schema says what is missing of it.
  autoscaler.spec ??= {} as HorizontalPodAutoscaler["spec"];
  const { spec } = autoscaler;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: "Utilization", averageUtilization: utilization };
    spec.metrics = [{ type: "Resource", resource: { name: "cpu", target } }];
  }
  if (spec.behavior === undefined) return;
  const { scaleUp, scaleDown } = spec.behavior;
  spec.behavior = {
    scaleUp: { ...structuredClone(usualRules.up), ...scaleUp },
    scaleDown: { ...structuredClone(usualRules.down), ...scaleDown },
  };
}

export function validateAutoscaler(
  { spec }: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler | undefined,
): FieldError[] {
  const faults = new Faults();
  if (spec === old?.spec) return faults.errors;
  const { minReplicas = 1, maxReplicas, metrics = [], behavior } = spec;
  if (minReplicas < 1) faults.invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1");
  if (maxReplicas < 1) faults.invalid("spec.maxReplicas", maxReplicas, "must be greater than 0");
  if (maxReplicas < minReplicas) {
    faults.invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`");
  }
  checkReference(faults, "spec.scaleTargetRef", spec.scaleTargetRef);
  // One that was taken before upstream's rule was ours may be changed otherwise.
  const { scaleTargetRef: target } = spec;
  if (target !== undefined && (old === undefined || target.apiVersion !== old.spec.scaleTargetRef.apiVersion))
    checkGroup(faults, "spec.scaleTargetRef.apiVersion", target);
  for (const [index, metric] of metrics.entries()) checkMetric(faults, `spec.metrics[${index}]`, metric);
  checkRules(faults, "spec.behavior.scaleUp", behavior?.scaleUp);
  checkRules(faults, "spec.behavior.scaleDown", behavior?.scaleDown);
  return faults.errors;
}

/** What is scaled is in a group, as what has a scale is, but for one kind of the core. */
function checkGroup(faults: Faults, at: string, { apiVersion = "", kind }: TargetReference): void {
  const parts = apiVersion.split("/");
  if (parts.length > 2) faults.invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else if ((parts.length < 2 || parts[0] === "") && kind !== "ReplicationController")
    faults.invalid(at, apiVersion, "apiVersion must specify API group");
}

function checkReference(faults: Faults, at: string, reference: TargetReference | undefined): void {
  const { kind, name } = reference ?? {};
  for (const [field, value] of [
    ["kind", kind],
    ["name", name],
  ] as const) {
    if (value === "") faults.required(`${at}.${field}`);
    else if (value !== undefined) checkSegment(faults, `${at}.${field}`, value);
  }
}

/** What may stand between the slashes of a path. */
function checkSegment(faults: Faults, at: string, value: string): void {
  if (value === "." || value === "..") faults.invalid(at, value, `may not be '${value}'`);
  for (const one of ["/", "%"])
    if (value.includes(one)) faults.invalid(at, value, `may not contain '${one}'`);
}

/** By the type of a figure, the member that describes it. */
const memberOf: Readonly<Record<string, (typeof members)[number]>> = {
  ...{ Object: "object", Pods: "pods", Resource: "resource", External: "external" },
  ContainerResource: "containerResource",
};
const members = ["object", "external", "pods", "resource", "containerResource"] as const;
const types = ["ContainerResource", "External", "Object", "Pods", "Resource"];

function checkMetric(faults: Faults, at: string, metric: MetricSpec): void {
  if (metric.type === "") faults.required(`${at}.type`, "must specify a metric source type");
  if (metric.type !== undefined && !(metric.type in memberOf)) faults.oneOf(`${at}.type`, metric.type, types);
  const present = members.filter((member) => metric[member] !== undefined);
  if (present[0] !== undefined) checkSource(faults, `${at}.${present[0]}`, metric, present[0]);
  const expected = memberOf[metric.type];
  if (expected !== undefined && metric[expected] === undefined) {
    faults.required(`${at}.${expected}`, "must populate information for the given metric source");
  }
  if (present.length === 1) return;
  for (const member of present.filter((one) => one !== expected)) {
    faults.forbidden(`${at}.${member}`, "must populate the given metric source only");
  }
}

function checkSource(faults: Faults, at: string, spec: MetricSpec, which: (typeof members)[number]): void {
  const { target } = spec[which] ?? {};
  if (target === undefined) return;
  checkTarget(faults, `${at}.target`, target);
  const { value, averageValue, averageUtilization } = target;
  if (which === "resource" || which === "containerResource") {
    const source = spec[which];
    if (!source?.name) faults.required(`${at}.name`, "must specify a resource name");
    if (which === "containerResource") {
      const { container } = spec.containerResource ?? {};
      if (!container) faults.required(`${at}.container`, "must specify a container");
      else faults.all(`${at}.container`, container, dnsLabelFaults(container));
    }
    if (averageUtilization === undefined && averageValue === undefined) {
      const detail = "must set either a target raw value or a target utilization";
      faults.required(`${at}.target.averageUtilization`, detail);
    }
    if (averageUtilization !== undefined && averageValue !== undefined) {
      const detail = "may not set both a target raw value and a target utilization";
      faults.forbidden(`${at}.target.averageValue`, detail);
    }
    return;
  }
  checkIdentifier(faults, `${at}.metric`, spec[which]?.metric);
  if (which === "object" && spec.object !== undefined) {
    checkReference(faults, `${at}.describedObject`, spec.object.describedObject);
  }
  if (averageValue === undefined && (which === "pods" || value === undefined)) {
    faults.required(`${at}.target.averageValue`, missing[which]);
  }
  if (which === "external" && value !== undefined && averageValue !== undefined) {
    faults.forbidden(`${at}.target.value`, "may not set both a target value for metric and a per-pod target");
  }
}

const missing = {
  object: "must set either a target value or averageValue",
  external: "must set either a target value for metric or a per-pod target",
  pods: "must specify a positive target averageValue",
} as const;

function checkIdentifier(faults: Faults, at: string, metric: MetricIdentifier | undefined): void {
  if (!metric?.name) faults.required(`${at}.name`, "must specify a metric name");
  else checkSegment(faults, `${at}.name`, metric.name);
}

function checkTarget(faults: Faults, at: string, target: MetricTarget): void {
  const { type, averageUtilization } = target;
  if (type === "") faults.required(`${at}.type`, "must specify a metric target type");
  if (type !== undefined && !["Utilization", "Value", "AverageValue"].includes(type)) {
    faults.invalid(`${at}.type`, type, "must be either Utilization, Value, or AverageValue");
  }
  for (const field of ["value", "averageValue"] as const) {
    const amount = target[field];
    if (amount !== undefined && (parseQuantity(amount) ?? 1n) <= 0n) {
      faults.invalid(`${at}.${field}`, amount, "must be positive");
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    faults.invalid(`${at}.averageUtilization`, averageUtilization, "must be greater than 0");
  }
}

function checkRules(faults: Faults, at: string, rules: ScalingRules | undefined): void {
  if (rules === undefined) return;
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies = [], tolerance } = rules;
  if (window < 0)
    faults.invalid(`${at}.stabilizationWindowSeconds`, window, "must be greater than or equal to zero");
  if (window > windowMax) {
    const detail = `must be less than or equal to ${windowMax}`;
    faults.invalid(`${at}.stabilizationWindowSeconds`, window, detail);
  }
  if (selectPolicy !== undefined)
    faults.oneOf(`${at}.selectPolicy`, selectPolicy, ["Disabled", "Max", "Min"]);
  if (policies.length === 0) faults.required(`${at}.policies`, "must specify at least one Policy");
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const here = `${at}.policies[${index}]`;
    faults.oneOf(`${here}.type`, type, ["Percent", "Pods"]);
    if (value <= 0) faults.invalid(`${here}.value`, value, "must be greater than zero");
    if (periodSeconds <= 0) {
      faults.invalid(`${here}.periodSeconds`, periodSeconds, "must be greater than zero");
    }
    if (periodSeconds > periodMax) {
      const detail = `must be less than or equal to ${periodMax}`;
      faults.invalid(`${here}.periodSeconds`, periodSeconds, detail);
    }
  }
  if (tolerance !== undefined && (parseQuantity(tolerance) ?? 0n) < 0n) {
    faults.invalid(`${at}.tolerance`, tolerance, "must be greater than or equal to 0");
  }
}

const shownMax = 2;

/** `cpu: 12%/80%` */
export function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const { metrics = [] } = spec;
  if (metrics.length === 0) return "<none>";
  const shown = metrics
    .slice(0, shownMax)
    .map((metric, index) => targetText(metric, status?.currentMetrics?.[index]));
  const more = metrics.length > shownMax ? ` + ${metrics.length - shownMax} more...` : "";
  return `${shown.join(", ")}${more}`;
}

function targetText(metric: MetricSpec, known: MetricStatus | undefined): string {
  const member = memberOf[metric.type];
  const target = member && metric[member]?.target;
  if (member === undefined || target === undefined) return "<unknown type>";
  const now: MetricNow | undefined = known?.[member]?.current;
  const { averageUtilization, averageValue, value } = target;
  if (member === "resource" || member === "containerResource") {
    const { name = "" } = metric[member] ?? {};
    if (averageValue !== undefined) return `${name}: ${now?.averageValue ?? "<unknown>"}/${averageValue}`;
    const used = now?.averageUtilization === undefined ? "<unknown>" : `${now.averageUtilization}%`;
    return `${name}: ${used}/${averageUtilization === undefined ? "<auto>" : `${averageUtilization}%`}`;
  }
  if (averageValue === undefined) return `${now?.value ?? "<unknown>"}/${value}`;
  const by = member === "pods" ? "" : " (avg)";
  return `${now?.averageValue ?? "<unknown>"}/${averageValue}${by}`;
}
