/**
 * First in, first out, at the same cost however many wait: taking the first of an array moves all the others once
 * they are tens of thousands.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  take(): T | undefined {
    const item = this.#items[this.#first];
    if (this.size === 0) return undefined;
    this.#items[this.#first++] = undefined;
    // Half of it is behind us: what is moved now was waited for by as many takes.
    if (this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }

  get size(): number {
    return this.#items.length - this.#first;
  }
}

/** A queue that never grows past its bound: the oldest goes, and is counted. */
export class BoundedQueue<T> {
  readonly #limit: number;
  readonly #items = new Fifo<T>();
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: T): void {
    this.#items.push(item);
    if (this.#items.size > this.#limit) {
      this.#items.take();
      this.#dropped++;
    }
  }

  /** Takes everything, oldest first. */
  drain(): T[] {
    const all: T[] = [];
    while (this.#items.size > 0) all.push(this.#items.take() as T);
    return all;
  }

  get size(): number {
    return this.#items.size;
  }

  /** How many were lost to the bound since the start. */
  get dropped(): number {
    return this.#dropped;
  }
}

/**
 * A map of bounded size that forgets what was used longest ago. The order is a list of its own: the first key of a
 * Map lies behind all that were deleted before it, and looking past those costs more the larger the map is.
 */
export class LruMap<K, V> {
  readonly #limit: number;
  readonly #weigh: (value: V) => number;
  readonly #forget: (value: V) => void;
  readonly #entries = new Map<K, Entry<K, V>>();
  #newest: Entry<K, V> | undefined;
  #oldest: Entry<K, V> | undefined;
  #weight = 0;

  /**
   * `limit` is how many, or what they may weigh together; what was set last stays in any case. `forget` takes down what
   * there is no room for, and what is left when the map is cleared.
   */
  constructor(
    limit: number,
    weigh: (value: V) => number = () => 1,
    forget: (value: V) => void = () => undefined,
  ) {
    this.#limit = limit;
    this.#weigh = weigh;
    this.#forget = forget;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry !== this.#newest) {
      this.#unlink(entry);
      this.#link(entry);
    }
    return entry?.value;
  }

  set(key: K, value: V): void {
    const weight = this.#weigh(value);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { key, value, weight, newer: undefined, older: undefined };
      this.#entries.set(key, entry);
    } else {
      this.#weight -= entry.weight;
      this.#unlink(entry);
      entry.value = value;
      entry.weight = weight;
    }
    this.#weight += weight;
    this.#link(entry);
    while (this.#weight > this.#limit && this.#oldest !== entry) this.#dropOldest();
  }

  clear(): void {
    while (this.#oldest !== undefined) this.#dropOldest();
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    this.#unlink(entry);
  }

  get size(): number {
    return this.#entries.size;
  }

  #dropOldest(): void {
    const oldest = this.#oldest;
    if (oldest === undefined) return;
    this.delete(oldest.key);
    this.#forget(oldest.value);
  }

  #link(entry: Entry<K, V>): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<K, V>): void {
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = undefined;
    entry.older = undefined;
  }
}

interface Entry<K, V> {
  readonly key: K;
  value: V;
  weight: number;
  newer: Entry<K, V> | undefined;
  older: Entry<K, V> | undefined;
}
