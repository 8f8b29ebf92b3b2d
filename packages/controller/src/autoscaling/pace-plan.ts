/** How fast a number may follow what is recommended: upstream's policies and its looking back. Pure. */
import { after, type Instant, seconds } from "@selvedge/base";
import type { HorizontalPodAutoscaler, ScalingRules } from "@selvedge/kinds";
import type { ConditionSays } from "../objects/conditions.ts";

interface At {
  readonly at: Instant;
  readonly count: number;
}

/** What was recommended and done of late; nothing older than an hour is looked at. */
export interface PaceHistory {
  readonly recommended: readonly At[];
  readonly added: readonly At[];
  readonly removed: readonly At[];
}

export const noHistory: PaceHistory = { recommended: [], added: [], removed: [] };

/** As long as the longest that can be asked for. */
const remembered = seconds(3600);
/** How long a smaller number is waited with where nothing is said. */
const downWindow = 300;

export interface Pace {
  readonly replicas: number;
  readonly able: ConditionSays;
  readonly limited: ConditionSays;
}

export interface PaceInputs {
  readonly spec: HorizontalPodAutoscaler["spec"];
  readonly usual: { readonly up: ScalingRules; readonly down: ScalingRules };
  readonly history: PaceHistory;
  readonly current: number;
  readonly recommended: number;
  readonly now: Instant;
}

export function planPace(inputs: PaceInputs): Pace {
  const { spec, current, recommended } = inputs;
  const steady = spec.behavior === undefined ? highest(inputs, downWindow) : stabilized(inputs);
  const isHeld = steady !== recommended;
  const which = spec.behavior !== undefined && recommended >= current ? "Up" : "Down";
  const [other, extreme] = which === "Up" ? ["lower", "lowest"] : ["higher", "highest"];
  const able: ConditionSays = {
    ...{ type: "AbleToScale", status: "True" },
    reason: isHeld ? `Scale${which}Stabilized` : "ReadyForNewScale",
    message: isHeld
      ? `recent recommendations were ${other} than current one, applying the ${extreme} recent recommendation`
      : "recommended size matches current size",
  };
  const { replicas, reason, message } =
    spec.behavior === undefined ? plainlyLimited(inputs, steady) : limitedTo(inputs, steady);
  const status = replicas === steady ? "False" : "True";
  return { replicas, able, limited: { type: "ScalingLimited", status, reason, message } };
}

function within({ history, now }: PaceInputs, window: number): number[] {
  return history.recommended.filter(({ at }) => at > now - seconds(window)).map(({ count }) => count);
}

function highest(inputs: PaceInputs, window: number): number {
  return Math.max(inputs.recommended, ...within(inputs, window));
}

/** Upwards the least, downwards the most of what was recommended within the windows. */
function stabilized(inputs: PaceInputs): number {
  const { spec, usual, current, recommended } = inputs;
  const up = spec.behavior?.scaleUp ?? usual.up;
  const down = spec.behavior?.scaleDown ?? usual.down;
  const least = Math.min(recommended, ...within(inputs, up.stabilizationWindowSeconds ?? 0));
  const most = highest(inputs, down.stabilizationWindowSeconds ?? downWindow);
  return Math.min(Math.max(current, least), most);
}

type Limited = { readonly replicas: number; readonly reason: string; readonly message: string };

const limits = {
  ScaleUpLimit: "the desired replica count is increasing faster than the maximum scale rate",
  TooManyReplicas: "the desired replica count is more than the maximum replica count",
  ScaleDownLimit: "the desired replica count is decreasing faster than the maximum scale rate",
  TooFewReplicas: "the desired replica count is less than the minimum replica count",
  DesiredWithinRange: "the desired count is within the acceptable range",
} as const;

function limited(replicas: number, reason: keyof typeof limits): Limited {
  return { replicas, reason, message: limits[reason] };
}

/** Where nothing is said of the pace: twice as many, or four, whenever it is looked at. */
function plainlyLimited({ spec, current }: PaceInputs, wanted: number): Limited {
  const { minReplicas = 1, maxReplicas } = spec;
  const limit = Math.max(2 * current, 4);
  if (wanted < minReplicas) return limited(minReplicas, "TooFewReplicas");
  if (wanted <= Math.min(maxReplicas, limit)) return limited(wanted, "DesiredWithinRange");
  return maxReplicas > limit ? limited(limit, "ScaleUpLimit") : limited(maxReplicas, "TooManyReplicas");
}

function limitedTo({ spec, usual, history, current, now }: PaceInputs, wanted: number): Limited {
  const { minReplicas = 1, maxReplicas, behavior } = spec;
  if (wanted > current) {
    const rules = behavior?.scaleUp ?? usual.up;
    const limit = Math.max(current, limitOf("up", rules, history, current, now));
    const most = Math.min(maxReplicas, limit);
    if (wanted > most) return limited(most, limit < maxReplicas ? "ScaleUpLimit" : "TooManyReplicas");
  } else if (wanted < current) {
    const rules = behavior?.scaleDown ?? usual.down;
    const limit = Math.min(current, limitOf("down", rules, history, current, now));
    const least = Math.max(minReplicas, limit);
    if (wanted < least) return limited(least, limit > minReplicas ? "ScaleDownLimit" : "TooFewReplicas");
  }
  return limited(wanted, "DesiredWithinRange");
}

function limitOf(
  way: "up" | "down",
  rules: ScalingRules,
  history: PaceHistory,
  current: number,
  now: Instant,
): number {
  const { selectPolicy = "Max", policies = [] } = rules;
  if (selectPolicy === "Disabled") return current;
  const allowed = policies.map(({ type, value, periodSeconds }) => {
    const changed = (events: readonly At[]): number =>
      events.filter(({ at }) => at > now - seconds(periodSeconds)).reduce((all, { count }) => all + count, 0);
    const atStart = current - changed(history.added) + changed(history.removed);
    if (type === "Pods") return way === "up" ? atStart + value : atStart - value;
    return way === "up" ? Math.ceil(atStart * (1 + value / 100)) : Math.trunc(atStart * (1 - value / 100));
  });
  // The largest change is the highest number upwards and the lowest downwards.
  return (selectPolicy === "Max") === (way === "up") ? Math.max(...allowed) : Math.min(...allowed);
}

/** With what was just recommended, and without what nobody looks at any more. */
export function withRecommendation(history: PaceHistory, count: number, now: Instant): PaceHistory {
  const kept = history.recommended.filter(({ at }) => after(at, remembered) > now);
  return { ...history, recommended: [...kept, { at: now, count }] };
}

export function withChange(history: PaceHistory, from: number, to: number, now: Instant): PaceHistory {
  const kept = (events: readonly At[]): At[] => events.filter(({ at }) => after(at, remembered) > now);
  const [added, removed] = [kept(history.added), kept(history.removed)];
  if (to > from) added.push({ at: now, count: to - from });
  else removed.push({ at: now, count: from - to });
  return { ...history, added, removed };
}
