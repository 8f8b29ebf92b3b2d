/**
 * A copy of all objects of one kind, kept current: list once, then watch from there.
 *
 *   list ──► watch ──ends, fails──► wait ──► watch from the last revision
 *    ▲         └────410 Expired─────► wait ──┐
 *    └───────────────────────────────────────┘
 *
 * Handlers learn which object changed, never how: they read the copy. What was deleted is gone from it, so whoever has
 * to know whose it was declares an index (its owner, its node) and is told the value.
 */
import type { KubeObject, WatchEvent } from "@selvedge/apimachinery";
import {
  type Clock,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
  sleep,
} from "@selvedge/base";
import { ApiError } from "./errors.ts";
import { type IndexFunction, ObjectCache, type Touched } from "./object-cache.ts";
import { isNewer, keyOf, type ObjectKey, objectKey } from "./object-key.ts";
import type { KindRef, ListOptions, Objects } from "./objects.ts";

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
}

/** Keeps one answer of a list small enough for any transport. */
const pageSize = 1000;
/** A first retry soon enough for a hiccup; the longest still finds a controller that came back within a minute. */
const retryFirst = millis(200);
const retryMax = seconds(30);
/** Failures of any kind in a row after which the copy is made anew: it mends what nobody thought of. */
const relistAfter = 5;
/** A watch this old is opened anew: a connection that died without a word is found out in the end. */
const watchAge = minutes(5);

export class Informer<T extends KubeObject> {
  /** Resolves when the first list is in the copy; rejects when the informer is disposed before that. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T>;
  readonly #cache: ObjectCache<T>;
  readonly #stop = new AbortController();
  readonly #keyHandlers = new Set<(key: ObjectKey) => void>();
  readonly #indexHandlers = new Map<string, Set<(value: string) => void>>();
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

  /** The object, frozen: clone it before changing it. */
  get(name: string, namespace?: string): T | undefined {
    return this.#cache.get(objectKey(name, namespace));
  }

  byKey(key: ObjectKey): T | undefined {
    return this.#cache.get(key);
  }

  list(): readonly T[] {
    return [...this.#cache.values()];
  }

  keys(): readonly ObjectKey[] {
    return [...this.#cache.keys()];
  }

  /** All objects that the index function gave this value. */
  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  /** Called with the key of each object that was added, changed or deleted. Returns how to stop. */
  onChange(handler: (key: ObjectKey) => void): () => void {
    this.#keyHandlers.add(handler);
    return () => this.#keyHandlers.delete(handler);
  }

  /** Called with each value an object that was added, changed or deleted has or had in an index. */
  onIndexChange(index: string, handler: (value: string) => void): () => void {
    if (!this.#cache.has(index)) throw new RangeError(`there is no index ${JSON.stringify(index)}`);
    const handlers = this.#indexHandlers.get(index) ?? new Set();
    this.#indexHandlers.set(index, handlers);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  /** Takes in what a write returned, so that whoever wrote sees it before the watch brings it. */
  accept(object: T): void {
    // Something older than the watch's position was either seen by it or is deleted by now.
    if (this.#latest === undefined || !isNewer(object.metadata.resourceVersion, this.#latest)) return;
    this.#notify(this.#cache.put(structuredClone(object)));
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
    const { clock, log, kind } = this.#options;
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
      if (failures > 0) await sleep(clock, this.#delay(failures), signal).catch(() => {});
    }
  }

  #delay(failures: number): Millis {
    const full = Math.min(retryMax, retryFirst * 2 ** Math.min(failures - 1, 20));
    // Half of it is left to chance: clients that lost the server together do not come back together.
    return millis(full / 2 + (full / 2) * this.#options.random.next());
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
      for (const item of items) fresh.push(complete(item, kind));
      revision = metadata.resourceVersion;
      next = metadata.continue || undefined;
    } while (next !== undefined && !this.#stop.signal.aborted);
    if (this.#stop.signal.aborted) return;
    const touched = this.#replace(fresh, revision);
    this.#revision = revision;
    this.#latest = revision;
    for (const one of touched) this.#notify(one);
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#sync.resolve();
    }
  }

  /** Makes the copy what a list says. */
  #replace(fresh: readonly T[], revision: string): (Touched | undefined)[] {
    const touched: (Touched | undefined)[] = [];
    // The server was put back to an older state: nothing held is comparable with what it says now.
    const wentBack = isNewer(this.#latest, revision);
    const listed = new Set(fresh.map(keyOf));
    for (const key of [...this.#cache.keys()]) {
      // What a write returned after this list was made is not gone, only not listed yet.
      const isLater = isNewer(this.#cache.get(key)?.metadata.resourceVersion, revision);
      if (wentBack || !(listed.has(key) || isLater)) touched.push(this.#cache.remove(key));
    }
    for (const object of fresh) touched.push(this.#cache.put(object));
    return touched;
  }

  /** Follows changes until the watch ends. True when it ended as watches do: there is nothing to wait for. */
  async #watch(): Promise<boolean> {
    const { objects, kind, clock } = this.#options;
    const opened = clock.monotonic();
    const age = new AbortController();
    const timer = clock.setTimer(watchAge, () => age.abort());
    const signal = AbortSignal.any([this.#stop.signal, age.signal]);
    let events = 0;
    try {
      const options = { ...this.#selection(), resourceVersion: this.#revision ?? "0", signal };
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
    if (event.type === "DELETED") {
      const held = this.#cache.get(keyOf(event.object));
      // Deleted and made again, and the new one was accepted from a write already.
      const isOlder = isNewer(held?.metadata.resourceVersion, revision);
      if (!isOlder) this.#notify(this.#cache.remove(keyOf(event.object)));
    } else if (event.type !== "BOOKMARK") {
      this.#notify(this.#cache.put(complete(event.object, this.#options.kind)));
    }
    if (isNewer(revision, this.#revision)) this.#revision = revision;
    if (isNewer(revision, this.#latest)) this.#latest = revision;
  }

  #selection(): Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector"> {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  #notify(touched: Touched | undefined): void {
    if (touched === undefined) return;
    for (const handler of this.#keyHandlers) this.#call(handler, touched.key);
    for (const [index, values] of touched.values) {
      for (const handler of this.#indexHandlers.get(index) ?? []) {
        for (const value of values) this.#call(handler, value);
      }
    }
  }

  /** One handler's fault is not the others', nor the copy's. */
  #call(handler: (value: string) => void, value: string): void {
    try {
      handler(value);
    } catch (error) {
      this.#options.log.error("a handler of changes failed", {
        kind: this.#options.kind.plural,
        value,
        error,
      });
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
