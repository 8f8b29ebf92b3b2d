import { createHash } from "node:crypto";
import type { KubeObject } from "@selvedge/apimachinery";
import {
  type Clock,
  describeError,
  type Instant,
  type Log,
  LruMap,
  minutes,
  toRfc3339,
} from "@selvedge/base";
import { isReason } from "@selvedge/client";
import { type Event, eventKind } from "@selvedge/kinds";
import type { Cluster } from "../objects/cluster.ts";

/** Something that happened to an object, for `kubectl describe` and `kubectl get events`. */
export interface Happening {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Who says so: `scheduler`, `daemonset-controller`, `engine`. */
  readonly component: string;
  /** The node it happened on. */
  readonly host?: string;
  readonly fieldPath?: string;
  /** How often it has happened in all, when the source counts itself; else each call is one more time. */
  readonly count?: number;
  readonly firstAt?: Instant;
  readonly lastAt?: Instant;
}

/** The longest message Kubernetes allows is 1024 bytes. */
const messageMax = 1024;
/** As upstream's event correlator: so many events at once about one object, then one every five minutes. */
const burst = 25;
const refill = minutes(5);
/**
 * Objects whose budget is remembered, and happenings by when they began. Who is forgotten starts with a full budget,
 * and what is forgotten begins anew.
 */
const rememberedMax = 10_000;
const clusterNamespace = "default";

/**
 * Writes Events. The same thing happening to the same object again is the same Event with a higher count. Its
 * name is made from when it began and from what it says (docs/decisions/0424): lists are by name, and show the
 * Events of an object in the order in which they began. A failed write is logged and forgotten: an Event is news,
 * not state, and must never fail the pass that tells it.
 */
export class EventRecorder {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #budgets = new LruMap<string, { readonly left: number; readonly at: Instant }>(rememberedMax);

  readonly #beginnings = new LruMap<string, Instant>(rememberedMax);

  constructor(cluster: Cluster, clock: Clock, log: Log) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#log = log;
  }

  async record(about: KubeObject, happening: Happening): Promise<void> {
    if (!this.#mayTell(about.metadata.uid ?? about.metadata.name)) return;
    const now = this.#clock.now();
    const event = eventOf(about, happening, now, this.#nameOf(about, happening, now));
    try {
      const { name, namespace } = event.metadata;
      const known = await this.#cluster.change<Event>(eventKind, name, namespace, (stored) =>
        mergeInto(stored, event, happening.count),
      );
      if (known === undefined) await this.#cluster.create(eventKind, event);
    } catch (error) {
      // A namespace that is going away takes no news, and a race of two writers lost one count.
      if (isReason(error, "Forbidden") || isReason(error, "AlreadyExists") || isReason(error, "NotFound"))
        return;
      this.#log.warn("event was not written", { reason: happening.reason, error: describeError(error) });
    }
  }

  /** As upstream's: the object's, and nanoseconds since 1970; those below a millisecond tell what was said. */
  #nameOf(about: KubeObject, happening: Happening, now: Instant): string {
    const { name, uid } = about.metadata;
    const { reason, type, component, message, fieldPath = "" } = happening;
    const said = [about.kind, uid ?? name, type, reason, message, component, fieldPath].join("\n");
    const hash = createHash("sha256").update(said).digest("hex");
    const began = happening.firstAt ?? this.#beginnings.get(hash) ?? now;
    if (happening.firstAt === undefined) this.#beginnings.set(hash, began);
    const nanos = BigInt(Math.trunc(began)) * 1_000_000n + (BigInt(`0x${hash.slice(0, 8)}`) % 1_000_000n);
    return `${name}.${nanos.toString(16).padStart(16, "0")}`;
  }

  #mayTell(uid: string): boolean {
    const now = this.#clock.now();
    const { left, at } = this.#budgets.get(uid) ?? { left: burst, at: now };
    const refilled = Math.floor(Math.max(0, now - at) / refill);
    const budget = Math.min(burst, left + refilled);
    if (budget <= 0) return false;
    this.#budgets.set(uid, { left: budget - 1, at: refilled > 0 || left === burst ? now : at });
    return true;
  }
}

function eventOf(about: KubeObject, happening: Happening, now: Instant, eventName: string): Event {
  const { reason, type, component, host, fieldPath, count = 1 } = happening;
  const message = happening.message.slice(0, messageMax);
  const { name, namespace, uid, resourceVersion } = about.metadata;
  const source = host === undefined ? { component } : { component, host };
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: eventName, namespace: namespace ?? clusterNamespace },
    involvedObject: {
      kind: about.kind,
      apiVersion: about.apiVersion,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type,
    reason,
    message,
    source,
    firstTimestamp: toRfc3339(happening.firstAt ?? now),
    lastTimestamp: toRfc3339(happening.lastAt ?? now),
    count,
    reportingComponent: component,
    reportingInstance: host ?? "",
  };
}

/** Returns whether the stored event is to be written again. */
function mergeInto(stored: Event, event: Event, absolute: number | undefined): boolean {
  const count = absolute === undefined ? (stored.count ?? 0) + 1 : Math.max(absolute, stored.count ?? 0);
  if (count === stored.count && stored.lastTimestamp === event.lastTimestamp) return false;
  if (absolute !== undefined && (event.lastTimestamp ?? "") < (stored.lastTimestamp ?? "")) return false;
  stored.count = count;
  stored.lastTimestamp = event.lastTimestamp ?? null;
  return true;
}
