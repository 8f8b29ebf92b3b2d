import { type Clock, hours, type Instant, type Millis, minutes } from "@selvedge/base";
import { type Event, eventKind, type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler } from "@selvedge/reconcile";
import { type Caches, controllerOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { isGoing, isOver } from "../objects/pods.ts";

export interface SweeperDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
}

/** As upstream: news is worth keeping for an hour. */
const eventLife: Millis = hours(1);
/**
 * A fleet in trouble tells the same from every box; more than this nobody reads, and the store must not pay
 * for it.
 */
const eventsMax = 20_000;
/** Failed Pods that an owner's successors have replaced: enough to see why. */
const endedPerOwner = 5;
/**
 * Ended Pods without an owner, which somebody made by hand and may still want to read; and those of a Job,
 * which are its result.
 */
const endedKept = 1000;
const period: Millis = minutes(5);

export const sweeperKey = "all";

/** Removes what is only kept for a while: old Events, and Pods that ended. */
export class Sweeper implements Reconciler {
  readonly name = "sweeper";
  readonly reads: readonly string[] = ["Event", "Pod"];
  readonly writes: readonly string[] = ["removal of old Events", "removal of ended Pods"];
  readonly #deps: SweeperDeps;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  async reconcile(_key: string, signal: AbortSignal): Promise<Outcome> {
    const { cluster, caches, clock } = this.#deps;
    const { items } = await cluster.objects.list<Event>(eventKind);
    for (const event of outdatedEvents(items, clock.now())) {
      if (signal.aborted) break;
      await cluster.delete(eventKind, event);
    }
    for (const pod of surplusPods(caches.pods.list())) {
      if (signal.aborted) break;
      await cluster.delete(podKind, pod);
    }
    return lookAgain("sweeping now and then", period);
  }
}

/** Events that nobody has written for an hour, and the oldest of too many. Pure. */
export function outdatedEvents(events: readonly Event[], now: Instant): Event[] {
  const timed = events
    .map((event) => ({ event, at: writtenAt(event) }))
    .sort((left, right) => left.at - right.at);
  const surplus = Math.max(0, timed.length - eventsMax);
  return timed.filter(({ at }, index) => index < surplus || now - at > eventLife).map(({ event }) => event);
}

/** Ended Pods beyond what is worth keeping, the oldest first. Pure. */
export function surplusPods(pods: readonly Pod[]): Pod[] {
  const ended = pods.filter((pod) => isOver(pod) && !isGoing(pod));
  const byOwner = Map.groupBy(ended, (pod) => controllerOf(pod)?.uid ?? "");
  return [...byOwner].flatMap(([owner, list]) => {
    const isResult = owner === "" || list.some((pod) => controllerOf(pod)?.kind === "Job");
    const keep = isResult ? endedKept : endedPerOwner;
    const oldestFirst = list.sort((left, right) => (madeAt(left) < madeAt(right) ? -1 : 1));
    return oldestFirst.slice(0, Math.max(0, list.length - keep));
  });
}

/** When it was written last: a box that was away for days tells today of what happened then. */
function writtenAt({ metadata }: Event): number {
  const times = [metadata.creationTimestamp, ...(metadata.managedFields ?? []).map(({ time }) => time)];
  return Math.max(...times.map((time) => Date.parse(time ?? "") || 0));
}

function madeAt({ metadata }: Pod): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
}
