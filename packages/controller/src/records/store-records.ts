import type { Store } from "@selvedge/apiserver";
import type { Records } from "../ports.ts";
import { checkSize } from "./records-file.ts";

/** No group of kinds begins like this, so no object is ever among the records. */
export const recordsPrefix = "-records/";

/**
 * Records in the store of the objects, for the one replica that leads: read once, written through. A write is on
 * its way when `put` returns; `settled` tells when it is safe, and whoever answers a node waits for that.
 */
export class StoreRecords implements Records {
  readonly #store: Store;
  /** By bucket, then by key: a bucket is walked as often as nodes speak. */
  readonly #held = new Map<string, Map<string, Uint8Array>>();
  /** Writes under way, one after another for each record. */
  readonly #writes = new Map<string, Promise<void>>();
  /** The first write that failed since somebody asked. */
  #failure: { readonly error: unknown } | undefined;

  static async open(store: Store): Promise<StoreRecords> {
    const records = new StoreRecords(store);
    const { rows } = await store.list(recordsPrefix);
    for (const { key, value } of rows) {
      const [bucket = "", ...rest] = key.slice(recordsPrefix.length).split("/");
      records.#bucket(bucket).set(rest.join("/"), Uint8Array.fromBase64(value));
    }
    return records;
  }

  private constructor(store: Store) {
    this.#store = store;
  }

  get(bucket: string, key: string): Uint8Array | undefined {
    return this.#held.get(bucket)?.get(key);
  }

  put(bucket: string, key: string, value: Uint8Array): void {
    checkSize(bucket, key, value);
    const name = keyOf(bucket, key);
    const kept = new Uint8Array(value);
    this.#bucket(bucket).set(key, kept);
    this.#enqueue(name, kept);
  }

  delete(bucket: string, key: string): void {
    const name = keyOf(bucket, key);
    const held = this.#held.get(bucket);
    const had = held?.delete(key) === true;
    if (held?.size === 0) this.#held.delete(bucket);
    if (had || this.#writes.has(name)) this.#enqueue(name, undefined);
  }

  entries(bucket: string): Iterable<readonly [key: string, value: Uint8Array]> {
    return [...(this.#held.get(bucket) ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#writes.values());
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  #bucket(bucket: string): Map<string, Uint8Array> {
    const held = this.#held.get(bucket) ?? new Map<string, Uint8Array>();
    this.#held.set(bucket, held);
    return held;
  }

  #enqueue(name: string, value: Uint8Array | undefined): void {
    const before = this.#writes.get(name) ?? Promise.resolve();
    const write = before
      .then(() => this.#write(name, value))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        if (this.#writes.get(name) === write) this.#writes.delete(name);
      });
    this.#writes.set(name, write);
  }

  async #write(name: string, value: Uint8Array | undefined): Promise<void> {
    const stored = await this.#store.get(name);
    if (stored === undefined && value === undefined) return;
    const outcome = await this.#store.write(name, stored?.revision ?? 0, value?.toBase64());
    // Only who leads writes records: another one does now, and knows better.
    if (outcome.type === "conflict") throw new Error(`the record ${name} was written by another replica`);
  }
}

/** Where the store has a record: buckets have no slash in their names, keys may. */
export function keyOf(bucket: string, key: string): string {
  return `${recordsPrefix}${bucket}/${key}`;
}
