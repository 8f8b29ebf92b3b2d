import type { KubeObject } from "@selvedge/apimachinery";
import { isNewer, keyOf, type ObjectKey } from "./object-key.ts";

/** Under which values an object is found: the UID of its owner, the name of its node. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

/** What a change touched: the object, and by index the values it has or had. */
export interface Touched {
  readonly key: ObjectKey;
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The objects of one kind by key, with indexes. Objects in it are frozen: readers share them. */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #functions: ReadonlyMap<string, IndexFunction<T>>;
  readonly #indexes = new Map<string, Map<string, Map<ObjectKey, T>>>();

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>>) {
    this.#functions = new Map(Object.entries(indexes));
    for (const name of this.#functions.keys()) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<ObjectKey> {
    return this.#objects.keys();
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  byIndex(name: string, value: string): readonly T[] {
    return [...(this.#index(name).get(value)?.values() ?? [])];
  }

  has(index: string): boolean {
    return this.#indexes.has(index);
  }

  /** Takes in a newer state of an object; undefined when it is not newer. */
  put(object: T): Touched | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && !isNewer(object.metadata.resourceVersion, before.metadata.resourceVersion)) {
      return undefined;
    }
    freeze(object);
    const values = this.#unlink(key, before);
    this.#objects.set(key, object);
    for (const [name, valuesOf] of this.#functions) {
      for (const value of valuesOf(object)) {
        getOrMake(values, name, () => new Set<string>()).add(value);
        getOrMake(this.#index(name), value, () => new Map<ObjectKey, T>()).set(key, object);
      }
    }
    return { key, values };
  }

  /** Forgets an object; undefined when it was not there. */
  remove(key: ObjectKey): Touched | undefined {
    const before = this.#objects.get(key);
    if (before === undefined) return undefined;
    const values = this.#unlink(key, before);
    this.#objects.delete(key);
    return { key, values };
  }

  #unlink(key: ObjectKey, before: T | undefined): Map<string, Set<string>> {
    const touched = new Map<string, Set<string>>();
    if (before === undefined) return touched;
    for (const [name, valuesOf] of this.#functions) {
      const index = this.#index(name);
      for (const value of valuesOf(before)) {
        getOrMake(touched, name, () => new Set<string>()).add(value);
        const members = index.get(value);
        members?.delete(key);
        if (members?.size === 0) index.delete(value);
      }
    }
    return touched;
  }

  #index(name: string): Map<string, Map<ObjectKey, T>> {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`there is no index ${JSON.stringify(name)}`);
    return index;
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Readers that would change a shared object are told so at once, not by a bug elsewhere. */
function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
