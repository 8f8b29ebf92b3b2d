import type { KubeObject } from "@selvedge/apimachinery";
import { isNewer, keyOf, type ObjectKey } from "./object-key.ts";

/** Under which values an object is found: the UID of its owner, the name of its node. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

/** What an object was and is; undefined where it was not there. */
export interface Change<T extends KubeObject> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

interface Index<T extends KubeObject> {
  readonly valuesOf: IndexFunction<T>;
  /** Most values have one object: a map for each of them would take more memory than the object. */
  readonly members: Map<string, T | Map<ObjectKey, T>>;
}

/** The objects of one kind by key, with indexes. Objects in it are frozen: readers share them. */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes: ReadonlyMap<string, Index<T>>;
  /**
   * By key the UID of what was found to be gone before the watch said so; it is forgotten when the watch
   * does.
   */
  readonly #gone = new Map<ObjectKey, string>();
  /** What was held when the server was put back to an older state: whatever it says now is newer. */
  #past = new WeakSet<T>();

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>>) {
    this.#indexes = new Map(
      Object.entries(indexes).map(([name, valuesOf]) => [name, { valuesOf, members: new Map() }]),
    );
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  by(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`there is no index ${JSON.stringify(name)}`);
    const found = index.members.get(value);
    if (found === undefined) return [];
    return found instanceof Map ? [...found.values()] : [found];
  }

  /** Takes in a newer state of an object; undefined when it is not newer, or of one that is gone. */
  put(object: T): Change<T> | undefined {
    const key = keyOf(object);
    const gone = this.#gone.get(key);
    if (gone !== undefined && gone === object.metadata.uid) return undefined;
    this.#gone.delete(key);
    const before = this.#objects.get(key);
    const isComparable = before !== undefined && !this.#past.has(before);
    if (isComparable && !isNewer(object.metadata.resourceVersion, before.metadata.resourceVersion)) {
      return undefined;
    }
    freeze(object);
    return this.#swap(key, before, object);
  }

  /** The watch says that the object was deleted at its revision. */
  remove(object: T): Change<T> | undefined {
    const key = keyOf(object);
    if (this.#gone.get(key) === object.metadata.uid) this.#gone.delete(key);
    const before = this.#objects.get(key);
    // Deleted and made again, and the new one was taken in from a write already.
    const isMadeAgain = isNewer(before?.metadata.resourceVersion, object.metadata.resourceVersion);
    return before === undefined || isMadeAgain ? undefined : this.#swap(key, before, undefined);
  }

  /** This very object is gone; the watch will say so later, and may tell of it before that. */
  forget(object: T): Change<T> | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    const { uid } = object.metadata;
    if (before === undefined || before.metadata.uid !== uid) return undefined;
    if (uid !== undefined) this.#gone.set(key, uid);
    return this.#swap(key, before, undefined);
  }

  /**
   * Makes the cache what a list says that was made at `revision`, one object at a time: whoever takes the changes
   * says when others have their turn. What is gone goes first. What a write returns meanwhile stays, as it is newer.
   */
  *replace(listed: readonly T[], revision: string, wentBack: boolean): Generator<Change<T> | undefined> {
    if (wentBack) this.#past = new WeakSet(this.#objects.values());
    const gone = [...this.#gone.keys()];
    const keys = new Set<ObjectKey>();
    // The first list, and the longest, takes the place of nothing.
    if (this.#objects.size + gone.length > 0) for (const object of listed) yield void keys.add(keyOf(object));
    for (const key of gone) if (wentBack || !keys.has(key)) this.#gone.delete(key);
    for (const [key, held] of this.#objects) {
      // What a write returned after this list was made is not gone, only not listed yet.
      const isLater = !this.#past.has(held) && isNewer(held.metadata.resourceVersion, revision);
      yield keys.has(key) || isLater ? undefined : this.#swap(key, held, undefined);
    }
    for (const object of listed) yield this.put(object);
  }

  #swap(key: ObjectKey, before: T | undefined, after: T | undefined): Change<T> {
    for (const { valuesOf, members } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : valuesOf(before)) {
        const found = members.get(value);
        if (found instanceof Map) found.delete(key);
        if (found === before || (found instanceof Map && found.size === 0)) members.delete(value);
      }
      if (after === undefined) continue;
      for (const value of valuesOf(after)) {
        const found = members.get(value);
        if (found instanceof Map) found.set(key, after);
        else if (found === undefined) members.set(value, after);
        else members.set(value, new Map([found, after].map((one) => [keyOf(one), one])));
      }
    }
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    return { before, after };
  }
}

/** Readers that would change a shared object are told so at once, not by a bug elsewhere. */
function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
