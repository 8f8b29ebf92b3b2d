/**
 * Tells the controller what the node has, as state and not as history: for each thing the newest message,
 * sent when it differs from what the controller has acknowledged, again and again until it has. One key a
 * thing:
 *
 *   device · app/<id> · network/<id> · content/<id> · blob/<hash> · volume/<id> · edgeview
 */
import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  type Instant,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import { info } from "@selvedge/eve-api";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type AppId, type ContentId, type NetworkId, type VolumeId, volumeKey } from "../../desired.ts";
import type { EngineStore } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import type { ContentStatus, PostedKey } from "../../observed.ts";
import type { ControllerClient } from "../controller-client.ts";
import { outcomeOf } from "./answer.ts";
import { edgeviewInfo } from "./edgeview-info.ts";
import { ErrorTimes } from "./error-info.ts";
import { appGone, appInfo, type InfoMessage } from "./info-messages.ts";
import { locationInfo, locationOf } from "./location-info.ts";
import { patchInfoMessage, postedInfo } from "./metadata-info.ts";
import { networkGone, networkInfo } from "./network-info.ts";
import {
  blobGone,
  blobInfo,
  blobsOf,
  contentGone,
  contentInfo,
  volumeGone,
  volumeInfo,
} from "./storage-messages.ts";
import { timeSourcesInfo } from "./time-sources.ts";

export interface ReporterParts {
  readonly client: Pick<ControllerClient, "post" | "isSilent">;
  /**
   * Where is kept which things may be known, so that one that goes while the engine is down is told to be
   * gone.
   */
  readonly kept: string;
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
  /** Reads everything that ZInfoDevice tells. */
  readonly device: () => Promise<InfoMessage>;
  /** Reads what the box is made of. */
  readonly hardware: () => Promise<InfoMessage>;
  /** Reads where the box has its time from; undefined where nothing tells. */
  readonly timeSources: () => Promise<InfoMessage | undefined>;
}

export const deviceKey = "device";
export const edgeviewKey = "edgeview";
const hardwareKey = "hardware";
/** Told at its own pace, because it differs each time. */
export const timeSourcesKey = "time";

/** Told at its own pace as well: a box that is carried about is elsewhere each time. */
export const locationKey = "location";

/** What the controller has of one thing. */
interface Told {
  readonly digest: string;
  readonly at: Millis;
  /** What it was made of; undefined for what an earlier start told. */
  from: readonly unknown[] | undefined;
}

/** One thing: what its message is made of, and how; rows that are the same objects give the same message. */
interface About {
  readonly from: readonly unknown[];
  readonly make: () => InfoMessage;
  readonly gone: boolean;
}

/** Two messages about one thing are at least this far apart; what happens in between is in the second. */
const gaps: Readonly<Record<string, Millis>> = { device: seconds(2), app: millis(200), content: seconds(3) };
const gapDefault = seconds(1);
/** Whoever finds out that the controller is back wakes what waits. */
const backoff: BackoffPolicy = { first: seconds(1), max: minutes(10) };
/** So many failures in a row are no hiccup: from here on all things wait together for the next try. */
const patientAfter = 3;

export class Reporter implements Reconciler {
  readonly name = "report";
  readonly reads: readonly string[] = [
    "desired",
    "contents",
    "volumes",
    "networks",
    "nics",
    "apps",
    "patches",
    "posted",
  ];
  readonly writes: readonly string[] = ["told"];
  readonly #parts: ReporterParts;
  readonly #told = new Map<string, Told>();
  readonly #errors = new ErrorTimes();
  #failures = 0;
  /** Until then nobody is told anything: it would be made and signed in vain. */
  #quietUntil = Number.NEGATIVE_INFINITY;
  /** What was sent before the last of these and fails after it says nothing of how things are now. */
  #reaches = 0;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  async load(): Promise<void> {
    const bytes = await this.#parts.disk.read(this.#parts.kept);
    if (bytes === undefined) return;
    try {
      const keys = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
      if (!Array.isArray(keys)) return;
      for (const key of keys) if (typeof key === "string") this.#told.set(key, unknown);
    } catch (error) {
      this.#parts.log.warn("the list of what the controller was told is unreadable", { error });
    }
  }

  /** Everything there is to tell about, now or before. */
  keys(): string[] {
    const { desired, apps } = this.#parts.store;
    const wanted = desired.get();
    return [
      ...new Set([
        deviceKey,
        hardwareKey,
        ...apps.keys().map((id) => `app/${id}`),
        ...(wanted?.networks.map(({ id }) => `network/${id}`) ?? []),
        ...(wanted?.contents.map(({ id }) => `content/${id}`) ?? []),
        ...(wanted?.volumes.map(({ id }) => `volume/${id}`) ?? []),
        ...(this.#parts.store.edgeview.get() === undefined ? [] : [edgeviewKey]),
        ...[...blobsOf(this.#ofVolumes())].map((hash) => `blob/${hash}`),
        ...this.#parts.store.patches.keys().map((id) => `patch/${id}`),
        ...this.#parts.store.posted.keys().map((key) => `posted/${key}`),
        ...this.#told.keys(),
      ]),
    ];
  }

  /** The controller has forgotten, or may have: tell it again; without a key, everything. */
  forget(only?: string): void {
    if (only === undefined) this.reached();
    for (const key of this.#told.keys()) if (only === undefined || key === only) this.#told.set(key, unknown);
  }

  /** The controller answers, perhaps again: what is to be told need not wait. */
  reached(): void {
    this.#quietUntil = Number.NEGATIVE_INFINITY;
    this.#failures = 0;
    this.#reaches++;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { clock, client } = this.#parts;
    const quiet = client.isSilent ? backoff.max : this.#quietUntil - clock.monotonic();
    if (quiet > 0) return lookAgain("nobody answers", millis(quiet));
    const { from, make, gone } = await this.#about(key);
    const told = this.#told.get(key);
    if (gone ? told === undefined : told?.from !== undefined && sameItems(told.from, from)) return settled;
    const message = make();
    const digest = createHash("sha256").update(toBinary(info.ZInfoMsgSchema, message)).digest("hex");
    if (told?.digest === digest) {
      told.from = from;
      return settled;
    }
    const gap = gaps[key.split("/")[0] ?? ""] ?? gapDefault;
    const since = clock.monotonic() - (told?.at ?? Number.NEGATIVE_INFINITY);
    if (since < gap) return lookAgain("told just now", millis(gap - since));
    this.#errors.stamp(key, message, clock.now());
    const failed = await this.#send(message, clock.now(), signal);
    if (failed !== undefined) return failed;
    const known = this.#told.has(key);
    if (gone) this.#told.delete(key);
    else this.#told.set(key, { digest, at: clock.monotonic(), from });
    if (gone || !known) await this.#keep();
    return settled;
  }

  /** Undefined when the controller has it, or will never take it. */
  async #send(message: InfoMessage, now: Instant, signal: AbortSignal): Promise<Outcome | undefined> {
    const { client, node, log, clock } = this.#parts;
    const stamped: InfoMessage = { ...message, atTimeStamp: timestampFromMs(now) };
    const reaches = this.#reaches;
    let why: string;
    let atLeast = 0;
    try {
      const payload = toBinary(info.ZInfoMsgSchema, stamped);
      const { status, retryAfter } = await client.post(
        "info",
        payload,
        { node: node(), answer: "plain" },
        signal,
      );
      const outcome = outcomeOf(status);
      if (outcome === "taken") {
        this.#failures = 0;
        return undefined;
      }
      why = `the controller answers info with ${status}`;
      if (outcome === "never") {
        log.error("the controller will never take this report", { type: message.ztype, status });
        return undefined;
      }
      atLeast = retryAfter;
    } catch (error) {
      signal.throwIfAborted();
      why = describeError(error);
    }
    if (reaches !== this.#reaches) return lookAgain(why, backoff.first);
    // One line for however many reports wait.
    if (this.#failures++ === 0) log.warn("reports have to wait", { error: why });
    const delay = backoffDelay(backoff, Math.min(this.#failures, backoffSteps), this.#parts.random);
    const wait = millis(Math.max(delay, atLeast));
    if (this.#failures >= patientAfter) this.#quietUntil = clock.monotonic() + wait;
    return lookAgain(why, wait);
  }

  /** Contents that volumes are made from: our own controller asks for images and not for what they consist of. */
  #ofVolumes(): ContentStatus[] {
    const { desired, contents } = this.#parts.store;
    const ids = new Set(desired.get()?.volumes.flatMap(({ contentId }) => contentId ?? []));
    return [...ids].flatMap((id) => contents.get(id) ?? []);
  }

  async #about(key: string): Promise<About> {
    const { store, node, device, hardware } = this.#parts;
    const [kind = "", id = ""] = key.split("/");
    const desired = store.desired.get();
    switch (kind) {
      case "app": {
        const status = store.apps.get(id as AppId);
        if (status === undefined) return goneAs(appGone(node(), id as AppId));
        const own = store.nics.entries().flatMap(([nic, row]) => (nic.startsWith(`${id}/`) ? [row] : []));
        const spec = desired?.apps.find((app) => app.id === id);
        const lent = store.devices.entries().filter(([name]) => spec?.adapters?.includes(name) === true);
        const from = [status, spec, ...own, ...lent.map(([, row]) => row)];
        return there(from, () => appInfo(node(), status, spec, own, lent));
      }
      case "network": {
        const spec = desired?.networks.find((network) => network.id === id);
        if (spec === undefined) return goneAs(networkGone(node(), id as NetworkId));
        const nics = store.nics.entries().map(([, row]) => row);
        const status = store.networks.get(spec.id);
        const apps = desired?.apps ?? [];
        return there([spec, status, apps, ...nics], () => networkInfo(node(), spec, status, nics, apps));
      }
      case "content": {
        const spec = desired?.contents.find((content) => content.id === id);
        if (spec === undefined) return goneAs(contentGone(node(), id as ContentId));
        const status = store.contents.get(spec.id);
        return there([desired, status], () => contentInfo(node(), spec, status, desired));
      }
      case edgeviewKey: {
        const { message, gone } = edgeviewInfo(node(), store.edgeview.get());
        return gone ? goneAs(message) : there([store.edgeview.get()], () => message);
      }
      case "blob": {
        const contents = this.#ofVolumes();
        const message = blobInfo(node(), id, contents);
        return message === undefined ? goneAs(blobGone(node(), id)) : there(contents, () => message);
      }
      case "volume": {
        const spec = desired?.volumes.find((volume) => volume.id === (id as VolumeId));
        if (spec === undefined) return goneAs(volumeGone(node(), id));
        const content = spec.contentId && store.contents.get(spec.contentId);
        const status = store.volumes.get(volumeKey(spec));
        return there([spec, status, content], () => volumeInfo(node(), spec, status, content));
      }
      case "patch": {
        const status = store.patches.get(id);
        const message = patchInfoMessage(node(), id, status);
        return status === undefined ? goneAs(message) : there([status], () => message);
      }
      case "posted": {
        const posted = key.split("/")[2] ?? "";
        const data = store.posted.get(`${id}/${posted}` as PostedKey);
        const message = postedInfo(node(), id, posted, data);
        return data === undefined ? goneAs(message) : there([data], () => message);
      }
      case locationKey: {
        const located = locationOf(store.ports.get());
        const message = locationInfo(node(), located);
        return located === undefined ? goneAs(message) : there([located.at], () => message);
      }
      case timeSourcesKey: {
        const message = await this.#parts.timeSources();
        // Nothing told before and nothing now is no news.
        return message === undefined ? goneAs(timeSourcesInfo(node(), [])) : there([message], () => message);
      }
      default: {
        const message = await (kind === hardwareKey ? hardware() : device());
        return there([message], () => message);
      }
    }
  }

  async #keep(): Promise<void> {
    const keys = [...this.#told.keys()].sort();
    await this.#parts.disk.writeDurable(this.#parts.kept, new TextEncoder().encode(JSON.stringify(keys)));
  }
}

/** Told by an earlier start, or before the controller forgot: nothing equals this. */
const unknown: Told = { digest: "", at: millis(Number.NEGATIVE_INFINITY), from: undefined };

function there(from: readonly unknown[], make: () => InfoMessage): About {
  return { from, make, gone: false };
}

function goneAs(message: InfoMessage): About {
  return { from: [], make: () => message, gone: true };
}

function sameItems(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((item, at) => item === right[at]);
}
/** Failures of all things are counted together; the wait must not reach its end because many things wait. */
const backoffSteps = 11;
