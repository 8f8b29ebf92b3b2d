import { type Instant, type Millis, millis, seconds, toRfc3339 } from "@selvedge/base";
import type { EdgeNode, Pod, PodStatus, Taint } from "@selvedge/kinds";
import { setReadiness } from "../ingest/pod-status.ts";
import { conditionOf, setCondition } from "../objects/conditions.ts";
import { isOver } from "../objects/pods.ts";

/** What is known of when a node was last heard. */
export interface Hearing {
  /** Undefined: not since this controller started. */
  readonly lastSeen: { readonly at: Instant; readonly mono: Millis } | undefined;
  /** When this controller began to listen. */
  readonly started: Millis;
  readonly linked: boolean;
  readonly now: Millis;
}

export type Life =
  | { readonly is: "heard" /** When it will count as silent if it says nothing. */; readonly until: Millis }
  | { readonly is: "silent"; readonly since: Instant | undefined }
  /** It never came. */
  | { readonly is: "expected" };

/** A node may miss so many polls in a row before it counts as silent: one is chance, two are bad luck. */
const missedPolls = 3;
const defaultInterval = seconds(60);
/** Nobody waits longer to hear of a dead box, however seldom it polls. */
const silenceMax = seconds(3600);
/** Of a Pod whose node is not heard. */
const unreachable = "NodeUnreachable";
const unreachableTaint = "node.kubernetes.io/unreachable";

/** How long a node may say nothing: its poll interval, a few times over. */
export function silenceOf(edgeNode: EdgeNode): Millis {
  const set = Number(edgeNode.spec.settings?.["timer.config.interval"]);
  const interval = Number.isFinite(set) && set > 0 ? seconds(set) : defaultInterval;
  return millis(Math.min(interval * missedPolls, silenceMax));
}

/**
 * Whether a node lives. Lengths of time are measured on the clock that cannot jump; a controller that just
 * started gives every node its full time before it calls it silent.
 */
export function lifeOf(hearing: Hearing, silence: Millis, known: Instant | undefined): Life {
  const { lastSeen, started, linked, now } = hearing;
  if (linked) return { is: "heard", until: millis(now + silence) };
  const from = lastSeen?.mono ?? started;
  if (now - from < silence) {
    return lastSeen === undefined && known === undefined
      ? { is: "expected" }
      : { is: "heard", until: millis(from + silence) };
  }
  const since = lastSeen?.at ?? known;
  return since === undefined ? { is: "expected" } : { is: "silent", since };
}

/**
 * Whether a node is known to have no link. After a start nobody has one: of those that come back within their
 * time nothing is said meanwhile, or a fleet would be written to have lost its links only to get them again.
 */
export function isUnlinked({ linked, lastSeen }: Hearing, life: Life): boolean {
  return !linked && (lastSeen !== undefined || life.is !== "heard");
}

/** Writes a second that all stored times of last requests together may cost. */
const lastSeenPerSecond = 10;
const lastSeenSoonest = seconds(60);
const lastSeenLatest = seconds(600);

/**
 * How old the stored time of the last request may get. A write a node and request would be most of what the
 * store does; a small fleet is shown to the minute. A link says more than the time: it is there now.
 */
export function lastSeenAge(nodes: number, linked: boolean): Millis {
  if (linked) return lastSeenLatest;
  const share = seconds(nodes / lastSeenPerSecond);
  return millis(Math.min(Math.max(share, lastSeenSoonest), lastSeenLatest));
}

/** Node.status.conditions[Ready] of each life. */
export function readyCondition(
  life: Life,
  silence: Millis,
): { readonly status: "True" | "False" | "Unknown"; readonly reason: string; readonly message: string } {
  switch (life.is) {
    case "heard":
      return { status: "True", reason: "EngineReady", message: "the engine reports" };
    case "expected":
      return {
        status: "False",
        reason: "NotHeardYet",
        message: "the node is admitted and has not reported yet",
      };
    case "silent": {
      const since = life.since === undefined ? "an unknown time" : toRfc3339(life.since);
      const message =
        `the node has not been heard since ${since}, although it should be at least every ` +
        `${Math.round(silence / missedPolls / 1000)}s: it has no power, no network or no engine; ` +
        "its apps go on by themselves";
      return { status: "Unknown", reason: "NodeStatusUnknown", message };
    }
  }
}

/** Taints with or without the one that keeps new Pods away; undefined when they are right already. */
export function taintsFor(
  taints: readonly Taint[] | undefined,
  life: Life,
  now: Instant,
): Taint[] | undefined {
  const list = taints ?? [];
  const has = list.some(({ key }) => key === unreachableTaint);
  const should = life.is !== "heard";
  if (has === should) return undefined;
  if (!should) return list.filter(({ key }) => key !== unreachableTaint);
  return [...list, { key: unreachableTaint, effect: "NoSchedule", timeAdded: toRfc3339(now) }];
}

/** Whether a node's life can mean anything for this Pod: most passes find that it does not. */
export function mayNeedReadiness({ spec, status }: Pod, life: Life): boolean {
  if (life.is === "silent" || isGated(spec)) return true;
  return conditionOf(status?.conditions, "Ready")?.reason === unreachable;
}

/** What others say of it counts as well. */
function isGated({ readinessGates = [] }: Pod["spec"]): boolean {
  return readinessGates.length > 0;
}

/**
 * What a node's silence means for a Pod on it: nobody knows whether it serves, so it is not counted as
 * ready; it is still running as far as anybody can tell. When the node is heard again the Pod is ready as
 * its containers are. Changes the status in place and returns whether it did.
 */
export function readinessFor(pod: Pod, status: PodStatus, life: Life, now: Instant): boolean {
  if (isOver(pod) || status.containerStatuses === undefined) return false;
  const ready = conditionOf(status.conditions, "Ready");
  if (life.is === "silent") {
    if (ready === undefined) return false;
    status.conditions ??= [];
    const since = life.since === undefined ? "" : ` since ${toRfc3339(life.since)}`;
    const message = `the node has not been heard${since}`;
    return setCondition(
      status.conditions,
      { type: "Ready", status: "Unknown", reason: unreachable, message },
      now,
    );
  }
  return (ready?.reason === unreachable || isGated(pod.spec)) && setReadiness(pod, status, now);
}
