import type { KubeObject } from "@selvedge/apimachinery";
import { cloneObject, freezeLazy, isLazy, withMembers } from "@selvedge/apiserver";
import { type Clock, cloneJson, type Log, type Random } from "@selvedge/base";
import {
  type DeleteOptions,
  type IndexFunction,
  Informer,
  isReason,
  type KindRef,
  type Objects,
  type ObjectView,
  type WriteOptions,
} from "@selvedge/client";

export interface ClusterOptions {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A kind to be kept in memory, and how its objects are found. */
export interface CachedKind<T extends KubeObject = KubeObject> {
  readonly ref: KindRef;
  readonly indexes: Readonly<Record<string, IndexFunction<T>>>;
}

/**
 * A read-modify-write that others keep winning against is given up after so many; the pass is then tried
 * again.
 */
const attemptsMax = 5;

/**
 * The controller's view of the API server's objects: copies that follow the watch, and writes that the
 * copies know of at once. All reconcilers share it.
 */
export class Cluster implements AsyncDisposable {
  readonly objects: Objects;
  /** The kinds that are kept in memory. */
  readonly kinds: readonly KindRef[];
  readonly #informers: ReadonlyMap<string, Informer<KubeObject>>;
  #isStarted = false;

  constructor(options: ClusterOptions, kinds: readonly CachedKind[]) {
    this.objects = options.objects;
    this.kinds = kinds.map(({ ref }) => ref);
    this.#informers = new Map(
      kinds.map(({ ref, indexes }) => [
        nameOf(ref),
        new Informer({ ...options, kind: ref, indexes, keep: withoutManagers }),
      ]),
    );
  }

  cache<T extends KubeObject>(kind: KindRef): ObjectView<T> {
    const found = this.#informer<T>(kind);
    if (found === undefined) throw new Error(`${nameOf(kind)} is not kept in memory`);
    return found;
  }

  /** Resolves once every cache has been filled; then they follow the watches until disposed. */
  async start(): Promise<void> {
    // One after another: side by side, what each does in one go would add up to a long time for everybody else.
    for (const informer of this.#informers.values()) {
      informer.start();
      await informer.synced;
    }
  }

  /** Whether the caches hold everything there was at the start. */
  get started(): boolean {
    // Every poll asks, and what was filled once stays so.
    this.#isStarted ||= this.#informers.values().every(({ isSynced }) => isSynced);
    return this.#isStarted;
  }

  async create<T extends KubeObject>(kind: KindRef, object: T): Promise<T> {
    return this.#note(kind, await this.objects.create<T>(kind, object));
  }

  async update<T extends KubeObject>(kind: KindRef, object: T, options?: WriteOptions): Promise<T> {
    return this.#note(kind, await this.objects.update<T>(kind, object, options));
  }

  /**
   * Changes the status of an object: `change` gets a copy of the newest known object and alters its status
   * in place; it returns false when nothing is to be written. Undefined when the object is not there (any
   * more).
   */
  async changeStatus<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    change: (object: T) => boolean,
  ): Promise<T | undefined> {
    return this.#change(kind, name, namespace, change, {
      draft: withOwnStatus,
      write: (object) => this.objects.updateStatus(kind, object),
    });
  }

  /** As changeStatus, for everything but the status, or for another subresource. */
  async change<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    change: (object: T) => boolean,
    options: WriteOptions = {},
  ): Promise<T | undefined> {
    return this.#change(kind, name, namespace, change, {
      draft: options.subresource === undefined ? withOwnContent : cloneObject,
      write: async (object) => {
        const written = await this.objects.update(kind, object, options);
        // The last finalizer's removal deletes what is marked; the answer does not say so.
        if (object.metadata.deletionTimestamp !== undefined) await this.refresh(kind, object);
        return written;
      },
    });
  }

  /**
   * Deletes this very object (its UID is a precondition unless it has none); it is no error when it is
   * gone.
   */
  async delete(kind: KindRef, object: KubeObject, options: DeleteOptions = {}): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...options.preconditions };
    try {
      await this.objects.delete(kind, name, namespace, { ...options, preconditions });
    } catch (error) {
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
      const now = await this.refresh(kind, object);
      // Another object has the name now: ours is gone. The same one only changed meanwhile, and that is a
      // failure.
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
      if (uid !== undefined && now.metadata.uid !== uid) this.#informer(kind)?.acceptGone(object);
      return this.#note(kind, now);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      this.#informer(kind)?.acceptGone(object);
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer[Symbol.asyncDispose]()));
  }

  #informer<T extends KubeObject>(kind: KindRef): Informer<T> | undefined {
    return this.#informers.get(nameOf(kind)) as unknown as Informer<T> | undefined;
  }

  #note<T extends KubeObject>(kind: KindRef, object: T): T {
    this.#informer<T>(kind)?.accept(object);
    return object;
  }

  async #change<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    change: (object: T) => boolean,
    { draft: draftOf, write }: Writing<T>,
  ): Promise<T | undefined> {
    let known = this.#informer<T>(kind)?.get(name, namespace);
    for (let attempt = 1; ; attempt++) {
      try {
        known ??= await this.objects.get<T>(kind, name, namespace);
        const draft = draftOf(known);
        if (!change(draft)) return known;
        return this.#note(kind, await write(draft));
      } catch (error) {
        if (isReason(error, "NotFound")) {
          if (known !== undefined) this.#informer<T>(kind)?.acceptGone(known);
          return undefined;
        }
        if (!isReason(error, "Conflict") || attempt >= attemptsMax) throw error;
        known = undefined;
      }
    }
  }
}

interface Writing<T extends KubeObject> {
  /** A copy of what may be changed of a known object. */
  readonly draft: (known: T) => T;
  readonly write: (draft: T) => Promise<T>;
}

/** Most passes look and change nothing: what they may not change need not be copied. */
function withOwnStatus<T extends KubeObject>(known: T): T {
  const { status } = known as KubeObject;
  return withMembers(known, status === undefined ? {} : { status: cloneJson(status) });
}

/** All but the status, which is written by itself. */
function withOwnContent<T extends KubeObject>(known: T): T {
  // What is unread costs nothing to copy.
  if (isLazy(known)) return cloneObject(known);
  const { status, ...content } = known as KubeObject;
  const draft: KubeObject = cloneJson(content as KubeObject);
  if (status !== undefined) draft["status"] = status;
  return draft as T;
}

function nameOf(kind: KindRef): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

/**
 * Nobody here reads who manages which field, and that is most of an object in memory. What is written without it
 * keeps the managers it had.
 */
function withoutManagers(object: KubeObject): KubeObject {
  const { metadata: all } = object;
  if (!Object.hasOwn(all, "managedFields")) {
    freezeLazy(object);
    return object;
  }
  const metadata: Record<string, unknown> = {};
  // One after another: of a long object they are not even read.
  for (const name of Object.keys(all) as (keyof typeof all)[]) {
    if (name !== "managedFields") metadata[name] = all[name];
  }
  const kept = withMembers(object, { metadata });
  // Most of a long ConfigMap is never read here.
  freezeLazy(kept);
  return kept;
}
