/** How many Pods a figure asks for: upstream's arithmetic, in thousandths throughout. Pure. */
import { type Instant, type Millis, minutes, seconds } from "@selvedge/base";
import type { Pod } from "@selvedge/kinds";
import { conditionOf } from "../objects/conditions.ts";
import { isGoing } from "../objects/pods.ts";

/** What one Pod uses. */
export interface Sample {
  readonly at: Instant;
  readonly window: Millis;
  readonly amount: number;
}

export interface LoadInputs {
  readonly pods: readonly Pod[];
  /** By the Pod's name. */
  readonly samples: ReadonlyMap<string, Sample>;
  readonly isCpu: boolean;
  /** What is wished for: in percent of what each Pod requests, or so much by Pod. A text says why that is not known. */
  readonly target:
    | { readonly percent: number; readonly requests: ReadonlyMap<string, number> | string }
    | { readonly average: number };
  readonly current: number;
  /** So far off the target nothing is done. */
  readonly tolerance: { readonly up: number; readonly down: number };
  readonly now: Instant;
}

export interface Load {
  readonly replicas: number;
  /** What a Pod uses on average. */
  readonly average: number;
  readonly percent?: number;
}

/** What a Pod uses while it starts says nothing of its work. */
const startsFor = minutes(5);
const firstReadyAfter = seconds(30);

/** A text says why nothing can be said. */
export function planLoad(inputs: LoadInputs): Load | string {
  const { pods, samples, target, current, tolerance } = inputs;
  const { ready, unready, missing } = groupsOf(inputs);
  const known = new Map(ready.map((name) => [name, samples.get(name)?.amount ?? 0]));
  if (known.size === 0) return "did not receive metrics for targeted pods (pods might be unready)";
  const wish = wishOf(target);
  if (typeof wish === "string") return wish;
  const { ratio, ...said } = wish.measure(known);
  if (Number.isNaN(ratio)) return "no metrics returned matched known pods";
  const isNear = (one: number): boolean => one <= 1 + tolerance.up && one >= 1 - tolerance.down;
  const countsUnready = unready.length > 0 && ratio > 1;
  if (!countsUnready && missing.length === 0) {
    return { replicas: isNear(ratio) ? current : Math.ceil(ratio * ready.length), ...said };
  }
  // Of what is not measured, what would change least is taken: just on the target, nothing.
  if (ratio !== 1) for (const name of missing) known.set(name, ratio < 1 ? wish.whole(name) : 0);
  if (countsUnready) for (const name of unready) known.set(name, 0);
  const { ratio: whole } = wish.measure(known);
  if (isNear(whole) || (ratio < 1 && whole > 1) || (ratio > 1 && whole < 1)) {
    return { replicas: current, ...said };
  }
  const replicas = Math.ceil(whole * known.size);
  const isAgainst = (whole < 1 && replicas > current) || (whole > 1 && replicas < current);
  return { replicas: isAgainst || pods.length === 0 ? current : replicas, ...said };
}

interface Wish {
  /** How much is used of what is wished for, and what that is. */
  measure(amounts: ReadonlyMap<string, number>): Omit<Load, "replicas"> & { readonly ratio: number };
  /** What a Pod that is not measured is taken to use when there is less to do. */
  whole(name: string): number;
}

function wishOf(target: LoadInputs["target"]): Wish | string {
  const averageOf = (amounts: ReadonlyMap<string, number>): number =>
    Math.trunc(sum(amounts.values()) / amounts.size);
  if ("average" in target) {
    return {
      measure: (amounts) => {
        const average = averageOf(amounts);
        return { average, ratio: average / target.average };
      },
      whole: () => target.average,
    };
  }
  const { percent: wished, requests } = target;
  if (typeof requests === "string") return requests;
  return {
    measure: (amounts) => {
      const requested = sum([...amounts.keys()].map((name) => requests.get(name) ?? 0));
      const percent = requested === 0 ? Number.NaN : Math.trunc((sum(amounts.values()) * 100) / requested);
      return { average: averageOf(amounts), percent, ratio: percent / wished };
    },
    whole: (name) => Math.trunc(((requests.get(name) ?? 0) * Math.max(100, wished)) / 100),
  };
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((all, one) => all + one, 0);
}

function groupsOf({ pods, samples, isCpu, now }: LoadInputs): {
  readonly ready: readonly string[];
  readonly unready: readonly string[];
  readonly missing: readonly string[];
} {
  const [ready, unready, missing]: [string[], string[], string[]] = [[], [], []];
  for (const pod of pods) {
    const { name } = pod.metadata;
    if (isGoing(pod) || pod.status?.phase === "Failed") continue;
    const sample = samples.get(name);
    if (pod.status?.phase === "Pending") unready.push(name);
    else if (sample === undefined) missing.push(name);
    else if (isCpu && isUnready(pod, sample, now)) unready.push(name);
    else ready.push(name);
  }
  return { ready, unready, missing };
}

function isUnready({ status }: Pod, sample: Sample, now: Instant): boolean {
  const condition = conditionOf(status?.conditions, "Ready");
  const started = Date.parse(status?.startTime ?? "");
  if (condition === undefined || Number.isNaN(started)) return true;
  const since = Date.parse(condition.lastTransitionTime ?? "");
  if (started + startsFor > now) return condition.status === "False" || sample.at < since + sample.window;
  return condition.status === "False" && started + firstReadyAfter > since;
}
