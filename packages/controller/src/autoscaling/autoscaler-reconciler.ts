import { matchesLabels, type Requirement } from "@selvedge/apimachinery";
import { type Clock, jsonEqual, seconds, toRfc3339 } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import {
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type MetricStatus,
  type Pod,
  usualRules,
} from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { UsageBook } from "../ingest/usage-book.ts";
import type { Caches } from "../objects/caches.ts";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { invalidMetrics, type Proposal, planMetrics } from "./metric-plan.ts";
import { noHistory, type PaceHistory, planPace, withChange, withRecommendation } from "./pace-plan.ts";
import { podsOf, rescale, type ScaleTargetDeps, selectorOf, type Target, targetOf } from "./scale-target.ts";

export interface AutoscalerDeps extends ScaleTargetDeps {
  readonly caches: Pick<Caches, "pods" | "autoscalers">;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly usages: Pick<UsageBook, "app">;
}

/** As often as upstream. */
const turn = seconds(15);
/** Controllers have no more than a fleet's worth of autoscalers; the oldest memory goes first. */
const memoriesMax = 10_000;
const component = "horizontal-pod-autoscaler";

/** What is remembered of an autoscaler from one look to the next. */
interface Memory {
  readonly history: PaceHistory;
  /** Which Pods it had the last time it looked at them. */
  readonly selector?: readonly Requirement[];
}

/**
 * Sets how many Pods something has by what they use, which their nodes report. The key is `namespace/name`. What was
 * recommended of late is in memory: who takes over begins with the number there is.
 */
export class AutoscalerReconciler implements Reconciler {
  readonly name = "autoscaler";
  readonly reads: readonly string[] = ["HorizontalPodAutoscaler", "Pod", "usage", "what is scaled"];
  readonly writes: readonly string[] = ["HorizontalPodAutoscaler.status", "scale of what is scaled"];
  readonly #deps: AutoscalerDeps;
  readonly #memories = new Map<string, Memory>();

  constructor(deps: AutoscalerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const autoscaler = caches.autoscalers.get(name, namespace);
    if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) {
      this.#memories.delete(key);
      return settled;
    }
    const target = await targetOf(this.#deps, autoscaler.spec.scaleTargetRef, namespace);
    if (typeof target === "string") {
      await this.#tell(autoscaler, "Warning", "FailedGetScale", target);
      const message = `the HPA controller was unable to get the target's current scale: ${target}`;
      const says = { type: "AbleToScale", status: "False", reason: "FailedGetScale", message } as const;
      await this.#say(autoscaler, [says], {});
    } else {
      const now = clock.now();
      const { selector, history = withRecommendation(noHistory, target.replicas, now) } =
        this.#memories.get(key) ?? {};
      this.#remember(key, { history, ...(selector && { selector }) });
      await this.#scale(key, autoscaler, target, history);
    }
    return lookAgain("what Pods use changes", turn);
  }

  async #scale(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    target: Target,
    history: PaceHistory,
  ): Promise<void> {
    const now = this.#deps.clock.now();
    const { spec } = autoscaler;
    const { minReplicas = 1, maxReplicas } = spec;
    const current = target.replicas;
    const able: ConditionSays = {
      ...{ type: "AbleToScale", status: "True", reason: "SucceededGetScale" },
      message: "the HPA controller was able to get the target's current scale",
    };
    const known = { currentReplicas: current, currentMetrics: [] };
    if (current === 0 && minReplicas !== 0) {
      const message = "scaling is disabled since the replica count of the target is zero";
      const off = { type: "ScalingActive", status: "False", reason: "ScalingDisabled", message } as const;
      return await this.#say(autoscaler, [able, off], { ...known, desiredReplicas: 0 });
    }
    if (current > maxReplicas || current < minReplicas) {
      const side = current > maxReplicas ? "above Spec.MaxReplicas" : "below Spec.MinReplicas";
      const to = Math.min(Math.max(current, minReplicas), maxReplicas);
      const why = `Current number of replicas ${side}`;
      return await this.#rescale(key, autoscaler, target, { to, why, history, says: [], seen: known });
    }
    const proposal = await this.#proposalOf(key, autoscaler, target);
    const seen = { currentReplicas: current, currentMetrics: proposal.statuses };
    for (const { reason, fault } of proposal.faults) await this.#tell(autoscaler, "Warning", reason, fault);
    if (proposal.replicas === undefined) {
      await this.#say(autoscaler, [able, proposal.active], seen);
      return await this.#tell(autoscaler, "Warning", "FailedComputeMetricsReplicas", proposal.failure);
    }
    const pace = planPace({
      ...{ spec, usual: usualRules, history, current, recommended: proposal.replicas, now },
    });
    const looked = withRecommendation(history, proposal.replicas, now);
    this.#remember(key, { ...this.#memories.get(key), history: looked });
    const says = [pace.able, proposal.active, pace.limited];
    if (pace.replicas === current) {
      return await this.#say(autoscaler, says, { ...seen, desiredReplicas: current });
    }
    const below = proposal.replicas < current ? "All metrics below target" : "";
    const why = proposal.replicas > current ? `${proposal.metric} above target` : below;
    await this.#rescale(key, autoscaler, target, { to: pace.replicas, why, history: looked, says, seen });
  }

  async #rescale(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    target: Target,
    { to, why, history, says, seen }: Step,
  ): Promise<void> {
    const { clock } = this.#deps;
    const fault = await rescale(this.#deps, target, to);
    if (fault !== undefined) {
      const size = `New size: ${to}; reason: ${why}; error: ${fault}`;
      await this.#tell(autoscaler, "Warning", "FailedRescale", size);
      const message = `the HPA controller was unable to update the target scale: ${fault}`;
      const unable = { type: "AbleToScale", status: "False", reason: "FailedUpdateScale", message } as const;
      return await this.#say(autoscaler, [...says, unable], seen);
    }
    await this.#tell(autoscaler, "Normal", "SuccessfulRescale", `New size: ${to}; reason: ${why}`);
    const changed = withChange(history, target.replicas, to, clock.now());
    this.#remember(key, { ...this.#memories.get(key), history: changed });
    const message = `the HPA controller was able to update the target scale to ${to}`;
    const able = { type: "AbleToScale", status: "True", reason: "SucceededRescale", message } as const;
    await this.#say(autoscaler, [...says, able], { ...seen, desiredReplicas: to, isRescaled: true });
  }

  async #proposalOf(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    { selector, replicas: current }: Target,
  ): Promise<Proposal & { readonly failure: string }> {
    const { caches, usages, clock } = this.#deps;
    const { spec, metadata } = autoscaler;
    const { namespace = "" } = metadata;
    const refuse = async (event: string, fault: string, reason: string, message: string) => {
      await this.#tell(autoscaler, "Warning", event, fault);
      const active = { type: "ScalingActive", status: "False", reason, message } as const;
      return { replicas: undefined, metric: "", active, statuses: [], faults: [], failure: fault };
    };
    const read = selectorOf(selector);
    if ("fault" in read) return await refuse(read.event, read.fault, "InvalidSelector", read.says);
    const { requirements } = read;
    this.#remember(key, { history: noHistory, ...this.#memories.get(key), selector: requirements });
    const pods = podsOf(caches, namespace, requirements);
    const scalers = this.#scalersOf(namespace, pods);
    if (scalers.length > 1) {
      const all = scalers.map((one) => `{${splitKey(one).name} ${namespace}}`).join(" ");
      const fault = `pods by selector ${selector} are controlled by multiple HPAs: [${all}]`;
      return await refuse("AmbiguousSelector", fault, "AmbiguousSelector", fault);
    }
    const now = clock.now();
    const usageOf = (pod: Pod): ReturnType<typeof usages.app> => usages.app(pod.metadata.uid ?? "", now);
    const proposal = planMetrics({ namespace, spec, pods, current, usageOf, now });
    return { ...proposal, failure: invalidMetrics(spec.metrics?.length ?? 0, proposal.faults) };
  }

  /** Which autoscalers of the namespace any of these Pods has. */
  #scalersOf(namespace: string, pods: readonly Pod[]): string[] {
    const found: string[] = [];
    for (const [key, { selector }] of this.#memories) {
      if (selector === undefined || splitKey(key).namespace !== namespace) continue;
      if (pods.some(({ metadata }) => matchesLabels(selector, metadata.labels))) found.push(key);
    }
    return found.sort();
  }

  async #say(autoscaler: HorizontalPodAutoscaler, says: readonly ConditionSays[], seen: Seen): Promise<void> {
    const { cluster, clock } = this.#deps;
    const { name, namespace, uid } = autoscaler.metadata;
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
          ...{ ...before, ...counts, conditions },
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

  #remember(key: string, memory: Memory): void {
    this.#memories.delete(key);
    this.#memories.set(key, memory);
    const [oldest] = this.#memories.keys();
    if (this.#memories.size > memoriesMax && oldest !== undefined) this.#memories.delete(oldest);
  }
}

/** A number to come to, and what is said of the way there. */
interface Step {
  readonly to: number;
  readonly why: string;
  readonly history: PaceHistory;
  readonly says: readonly ConditionSays[];
  readonly seen: Seen;
}

interface Seen {
  readonly currentReplicas?: number;
  readonly desiredReplicas?: number;
  readonly currentMetrics?: MetricStatus[];
  readonly isRescaled?: boolean;
}

export function autoscalerWakes(): Wake[] {
  return [
    // Its own words do not wake it: it looks again by time.
    wakeOn<HorizontalPodAutoscaler>(horizontalPodAutoscalerKind, (before, now) => {
      const one = now ?? before;
      if (one === undefined || jsonEqual(before?.spec, now?.spec)) return [];
      return [keyOf(one)];
    }),
  ];
}
