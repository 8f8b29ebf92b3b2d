/**
 * A copy of all objects of one kind, kept current: list once, then watch from there.
 *
 *   list ──► watch ──ends, fails──► wait ──► watch from the last revision
 *    ▲         └────410 Expired─────► wait ──┐
 *    └───────────────────────────────────────┘
 *
 * It hears from a second side: writes are taken in as soon as they are answered. So who reads after a write
 * always sees it, and nothing is made twice because a watch was late. Relies on revisions that grow.
 */
import type { KubeObject, WatchEvent } from "@selvedge/apimachinery";
import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  type Log,
  millis,
  minutes,
  type Random,
  seconds,
  sleep,
  Turns,
} from "@selvedge/base";
import { ApiError } from "./errors.ts";
import { type Change, type IndexFunction, ObjectCache } from "./object-cache.ts";
import { isNewer, objectKey } from "./object-key.ts";
import type { KindRef, ListOptions, Objects } from "./objects.ts";

/** Told what an object was and is: to wake whoever has to look, never to act on. */
export type ChangeListener<T extends KubeObject> = (before: T | undefined, after: T | undefined) => void;

/** All objects of one kind as last heard of, to read. They are frozen: clone one before changing it. */
export interface ObjectView<T extends KubeObject> {
  readonly size: number;
  get(name: string, namespace?: string): T | undefined;
  list(): T[];
  /** All objects that the index function gave this value. */
  by(index: string, value: string): T[];
  /** Tells of all that is there, as new, and of every change from now on. Returns how to stop. */
  onChange(listener: ChangeListener<T>): () => void;
  /** Tells of every change from now on. Returns how to stop. */
  follow(listener: ChangeListener<T>): () => void;
}

export interface InformerOptions<T extends KubeObject> {
  readonly objects: Objects;
  readonly kind: KindRef;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Only a part of them. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** What is kept of each object: memory is for what somebody reads. The whole of it when unset. */
  readonly keep?: (object: T) => T;
}

/** Keeps one answer of a list small enough for any transport. */
const pageSize = 1000;
/**
 * A first retry soon enough for a hiccup; the longest still finds a controller that came back within a
 * minute.
 */
const retry: BackoffPolicy = { first: millis(200), max: seconds(30) };
/** Failures of any kind in a row after which the copy is made anew: it mends what nobody thought of. */
const relistAfter = 5;
/**
 * A watch this old is opened anew, unless its objects say otherwise: a connection that died without a word is
 * found out in the end.
 */
const watchAgeUsual = minutes(5);

export class Informer<T extends KubeObject> implements ObjectView<T>, AsyncDisposable {
  /** Resolves when the first list is in the copy; rejects when the informer is disposed before that. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T>;
  readonly #cache: ObjectCache<T>;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<ChangeListener<T>>();
  readonly #sync = Promise.withResolvers<void>();
  #isSynced = false;
  /** Where to watch from; undefined: list first. */
  #revision: string | undefined;
  /** The highest revision heard of. */
  #latest: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#cache = new ObjectCache(options.indexes ?? {});
    this.synced = this.#sync.promise;
    // Nobody has to wait for it; a rejection that nobody sees is no fault.
    this.synced.catch(() => {});
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  get size(): number {
    return this.#cache.size;
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#cache.get(objectKey(name, namespace));
  }

  list(): T[] {
    return this.#cache.list();
  }

  by(index: string, value: string): T[] {
    return this.#cache.by(index, value);
  }

  onChange(listener: ChangeListener<T>): () => void {
    const stop = this.follow(listener);
    for (const after of this.#cache.list()) this.#call(listener, { before: undefined, after });
    return stop;
  }

  follow(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes in what a write returned, so that whoever wrote sees it before the watch brings it. What is kept of it
   * is frozen then.
   */
  accept(object: T): void {
    // Something older than the watch's position was either seen by it or is deleted by now.
    if (this.#latest === undefined || !isNewer(object.metadata.resourceVersion, this.#latest)) return;
    this.#tell(this.#cache.put(this.#kept(object)));
  }

  /** Takes in that this very object is gone: a write or a read was told so before the watch was. */
  acceptGone(object: T): void {
    this.#tell(this.#cache.forget(object));
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (!this.#isSynced)
      this.#sync.reject(new Error(`the informer of ${this.#options.kind.plural} was stopped`));
  }

  async #run(): Promise<void> {
    const { clock, random, log, kind } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#revision === undefined) await this.#list();
        const moved = await this.#watch();
        failures = moved ? 0 : failures + 1;
      } catch (error) {
        if (signal.aborted) break;
        failures++;
        if (isExpired(error) || failures % relistAfter === 0) this.#revision = undefined;
        if (!isExpired(error))
          log.warn("cannot follow the objects of a kind", { kind: kind.plural, failures, error });
      }
      if (failures === 0) continue;
      // Only the end of the wait matters, not whether it was cut short: the loop looks at the signal itself.
      await sleep(clock, backoffDelay(retry, failures, random), signal).catch(() => {});
    }
  }

  async #list(): Promise<void> {
    const { objects, kind } = this.#options;
    const fresh: T[] = [];
    let revision = "";
    let next: string | undefined;
    do {
      const page: ListOptions = { ...this.#selection(), limit: pageSize };
      const { items, metadata } = await objects.list<T>(
        kind,
        next === undefined ? page : { ...page, continue: next },
      );
      for (const item of items) fresh.push(this.#kept(item));
      revision = metadata.resourceVersion;
      next = metadata.continue || undefined;
    } while (next !== undefined && !this.#stop.signal.aborted);
    if (this.#stop.signal.aborted) return;
    await this.#replace(fresh, revision);
    if (this.#stop.signal.aborted) return;
    this.#revision = revision;
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#sync.resolve();
    }
  }

  /**
   * Takes over a list in pieces, each object together with telling of it, as if a watch brought them: between two,
   * others have their turn, read the copy, and write.
   */
  async #replace(fresh: readonly T[], revision: string): Promise<void> {
    const wentBack = isNewer(this.#latest, revision);
    // From the first piece on: what an older write returns now is in the list, or gone since.
    this.#latest = revision;
    const turns = new Turns(this.#options.clock);
    for (const change of this.#cache.replace(fresh, revision, wentBack)) {
      this.#tell(change);
      await turns.rest();
      if (this.#stop.signal.aborted) return;
    }
  }

  /** Follows changes until the watch ends. True when it ended as watches do: there is nothing to wait for. */
  async #watch(): Promise<boolean> {
    const { objects, kind, clock } = this.#options;
    const opened = clock.monotonic();
    const age = new AbortController();
    const timer = clock.setTimer(objects.watchAge ?? watchAgeUsual, () => age.abort());
    const signal = AbortSignal.any([this.#stop.signal, age.signal]);
    let events = 0;
    try {
      // Most changes are our own, and were taken in when they were written.
      const known = (key: string): string | undefined => this.#cache.get(key)?.metadata.resourceVersion;
      const options = { ...this.#selection(), resourceVersion: this.#revision ?? "0", signal, known };
      for await (const event of objects.watch<T>(kind, options)) {
        this.#take(event);
        events++;
      }
    } catch (error) {
      if (!age.signal.aborted) throw error;
    } finally {
      timer.cancel();
    }
    return events > 0 || clock.monotonic() - opened >= seconds(1);
  }

  #take(event: WatchEvent<T>): void {
    if (event.type === "ERROR") throw errorOf(event.object);
    const revision = event.object.metadata.resourceVersion;
    if (event.type === "DELETED") this.#tell(this.#cache.remove(event.object));
    else if (event.type !== "BOOKMARK") this.#tell(this.#cache.put(this.#kept(event.object)));
    if (isNewer(revision, this.#revision)) this.#revision = revision;
    if (isNewer(revision, this.#latest)) this.#latest = revision;
  }

  #kept(object: T): T {
    const { kind, keep } = this.#options;
    const whole = complete(object, kind);
    return keep === undefined ? whole : keep(whole);
  }

  #selection(): Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector"> {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  #tell(change: Change<T> | undefined): void {
    if (change === undefined) return;
    for (const listener of this.#listeners) this.#call(listener, change);
  }

  /** One listener's fault is not the others', nor the copy's. */
  #call(listener: ChangeListener<T>, { before, after }: Change<T>): void {
    try {
      listener(before, after);
    } catch (error) {
      const { name, namespace } = (after ?? before)?.metadata ?? {};
      const { kind, log } = this.#options;
      log.error("a listener to changes failed", { kind: kind.plural, namespace, name, error });
    }
  }
}

function isExpired(error: unknown): boolean {
  return (
    error instanceof ApiError && (error.code === 410 || error.reason === "Expired" || error.reason === "Gone")
  );
}

/** The Status in an ERROR event. */
function errorOf(object: KubeObject): ApiError {
  const { message, reason, code } = object as Partial<Record<string, unknown>>;
  return new ApiError(
    typeof message === "string" ? message : "the watch failed",
    typeof reason === "string" ? reason : "InternalError",
    typeof code === "number" ? code : 500,
  );
}

/** Items of a list come without apiVersion and kind from some servers. */
function complete<T extends KubeObject>(object: T, { group, version, kind }: KindRef): T {
  if (object.kind && object.apiVersion) return object;
  return { ...object, apiVersion: group === "" ? version : `${group}/${version}`, kind };
}
