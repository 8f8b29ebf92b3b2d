import type { KubeObject } from "@selvedge/apimachinery";
import {
  type Clock,
  describeError,
  type Log,
  type Millis,
  type Random,
  seconds,
  sleep,
} from "@selvedge/base";
import {
  type DeleteOptions,
  isReason,
  type KindRef,
  type Objects,
  type WriteOptions,
} from "@selvedge/client";
import { backoffDelay } from "@selvedge/reconcile";
import { cloneJson } from "./clone-json.ts";
import { type IndexOf, ObjectCache } from "./object-cache.ts";

export interface ClusterOptions {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A kind to be kept in memory, and how its objects are found. */
export interface CachedKind<T extends KubeObject = KubeObject> {
  readonly ref: KindRef;
  readonly indexes: Readonly<Record<string, IndexOf<T>>>;
}

/** A read-modify-write that others keep winning against is given up after so many; the pass is then tried again. */
const attemptsMax = 5;
const feedBackoff: { readonly first: Millis; readonly max: Millis } = {
  first: seconds(0.2),
  max: seconds(10),
};

/**
 * The controller's view of the API server's objects: caches that follow the watch, and writes that the caches know of
 * at once. All reconcilers share it.
 */
export class Cluster implements AsyncDisposable {
  readonly objects: Objects;
  readonly #options: ClusterOptions;
  readonly #caches = new Map<string, ObjectCache<KubeObject>>();
  readonly #kinds: KindRef[] = [];
  readonly #stop = new AbortController();
  readonly #feeds: Promise<void>[] = [];
  #started = false;

  constructor(options: ClusterOptions, kinds: readonly CachedKind[]) {
    this.objects = options.objects;
    this.#options = options;
    for (const { ref, indexes } of kinds) {
      this.#kinds.push(ref);
      this.#caches.set(nameOf(ref), new ObjectCache(indexes));
    }
  }

  /** The kinds that are kept in memory. */
  get kinds(): readonly KindRef[] {
    return this.#kinds;
  }

  cache<T extends KubeObject>(kind: KindRef): ObjectCache<T> {
    const found = this.#caches.get(nameOf(kind));
    if (found === undefined) throw new Error(`${nameOf(kind)} is not kept in memory`);
    return found as unknown as ObjectCache<T>;
  }

  /** Resolves once every cache has been filled; then they follow the watches until disposed. */
  async start(): Promise<void> {
    await Promise.all(
      this.#kinds.map(async (kind) => {
        const { items, metadata } = await this.objects.list(kind);
        this.cache(kind).replaceAll(items, Number(metadata.resourceVersion));
        this.#feeds.push(this.#follow(kind, metadata.resourceVersion));
      }),
    );
    this.#started = true;
  }

  /** Whether the caches hold everything there was at the start. */
  get started(): boolean {
    return this.#started;
  }

  async create<T extends KubeObject>(kind: KindRef, object: T): Promise<T> {
    return this.#note(kind, await this.objects.create<T>(kind, object));
  }

  async update<T extends KubeObject>(kind: KindRef, object: T, options?: WriteOptions): Promise<T> {
    return this.#note(kind, await this.objects.update<T>(kind, object, options));
  }

  /**
   * Changes the status of an object: `change` gets a copy of the newest known object and alters its status in place;
   * it returns false when nothing is to be written. Undefined when the object is not there (any more).
   */
  async changeStatus<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    change: (object: T) => boolean,
  ): Promise<T | undefined> {
    return this.#change(kind, name, namespace, change, (object) => this.objects.updateStatus(kind, object));
  }

  /** As changeStatus, for everything but the status, or for another subresource. */
  async change<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    change: (object: T) => boolean,
    options: WriteOptions = {},
  ): Promise<T | undefined> {
    return this.#change(kind, name, namespace, change, async (object) => {
      const written = await this.objects.update(kind, object, options);
      // The last finalizer's removal deletes what is marked; the answer does not say so.
      if (object.metadata.deletionTimestamp !== undefined) await this.refresh(kind, object);
      return written;
    });
  }

  /** Deletes this very object (its UID is a precondition unless it has none); it is no error when it is gone. */
  async delete(kind: KindRef, object: KubeObject, options: DeleteOptions = {}): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...options.preconditions };
    try {
      await this.objects.delete(kind, name, namespace, { ...options, preconditions });
    } catch (error) {
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
      const now = await this.refresh(kind, object);
      // Another object has the name now: ours is gone. The same one only changed meanwhile, and that is a failure.
      if (now !== undefined && now.metadata.uid === uid) throw error;
      return;
    }
    await this.refresh(kind, object);
  }

  /** Reads an object again into the cache: after a write whose result we were not given. */
  async refresh(kind: KindRef, object: KubeObject): Promise<KubeObject | undefined> {
    const { name, namespace, uid } = object.metadata;
    try {
      const now = await this.objects.get(kind, name, namespace);
      if (uid !== undefined && now.metadata.uid !== uid) this.#caches.get(nameOf(kind))?.noteGone(object);
      return this.#note(kind, now);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      this.#caches.get(nameOf(kind))?.noteGone(object);
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("controller stopped"));
    await Promise.allSettled(this.#feeds);
  }

  #note<T extends KubeObject>(kind: KindRef, object: T): T {
    this.#caches.get(nameOf(kind))?.set(object);
    return object;
  }

  async #change<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    change: (object: T) => boolean,
    write: (object: T) => Promise<T>,
  ): Promise<T | undefined> {
    let known = this.#caches.get(nameOf(kind))?.get(name, namespace) as T | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        known ??= await this.objects.get<T>(kind, name, namespace);
        const draft = cloneJson(known);
        if (!change(draft)) return known;
        return this.#note(kind, await write(draft));
      } catch (error) {
        if (isReason(error, "NotFound")) {
          if (known !== undefined) this.#caches.get(nameOf(kind))?.noteGone(known);
          return undefined;
        }
        if (!isReason(error, "Conflict") || attempt >= attemptsMax) throw error;
        known = undefined;
      }
    }
  }

  /** Follows the watch for ever; a watch that ends goes on where it was, one that fell too far behind starts over. */
  async #follow(kind: KindRef, from: string): Promise<void> {
    const { signal } = this.#stop;
    const { clock, random, log } = this.#options;
    const cache = this.cache(kind);
    let resourceVersion: string | undefined = from;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (resourceVersion === undefined) {
          const { items, metadata } = await this.objects.list(kind);
          cache.replaceAll(items, Number(metadata.resourceVersion));
          resourceVersion = metadata.resourceVersion;
        }
        let heard = false;
        for await (const { type, object } of this.objects.watch(kind, { resourceVersion, signal })) {
          if (type === "ERROR") throw new Error(`watch of ${nameOf(kind)}: ${JSON.stringify(object)}`);
          heard = true;
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
          if (type === "DELETED") cache.remove(object);
          else if (type !== "BOOKMARK") cache.set(object);
        }
        failures = heard ? 0 : failures;
        if (heard) continue;
      } catch (error) {
        if (signal.aborted) return;
        resourceVersion = undefined;
        log.warn("watch broke, listing again", { kind: nameOf(kind), error: describeError(error) });
      }
      failures++;
      await sleep(clock, backoffDelay(feedBackoff, failures, random), signal).catch(() => undefined);
    }
  }
}

function nameOf(kind: KindRef): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}
