import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  hours,
  type Instant,
  type Log,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { ContentId, ContentSpec } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import { type Disk, DiskFullError } from "../host/disk.ts";
import type { ContentStatus } from "../observed.ts";
import { unreadable, unreadText } from "../unread.ts";
import type { ContentFiles } from "./content-files.ts";
import {
  type ContentStep,
  type FailedAttempt,
  type Failure,
  nextFailure,
  planContent,
  planGarbage,
  pullPolicy,
  type StoredContent,
} from "./content-plan.ts";
import { fetchSettings, tooDear } from "./fetch-settings.ts";
import type { Fetcher } from "./fetcher.ts";
import { BadImageError } from "./image-builder.ts";
import type { Progress } from "./progress.ts";
import { InvalidReferenceError } from "./reference.ts";

export interface ContentParts {
  readonly store: Pick<EngineStore, "desired" | "contents" | "apps" | "ports">;
  readonly disk: Disk;
  readonly files: ContentFiles;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The key under which unused files are looked for. */
export const garbageKey = "garbage";
export type ContentKey = ContentId | typeof garbageKey;

/** As the kubelet, but sooner: a box that just got its cable should not wait. */
const pullFirst = seconds(2);
/** A wrong reference or a hostile image does not mend itself, yet a tag can be pushed anew. */
const hopelessFirst = minutes(1);
/** An app that is deleted and applied again, or rolled back, finds its image here. */
const garbageGrace = hours(24);
const garbageEvery = hours(1);
/** Progress more often than this helps nobody and wakes everybody. */
const progressEvery = millis(500);

export class ContentReconciler implements Reconciler<ContentKey> {
  readonly name = "content";
  readonly reads: readonly string[] = ["desired", "apps", "ports"];
  readonly writes: readonly string[] = ["contents"];
  readonly #parts: ContentParts;
  readonly #failures = new Map<ContentId, FailedAttempt & { readonly url: string }>();
  /** Of what is still here although nobody wants it. */
  readonly #unwantedSince = new Map<ContentId, Instant>();
  /** URLs whose source was asked since the start, by content: what Always means on a node. */
  readonly #asked = new Map<ContentId, string>();
  #unusedSince: ReadonlyMap<string, Instant> = new Map();

  constructor(parts: ContentParts) {
    this.#parts = parts;
  }

  /** What apps run on or may go back to. */
  get held(): Set<ContentId> {
    return new Set(this.#parts.store.apps.entries().flatMap(([, { contents = [] }]) => contents));
  }

  async reconcile(key: ContentKey, signal: AbortSignal): Promise<Outcome> {
    if (key === garbageKey) {
      await this.#collect(false);
      return lookAgain("unused content is looked for from time to time", garbageEvery);
    }
    const { store, files, clock } = this.#parts;
    const desired = store.desired.get();
    // Without a configuration nothing is known to be unwanted.
    if (desired === undefined) return settled;
    const wanted = desired.contents.find(({ id }) => id === key);
    const remembered = await files.remembered(key);
    const known = this.#failures.get(key);
    const settings = fetchSettings(desired);
    if (wanted !== undefined) this.#unwantedSince.delete(key);
    else if (!this.#unwantedSince.has(key)) this.#unwantedSince.set(key, clock.now());
    const step = planContent({
      wanted,
      held: this.held.has(key),
      policy: pullPolicy(desired, key),
      remembered,
      stored: remembered && (await files.stored(remembered.hash)),
      asked: this.#asked.get(key) === wanted?.url,
      failure: known?.url === wanted?.url ? known : undefined,
      longest: settings.retry,
      tooDear: tooDear(store.ports.get(), settings),
      keep: settings.keep,
      unwantedSince: this.#unwantedSince.get(key) ?? clock.now(),
      now: clock.now(),
    });
    if (step.action === "use") return this.#use(key, step.stored);
    if (step.action === "keep") return lookAgain("somebody may want it again", step.wait);
    return wanted === undefined || step.action === "forget"
      ? await this.#forget(key)
      : await this.#take(key, wanted, step, signal);
  }

  async #take(
    id: ContentId,
    wanted: ContentSpec,
    step: Exclude<ContentStep, { action: "use" | "forget" | "keep" }>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { store } = this.#parts;
    switch (step.action) {
      case "wait":
        store.contents.set(id, told(step.failure));
        return lookAgain(step.failure.reason, step.wait);
      case "spare":
        return this.#spare(id, step.why);
      case "unread":
        return this.#spare(id, unreadText(step.unread), unreadable);
      case "refuse":
        return this.#fail(
          id,
          wanted,
          "ErrImageNeverPull",
          `${wanted.url} is not present with pull policy Never`,
        );
      case "fetch":
        return await this.#fetch(id, wanted, step.fallback, signal);
    }
  }

  async #forget(id: ContentId): Promise<Outcome> {
    this.#failures.delete(id);
    this.#asked.delete(id);
    this.#unwantedSince.delete(id);
    this.#parts.store.contents.delete(id);
    await this.#parts.files.forget(id);
    return settled;
  }

  #use(id: ContentId, stored: StoredContent): Outcome {
    const { store, disk } = this.#parts;
    const { digest, imageId, sizeBytes, config, components } = stored;
    this.#failures.delete(id);
    store.contents.set(id, {
      phase: "ready",
      path: disk.absolute(stored.path),
      digest,
      imageId,
      sizeBytes,
      config: config ?? undefined,
      ...(components === undefined ? {} : { components }),
    });
    return settled;
  }

  async #fetch(
    id: ContentId,
    wanted: ContentSpec,
    fallback: StoredContent | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { store, files, fetcher, log } = this.#parts;
    if (fallback === undefined) store.contents.set(id, { phase: "resolving" });
    const tell = fallback === undefined ? this.#progress(id) : (): void => {};
    let building = false;
    const report = (progress: Progress): void => {
      building = progress.phase === "building";
      tell(progress);
    };
    const dear = new AbortController();
    const unsubscribe = store.ports.subscribe(() => {
      const why = tooDear(store.ports.get(), fetchSettings(store.desired.get()));
      // What is built is here already.
      if (why !== undefined && !building) dear.abort(why);
    });
    try {
      const stored = await fetcher.fetch(wanted, report, AbortSignal.any([signal, dear.signal]));
      const { url, generation = 0 } = wanted;
      await files.remember(id, { url, hash: stored.hash, ...(generation === 0 ? {} : { generation }) });
      this.#asked.set(id, wanted.url);
      log.info("content is here", { content: id, url: wanted.url, digest: stored.digest });
      return this.#use(id, stored);
    } catch (error) {
      if (signal.aborted) throw error;
      if (dear.signal.aborted && fallback === undefined) return this.#spare(id, String(dear.signal.reason));
      const message = `${wanted.url}: ${describeError(error)}`;
      log.warn("content did not come", { content: id, error: message });
      if (fallback !== undefined) {
        this.#asked.set(id, wanted.url);
        return this.#use(id, fallback);
      }
      if (error instanceof DiskFullError) await this.#collect(true);
      return this.#fail(id, wanted, reasonOf(error), message, error);
    } finally {
      unsubscribe();
    }
  }

  /** Told as what it is, and no failure: it begins, or goes on where it was, once there is a way for it. */
  #spare(id: ContentId, message: string, reason = spared): Outcome {
    const { store, clock, log } = this.#parts;
    const before = store.contents.get(id);
    const known = before?.phase === "failed" && before.reason === reason;
    if (!known) log.info("content is not downloaded now", { content: id, why: message });
    const retryAt = known ? before.retryAt : clock.now();
    store.contents.set(id, { phase: "failed", reason, message, failures: 1, retryAt });
    return settled;
  }

  #fail(id: ContentId, wanted: ContentSpec, reason: string, message: string, error?: unknown): Outcome {
    const { store, clock, random } = this.#parts;
    const before = this.#failures.get(id);
    const same = before?.url === wanted.url ? before : undefined;
    const hopeless = error instanceof BadImageError || error instanceof InvalidReferenceError;
    const { retry: max } = fetchSettings(store.desired.get());
    const policy: BackoffPolicy = { first: hopeless ? hopelessFirst : pullFirst, max };
    const delay = backoffDelay(policy, (same?.failures ?? 0) + 1, random);
    const failure = nextFailure(same, reason, message, clock.now(), delay);
    this.#failures.set(id, { ...failure, url: wanted.url });
    store.contents.set(id, told(failure));
    return lookAgain(failure.reason, delay);
  }

  #progress(id: ContentId): (progress: Progress) => void {
    const { store, clock } = this.#parts;
    let last = Number.NEGATIVE_INFINITY;
    return (progress) => {
      const now = clock.monotonic();
      if (progress.phase === "downloading" && now - last < progressEvery) return;
      last = now;
      store.contents.set(id, progress);
    };
  }

  async #collect(pressure: boolean): Promise<void> {
    const { store, disk, files, fetcher, clock, log } = this.#parts;
    const desired = store.desired.get();
    if (desired === undefined) return;
    const present = await files.present();
    const used = await files.used([...desired.contents.map(({ id }) => id), ...this.held]);
    for (const path of fetcher.inUse) used.add(path);
    const plan = planGarbage({
      used,
      present,
      unusedSince: this.#unusedSince,
      pressure,
      grace: garbageGrace,
      now: clock.now(),
    });
    this.#unusedSince = plan.unusedSince;
    for (const path of plan.remove) {
      log.info("removing what nobody uses", { path });
      await disk.remove(path);
    }
  }
}

/** What is not downloaded because of what it would cost. */
const spared = "NetworkTooCostly";

function told({ reason, message, failures, retryAt }: Failure): ContentStatus {
  return { phase: "failed", reason, message, failures, retryAt };
}

function reasonOf(error: unknown): string {
  if (error instanceof InvalidReferenceError) return "InvalidImageName";
  if (error instanceof DiskFullError) return "DiskFull";
  return "ErrImagePull";
}
