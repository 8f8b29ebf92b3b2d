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
  const { current, recommended } = inputs;
  const steady = stabilized(inputs);
  const isHeld = steady !== recommended;
  const which = recommended >= current ? "Up" : "Down";
  const [other, extreme] = which === "Up" ? ["lower", "lowest"] : ["higher", "highest"];
  const able: ConditionSays = {
    ...{ type: "AbleToScale", status: "True" },
    reason: isHeld ? `Scale${which}Stabilized` : "ReadyForNewScale",
    message: isHeld
      ? `recent recommendations were ${other} than current one, applying the ${extreme} recent recommendation`
      : "recommended size matches current size",
  };
  const { replicas, reason, message } = limitedTo(inputs, steady);
  const status = replicas === steady ? "False" : "True";
  return { replicas, able, limited: { type: "ScalingLimited", status, reason, message } };
}

/** Upwards the least, downwards the most of what was recommended within the windows. */
function stabilized({ spec, usual, history, current, recommended, now }: PaceInputs): number {
  const within = (window: number): number[] =>
    history.recommended.filter(({ at }) => at > now - seconds(window)).map(({ count }) => count);
  const up = spec.behavior?.scaleUp ?? usual.up;
  const down = spec.behavior?.scaleDown ?? usual.down;
  const least = Math.min(recommended, ...within(up.stabilizationWindowSeconds ?? 0));
  const most = Math.max(recommended, ...within(down.stabilizationWindowSeconds ?? downWindow));
  return Math.min(Math.max(current, least), most);
}

type Limited = { readonly replicas: number; readonly reason: string; readonly message: string };

function limitedTo({ spec, usual, history, current, now }: PaceInputs, wanted: number): Limited {
  const { minReplicas = 1, maxReplicas, behavior } = spec;
  if (wanted > current) {
    const rules = behavior?.scaleUp ?? usual.up;
    const limit = Math.max(current, limitOf("up", rules, history, current, now));
    const highest = Math.min(maxReplicas, limit);
    if (wanted > highest && limit < maxReplicas) {
      const message = "the desired replica count is increasing faster than the maximum scale rate";
      return { replicas: highest, reason: "ScaleUpLimit", message };
    }
    if (wanted > highest) {
      const message = "the desired replica count is more than the maximum replica count";
      return { replicas: highest, reason: "TooManyReplicas", message };
    }
  } else if (wanted < current) {
    const rules = behavior?.scaleDown ?? usual.down;
    const limit = Math.min(current, limitOf("down", rules, history, current, now));
    const lowest = Math.max(minReplicas, limit);
    if (wanted < lowest && limit > minReplicas) {
      const message = "the desired replica count is decreasing faster than the maximum scale rate";
      return { replicas: lowest, reason: "ScaleDownLimit", message };
    }
    if (wanted < lowest) {
      const message = "the desired replica count is less than the minimum replica count";
      return { replicas: lowest, reason: "TooFewReplicas", message };
    }
  }
  const message = "the desired count is within the acceptable range";
  return { replicas: wanted, reason: "DesiredWithinRange", message };
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
