import type { Change, Row } from "./store.ts";

/** As many as a busy minute writes and reads again: a namespace at every write, an object before each change. */
const rowsMax = 4_096;
/** What their values may weigh together, in characters. */
const weightMax = 8 * 1024 * 1024;

/**
 * Rows that were read or written lately, so that the database is not asked again. It is right where every write
 * goes through one place, which tells of each before its writer hears of it.
 */
export class RowCache {
  /** Of two generations the older one goes when the younger is full; what is asked for moves to the younger. */
  #young: Generation = new Map();
  #old: Generation = new Map();
  #weight = 0;

  get(key: string): Row | undefined {
    const row = this.#young.get(key);
    if (row !== undefined) return row;
    const older = this.#old.get(key);
    if (older !== undefined) this.keep(older);
    return older;
  }

  /** The row is as it says, here and in the database. */
  keep(row: Row): void {
    this.#drop(row.key);
    this.#weight += row.value.length;
    if (this.#young.size >= rowsMax / 2 || this.#weight > weightMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = row.value.length;
    }
    this.#young.set(row.key, row);
  }

  /** The database has changed. */
  apply({ key, revision, value }: Change): void {
    if (value === undefined) this.#drop(key);
    else this.keep({ key, revision, value });
  }

  /** Nobody knows how the row is. */
  forget(key: string): void {
    this.#drop(key);
  }

  /** The database has changed in ways that nobody told. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#weight = 0;
  }

  #drop(key: string): void {
    const row = this.#young.get(key);
    if (row !== undefined) this.#weight -= row.value.length;
    this.#young.delete(key);
    this.#old.delete(key);
  }
}

type Generation = Map<string, Row>;
