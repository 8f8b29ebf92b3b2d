import type { KubeObject } from "@selvedge/apimachinery";

/** Under which values of an index an object is found. */
export type IndexOf<T> = (object: T) => readonly string[];
export type ChangeListener<T> = (before: T | undefined, after: T | undefined) => void;

/**
 * All objects of one kind, as last heard of, with indexes. It hears from two sides: the watch, and our own writes, which
 * are noted as soon as they are acknowledged. So a pass that follows a write always sees it, and nothing is ever made
 * twice because a watch was late; no "expectations" are needed on top.
 *
 * Relies on resource versions that grow, which our own store promises.
 */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  /** UID by key of what we deleted before the watch said so; cleared when it does. */
  readonly #gone = new Map<string, string>();
  readonly #indexes: { readonly of: IndexOf<T>; readonly keys: Map<string, Map<string, T>> }[] = [];
  readonly #indexNames = new Map<string, number>();
  readonly #listeners = new Set<ChangeListener<T>>();

  constructor(indexes: Readonly<Record<string, IndexOf<T>>> = {}) {
    for (const [name, of] of Object.entries(indexes)) {
      this.#indexNames.set(name, this.#indexes.length);
      this.#indexes.push({ of, keys: new Map() });
    }
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#objects.get(keyOf(name, namespace));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  get size(): number {
    return this.#objects.size;
  }

  by(index: string, value: string): T[] {
    const at = this.#indexNames.get(index);
    if (at === undefined) throw new Error(`there is no index ${index}`);
    return [...(this.#indexes[at]?.keys.get(value)?.values() ?? [])];
  }

  /** Tells of every change from now on, and of all that is there, as new. Returns how to stop. */
  onChange(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    for (const object of this.#objects.values()) listener(undefined, object);
    return () => this.#listeners.delete(listener);
  }

  /** What the watch or our own write says this object is now. Older news than what is known changes nothing. */
  set(object: T): void {
    const key = keyOf(object.metadata.name, object.metadata.namespace);
    const gone = this.#gone.get(key);
    if (gone !== undefined && gone === object.metadata.uid) return;
    this.#gone.delete(key);
    const known = this.#objects.get(key);
    if (known !== undefined && revisionOf(known) >= revisionOf(object)) return;
    this.#replace(key, known, object);
  }

  /** The watch says it is gone. */
  remove(object: T): void {
    const key = keyOf(object.metadata.name, object.metadata.namespace);
    if (this.#gone.get(key) === object.metadata.uid) this.#gone.delete(key);
    const known = this.#objects.get(key);
    if (known !== undefined && known.metadata.uid === object.metadata.uid) {
      this.#replace(key, known, undefined);
    }
  }

  /** We deleted it, or were told that it is not there; the watch will say so later. */
  noteGone(object: T): void {
    const key = keyOf(object.metadata.name, object.metadata.namespace);
    const known = this.#objects.get(key);
    if (known === undefined || known.metadata.uid !== object.metadata.uid) return;
    this.#gone.set(key, known.metadata.uid ?? "");
    this.#replace(key, known, undefined);
  }

  /** A whole list, as read at `revision`: what it lacks is gone, unless it is newer. */
  replaceAll(objects: readonly T[], revision: number): void {
    const listed = new Set(objects.map(({ metadata }) => keyOf(metadata.name, metadata.namespace)));
    for (const object of objects) this.set(object);
    for (const [key, known] of this.#objects) {
      if (!listed.has(key) && revisionOf(known) <= revision) this.#replace(key, known, undefined);
    }
    for (const key of this.#gone.keys()) if (!listed.has(key)) this.#gone.delete(key);
  }

  #replace(key: string, before: T | undefined, after: T | undefined): void {
    for (const { of, keys } of this.#indexes) {
      if (before !== undefined) {
        for (const value of of(before)) {
          const found = keys.get(value);
          found?.delete(key);
          if (found?.size === 0) keys.delete(value);
        }
      }
      if (after !== undefined) {
        for (const value of of(after)) {
          const found = keys.get(value);
          if (found === undefined) keys.set(value, new Map([[key, after]]));
          else found.set(key, after);
        }
      }
    }
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    for (const listener of this.#listeners) listener(before, after);
  }
}

export function keyOf(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function revisionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion ?? 0);
}
