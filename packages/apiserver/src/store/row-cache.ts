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
  /** The one that was used last comes last. */
  readonly #rows = new Map<string, Row>();
  #weight = 0;

  get(key: string): Row | undefined {
    const row = this.#rows.get(key);
    if (row === undefined) return undefined;
    this.#rows.delete(key);
    this.#rows.set(key, row);
    return row;
  }

  /** The row is as it says, here and in the database. */
  keep(row: Row): void {
    this.#drop(row.key);
    this.#rows.set(row.key, row);
    this.#weight += row.value.length;
    for (const key of this.#rows.keys()) {
      if (this.#rows.size <= rowsMax && this.#weight <= weightMax) return;
      this.#drop(key);
    }
  }

  /** The database has changed. */
  apply({ key, revision, value }: Change): void {
    if (value === undefined) this.#drop(key);
    else this.keep({ key, revision, value });
  }

  /** The database has changed in ways that nobody told. */
  clear(): void {
    this.#rows.clear();
    this.#weight = 0;
  }

  #drop(key: string): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    this.#rows.delete(key);
    this.#weight -= row.value.length;
  }
}
