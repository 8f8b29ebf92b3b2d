import {
  formatDecimal,
  matchesLabels,
  parseQuantity,
  requirementsOf,
  toMillis,
} from "@selvedge/apimachinery";
import { type Clock, instant, jsonEqual, millis, seconds, toRfc3339 } from "@selvedge/base";
import { type KindRef, keyOf, splitKey } from "@selvedge/client";
import {
  type Deployment,
  deploymentKind,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type MetricSpec,
  type MetricStatus,
  type Pod,
  type ReplicaSet,
  type ReplicationController,
  replicaSetKind,
  replicationControllerKind,
  type StatefulSet,
  statefulSetKind,
  usualRules,
} from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { UsageBook } from "../ingest/usage-book.ts";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { podMetricsOf } from "../telemetry/usage-api.ts";
import { type Load, type LoadInputs, planLoad, type Sample } from "./load-plan.ts";
import { noHistory, type PaceHistory, planPace, withChange, withRecommendation } from "./pace-plan.ts";

export interface AutoscalerDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly usages: Pick<UsageBook, "app">;
}

type Scaled = Deployment | ReplicaSet | StatefulSet | ReplicationController;

interface Target {
  readonly kind: KindRef;
  readonly object: Scaled;
  readonly replicas: number;
  readonly pods: readonly Pod[];
}

/** What comes of the figures: the replicas they ask for, and what each of them is. */
interface Proposal {
  readonly replicas: number | undefined;
  readonly metric: string;
  readonly active: ConditionSays;
  readonly statuses: MetricStatus[];
}

/** As often as upstream. */
const turn = seconds(15);
const usualTolerance = 0.1;

type Tolerance = LoadInputs["tolerance"];

function toleranceOf(rules: { readonly tolerance?: string } | undefined): number {
  return rules?.tolerance === undefined ? usualTolerance : Number(parseQuantity(rules.tolerance) ?? 0n) / 1e9;
}
/** Controllers have no more than a fleet's worth of autoscalers; the oldest history goes first. */
const historiesMax = 10_000;
const component = "horizontal-pod-autoscaler";

/**
 * Sets how many Pods something has by what they use, which their nodes report. The key is `namespace/name`. What was
 * recommended of late is in memory: who takes over begins with the number there is.
 */
export class AutoscalerReconciler implements Reconciler {
  readonly name = "autoscaler";
  readonly reads: readonly string[] = ["HorizontalPodAutoscaler", "Pod", "usage", "what is scaled"];
  readonly writes: readonly string[] = ["HorizontalPodAutoscaler.status", "scale of what is scaled"];
  readonly #deps: AutoscalerDeps;
  readonly #histories = new Map<string, PaceHistory>();

  constructor(deps: AutoscalerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const autoscaler = caches.autoscalers.get(name, namespace);
    if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) {
      this.#histories.delete(key);
      return settled;
    }
    const { scaleTargetRef: ref } = autoscaler.spec;
    const target = targetOf(caches, ref, namespace);
    if (typeof target === "string") {
      await this.#tell(autoscaler, "Warning", "FailedGetScale", target);
      const message = `the HPA controller was unable to get the target's current scale: ${target}`;
      const says = { type: "AbleToScale", status: "False", reason: "FailedGetScale", message } as const;
      await this.#say(autoscaler, [says], {});
    } else {
      const now = clock.now();
      const history = this.#histories.get(key) ?? withRecommendation(noHistory, target.replicas, now);
      this.#remember(key, await this.#scale(autoscaler, target, history));
    }
    return lookAgain("what Pods use changes", turn);
  }

  async #scale(
    autoscaler: HorizontalPodAutoscaler,
    target: Target,
    history: PaceHistory,
  ): Promise<PaceHistory> {
    const now = this.#deps.clock.now();
    const { spec, status } = autoscaler;
    const { minReplicas = 1, maxReplicas } = spec;
    const current = target.replicas;
    const able: ConditionSays = {
      ...{ type: "AbleToScale", status: "True", reason: "SucceededGetScale" },
      message: "the HPA controller was able to get the target's current scale",
    };
    const known = { currentReplicas: current, currentMetrics: status?.currentMetrics };
    if (current === 0) {
      const message = "scaling is disabled since the replica count of the target is zero";
      const off = { type: "ScalingActive", status: "False", reason: "ScalingDisabled", message } as const;
      await this.#say(autoscaler, [able, off], { ...known, desiredReplicas: 0 });
      return history;
    }
    if (current > maxReplicas || current < minReplicas) {
      const side = current > maxReplicas ? "above Spec.MaxReplicas" : "below Spec.MinReplicas";
      const bound = Math.min(Math.max(current, minReplicas), maxReplicas);
      const says = await this.#rescale(
        autoscaler,
        target,
        bound,
        `Current number of replicas ${side}`,
        history,
      );
      await this.#say(autoscaler, [says.able], { ...known, desiredReplicas: bound, isRescaled: true });
      return says.history;
    }
    const proposal = this.#proposalOf(spec, target);
    const figures = { currentReplicas: current, currentMetrics: proposal.statuses };
    if (proposal.replicas === undefined) {
      await this.#tell(autoscaler, "Warning", "FailedComputeMetricsReplicas", proposal.active.message ?? "");
      await this.#say(autoscaler, [able, proposal.active], figures);
      return history;
    }
    const pace = planPace({
      ...{ spec, usual: usualRules, history, current, recommended: proposal.replicas, now },
    });
    const looked = withRecommendation(history, proposal.replicas, now);
    const says = [proposal.active, pace.limited];
    if (pace.replicas === current) {
      await this.#say(autoscaler, [pace.able, ...says], { ...figures, desiredReplicas: current });
      return looked;
    }
    const why = pace.replicas > current ? `${proposal.metric} above target` : "All metrics below target";
    const done = await this.#rescale(autoscaler, target, pace.replicas, why, looked);
    const reached = { ...figures, desiredReplicas: pace.replicas, isRescaled: true };
    await this.#say(autoscaler, [done.able, ...says], reached);
    return done.history;
  }

  async #rescale(
    autoscaler: HorizontalPodAutoscaler,
    { kind, object, replicas: before }: Target,
    replicas: number,
    why: string,
    history: PaceHistory,
  ): Promise<{ able: ConditionSays; history: PaceHistory }> {
    const { cluster, clock } = this.#deps;
    const { name, namespace, uid } = object.metadata;
    await cluster.change<Scaled>(kind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid || draft.spec.replicas === replicas) return false;
      draft.spec.replicas = replicas;
      return true;
    });
    await this.#tell(autoscaler, "Normal", "SuccessfulRescale", `New size: ${replicas}; reason: ${why}`);
    const message = `the HPA controller was able to update the target scale to ${replicas}`;
    return {
      able: { type: "AbleToScale", status: "True", reason: "SucceededRescale", message },
      history: withChange(history, before, replicas, clock.now()),
    };
  }

  /** The largest of what the figures ask for; fewer Pods only when all of them are known. */
  #proposalOf({ metrics = [], behavior }: HorizontalPodAutoscaler["spec"], target: Target): Proposal {
    const tolerance = { up: toleranceOf(behavior?.scaleUp), down: toleranceOf(behavior?.scaleDown) };
    const found = metrics.map((metric) => this.#measure(metric, target, tolerance));
    const statuses = found.map((one) => ("fault" in one ? { type: "" } : one.status));
    const [best] = found
      .filter((one) => "replicas" in one)
      .sort((left, right) => right.replicas - left.replicas);
    const fault = found.find((one) => "fault" in one);
    if (best === undefined || (fault !== undefined && best.replicas < target.replicas)) {
      const message = `the HPA was unable to compute the replica count: ${fault?.fault ?? "no metrics"}`;
      const reason = fault?.reason ?? "FailedGetResourceMetric";
      const active = { type: "ScalingActive", status: "False", reason, message } as const;
      return { replicas: undefined, metric: "", active, statuses };
    }
    const message = `the HPA was able to successfully calculate a replica count from ${best.metric}`;
    const active = { type: "ScalingActive", status: "True", reason: "ValidMetricFound", message } as const;
    return { replicas: best.replicas, metric: best.metric, active, statuses };
  }

  #measure(metric: MetricSpec, { pods, replicas: current }: Target, tolerance: Tolerance): Measured {
    const source = metric.resource ?? metric.containerResource;
    if (source === undefined) return foreign(metric);
    const { name, target } = source;
    const container = metric.containerResource?.container;
    const reason = container === undefined ? "FailedGetResourceMetric" : "FailedGetContainerResourceMetric";
    const what =
      target.averageUtilization === undefined ? `${name} resource metric value` : `${name} utilization`;
    const failed = (fault: string): Measured => ({ reason, fault: `failed to get ${what}: ${fault}` });
    const samples = this.#samplesOf(pods, name, container);
    if (samples.size === 0) {
      return failed(
        `unable to get metrics for resource ${name}: no metrics returned from resource metrics API`,
      );
    }
    const requests = target.averageUtilization === undefined ? new Map() : requestsOf(pods, name, container);
    if (typeof requests === "string") return failed(requests);
    const load = planLoad({
      ...{ pods, samples, isCpu: name === "cpu", current, now: this.#deps.clock.now() },
      target:
        target.averageUtilization === undefined
          ? { average: millisOf(target.averageValue) }
          : { percent: target.averageUtilization, requests },
      tolerance,
    });
    if (load === undefined)
      return failed("did not receive metrics for targeted pods (pods might be unready)");
    const kind = `${name} ${container === undefined ? "" : "container "}resource`;
    const metricName = load.percent === undefined ? kind : `${kind} utilization (percentage of request)`;
    return { replicas: load.replicas, metric: metricName, status: statusOf(metric, load) };
  }

  /** In thousandths, by the Pod's name. */
  #samplesOf(pods: readonly Pod[], resource: string, container: string | undefined): Map<string, Sample> {
    const { usages, clock } = this.#deps;
    const samples = new Map<string, Sample>();
    for (const pod of pods) {
      const usage = usages.app(pod.metadata.uid ?? "", clock.now());
      const measured = usage && podMetricsOf(pod, usage);
      const amounts = measured?.containers
        .filter((one) => container === undefined || one.name === container)
        .map((one) => (resource === "cpu" || resource === "memory" ? one.usage[resource] : undefined));
      if (usage === undefined || amounts === undefined || amounts.length === 0) continue;
      if (amounts.includes(undefined)) continue;
      const amount = amounts.reduce((all, one) => all + millisOf(one), 0);
      samples.set(pod.metadata.name, { at: instant(usage.at), window: millis(usage.window), amount });
    }
    return samples;
  }

  async #say(autoscaler: HorizontalPodAutoscaler, says: readonly ConditionSays[], seen: Seen): Promise<void> {
    const { cluster, clock } = this.#deps;
    const { name, namespace, uid, generation = 0 } = autoscaler.metadata;
    const { isRescaled = false, currentMetrics, ...counts } = seen;
    await cluster.changeStatus<HorizontalPodAutoscaler>(
      horizontalPodAutoscalerKind,
      name,
      namespace,
      (draft) => {
        if (draft.metadata.uid !== uid) return false;
        const conditions = structuredClone(draft.status?.conditions ?? []);
        for (const one of says) setCondition(conditions, one, clock.now());
        const before = draft.status ?? { desiredReplicas: 0 };
        const next = {
          ...{ ...before, ...counts, observedGeneration: generation, conditions },
          ...(currentMetrics !== undefined && { currentMetrics }),
          ...(isRescaled && { lastScaleTime: toRfc3339(clock.now()) }),
        };
        if (jsonEqual(next, before)) return false;
        draft.status = next;
        return true;
      },
    );
  }

  async #tell(
    about: HorizontalPodAutoscaler,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): Promise<void> {
    await this.#deps.events.record(about, { type, reason, message, component });
  }

  #remember(key: string, history: PaceHistory): void {
    this.#histories.delete(key);
    this.#histories.set(key, history);
    const [oldest] = this.#histories.keys();
    if (this.#histories.size > historiesMax && oldest !== undefined) this.#histories.delete(oldest);
  }
}

type Measured =
  | { readonly fault: string; readonly reason: string }
  | { readonly replicas: number; readonly metric: string; readonly status: MetricStatus };

interface Seen {
  readonly currentReplicas?: number;
  readonly desiredReplicas?: number;
  readonly currentMetrics?: MetricStatus[] | undefined;
  readonly isRescaled?: boolean;
}

/** Nobody here serves the APIs of figures that are not of Pods' resources: upstream's words for that. */
function foreign({ type, external, pods, object }: MetricSpec): Measured {
  const { name = "" } = (external ?? pods ?? object)?.metric ?? {};
  const api = type === "External" ? "external" : "custom";
  const none = `no ${api} metrics API (${api}.metrics.k8s.io) registered`;
  const fault = `unable to get metric ${name}: unable to fetch metrics from ${api} metrics API: ${none}`;
  return { reason: `FailedGet${type}Metric`, fault };
}

function statusOf({ type, resource, containerResource }: MetricSpec, load: Load): MetricStatus {
  const current = {
    averageValue: formatDecimal(BigInt(load.average) * 1_000_000n),
    ...(load.percent !== undefined && { averageUtilization: load.percent }),
  };
  if (resource !== undefined) return { type, resource: { name: resource.name, current } };
  const { name = "", container = "" } = containerResource ?? {};
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

/** What is scaled and its Pods; a text says why that cannot be told. */
function targetOf(
  caches: Caches,
  { kind, name, apiVersion = "" }: HorizontalPodAutoscaler["spec"]["scaleTargetRef"],
  namespace: string | undefined,
): Target | string {
  const views = [
    [deploymentKind, caches.deployments],
    [replicaSetKind, caches.replicaSets],
    [statefulSetKind, caches.statefulSets],
    [replicationControllerKind, caches.replicationControllers],
  ] as const;
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  const found = views.find(([one]) => one.kind === kind && one.group === group);
  if (found === undefined) return `no matches for kind "${kind}" in group "${group}"`;
  const [ref, view] = found;
  const object: Scaled | undefined = view.get(name, namespace);
  if (object === undefined) return `${ref.plural}${group && `.${group}`} "${name}" not found`;
  const pods = caches.pods.by("namespace", namespace ?? "").filter((pod) => covers(object, pod));
  return { kind: ref, object, replicas: object.spec.replicas ?? 1, pods };
}

function covers({ spec }: Scaled, { metadata }: Pod): boolean {
  const { selector = {} } = spec;
  const labels = "matchLabels" in selector || "matchExpressions" in selector ? selector : undefined;
  const requirements = requirementsOf(labels ?? { matchLabels: selector as Record<string, string> }) ?? [];
  return matchesLabels(requirements, metadata.labels);
}

export function autoscalerWakes(): Wake[] {
  return [
    // Its own words do not wake it: it looks again by time.
    wakeOn<HorizontalPodAutoscaler>(horizontalPodAutoscalerKind, (before, now) => {
      const one = now ?? before;
      if (one === undefined || before?.metadata.generation === now?.metadata.generation) return [];
      return [keyOf(one)];
    }),
  ];
}
