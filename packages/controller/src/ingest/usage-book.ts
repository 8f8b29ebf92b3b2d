import { after, type Instant, LruMap, type Millis, minutes, seconds } from "@selvedge/base";
import type { ZMetricMsg } from "@selvedge/eve-api";
import type { NodeId } from "../ports.ts";
import { type AppUsage, appUsageOf, type NodeUsage, nodeUsageOf } from "./usage.ts";

/** Apps and nodes whose newest figures are kept: more than one controller serves. */
const appsMax = 100_000;
const nodesMax = 50_000;
/** A node that does not say how long its figures hold sends them every minute. */
const holdsDefault = minutes(5);

interface Kept<T> {
  readonly usage: T;
  readonly until: Instant;
}

/**
 * The newest figures of every node and app, in memory: after a restart they come again with the next
 * report.
 */
export class UsageBook {
  readonly #apps = new LruMap<string, Kept<AppUsage>>(appsMax);
  readonly #nodes = new LruMap<NodeId, Kept<NodeUsage>>(nodesMax);

  /** `isWhole`: the node's memory figure holds its apps' too. */
  take(node: NodeId, message: ZMetricMsg, isWhole: boolean, at: Instant): void {
    const { MetricContent: content } = message;
    const device = content.case === "dm" ? content.value : undefined;
    const until = after(at, holds(device?.dormantTimeInSeconds ?? 0n));
    const apps = message.am.map((metric) => {
      const usage = appUsageOf(metric, at, this.#apps.get(metric.AppID)?.usage);
      this.#apps.set(metric.AppID, { usage, until });
      return usage;
    });
    if (device === undefined) return;
    const usage = nodeUsageOf(device, apps, isWhole, at, this.#nodes.get(node)?.usage);
    this.#nodes.set(node, { usage, until });
  }

  /** By the UID of the Pod. Undefined when there are none, or they are too old to say anything of now. */
  app(uid: string, now: Instant): AppUsage | undefined {
    return fresh(this.#apps.get(uid), now);
  }

  node(id: NodeId, now: Instant): NodeUsage | undefined {
    return fresh(this.#nodes.get(id), now);
  }

  forget(node: NodeId): void {
    this.#nodes.delete(node);
  }
}

/** After so long without a message the node counts as silent: three of its intervals. */
function holds(dormantSeconds: bigint): Millis {
  return dormantSeconds > 0n ? seconds(Math.min(Number(dormantSeconds), 86_400)) : holdsDefault;
}

function fresh<T>(kept: Kept<T> | undefined, now: Instant): T | undefined {
  return kept !== undefined && now < kept.until ? kept.usage : undefined;
}
