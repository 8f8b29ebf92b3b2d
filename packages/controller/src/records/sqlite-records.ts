import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Records } from "../ports.ts";

/** The largest value: an escrowed key or a certificate is a few kilobytes, so more is a mistake of ours. */
const valueMax = 16 * 1024 * 1024;

const table = `create table if not exists records (bucket text not null, key text not null, value blob not null,
  unique (bucket, key));`;

/**
 * Records in one SQLite file, the one that holds the objects; in memory for the path ":memory:". Every
 * write is on the disk when it returns, as what a node was told must survive a power cut.
 */
export class SqliteRecords implements Records, Disposable {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #entries: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
    this.#database.exec(table);
    this.#get = this.#database.prepare("select value from records where bucket = ? and key = ?");
    this.#put = this.#database.prepare(
      `insert into records (bucket, key, value) values (?, ?, ?)
       on conflict (bucket, key) do update set value = excluded.value`,
    );
    this.#delete = this.#database.prepare("delete from records where bucket = ? and key = ?");
    this.#entries = this.#database.prepare("select key, value from records where bucket = ? order by key");
  }

  get(bucket: string, key: string): Uint8Array | undefined {
    return this.#get.get(bucket, key)?.["value"] as Uint8Array | undefined;
  }

  put(bucket: string, key: string, value: Uint8Array): void {
    checkSize(bucket, key, value);
    this.#put.run(bucket, key, value);
  }

  delete(bucket: string, key: string): void {
    this.#delete.run(bucket, key);
  }

  /** All of a bucket as it is now; what is written while the caller walks it does not show. */
  entries(bucket: string): Iterable<readonly [key: string, value: Uint8Array]> {
    const rows = this.#entries.all(bucket) as unknown as { key: string; value: Uint8Array }[];
    return rows.map(({ key, value }) => [key, value] as const);
  }

  /** Everything, by its bucket and key. */
  *all(): IterableIterator<readonly [bucket: string, key: string, value: Uint8Array]> {
    const rows = this.#database.prepare("select bucket, key, value from records order by bucket, key");
    for (const { bucket, key, value } of rows.iterate()) {
      yield [String(bucket), String(key), value as Uint8Array] as const;
    }
  }

  /** In the place of all there is, whole or not at all. */
  async load(
    entries: AsyncIterable<readonly [bucket: string, key: string, value: Uint8Array]>,
  ): Promise<void> {
    this.#database.exec("begin immediate; delete from records");
    try {
      for await (const [bucket, key, value] of entries) this.put(bucket, key, value);
      this.#database.exec("commit");
    } catch (error) {
      this.#database.exec("rollback");
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

export function checkSize(bucket: string, key: string, value: Uint8Array): void {
  if (value.length <= valueMax) return;
  throw new RangeError(`record ${bucket}/${key} has ${value.length} bytes; the most is ${valueMax}`);
}
