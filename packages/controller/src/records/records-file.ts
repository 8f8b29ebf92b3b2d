/** The records' table in a SQLite file, the one that holds the objects. What is here runs in either thread. */
import { DatabaseSync } from "node:sqlite";

/** The largest value: an escrowed key or a certificate is a few kilobytes, so more is a mistake of ours. */
const valueMax = 16 * 1024 * 1024;

const table = `create table if not exists records (bucket text not null, key text not null, value blob not null,
  unique (bucket, key));`;

type Entry = readonly [bucket: string, key: string, value: Uint8Array];

export interface RecordWrite {
  readonly bucket: string;
  readonly key: string;
  /** Undefined: delete. */
  readonly value: Uint8Array | undefined;
}

export function checkSize(bucket: string, key: string, value: Uint8Array): void {
  if (value.length <= valueMax) return;
  throw new RangeError(`record ${bucket}/${key} has ${value.length} bytes; the most is ${valueMax}`);
}

export function openRecords(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
  database.exec(table);
  return database;
}

/** Writes groups, each in one transaction that is on the disk when it returns. */
export function recordsWriter(database: DatabaseSync): (writes: readonly RecordWrite[]) => void {
  const put = database.prepare(
    `insert into records (bucket, key, value) values (?, ?, ?)
     on conflict (bucket, key) do update set value = excluded.value`,
  );
  const remove = database.prepare("delete from records where bucket = ? and key = ?");
  return (writes) => {
    database.exec("begin immediate");
    try {
      for (const { bucket, key, value } of writes) {
        if (value === undefined) remove.run(bucket, key);
        else put.run(bucket, key, value);
      }
      database.exec("commit");
    } catch (error) {
      undo(database);
      throw error;
    }
  };
}

/** Everything in a file, by its bucket and key. */
export function* readRecords(path: string): Generator<Entry> {
  using database = openRecords(path);
  const rows = database.prepare("select bucket, key, value from records order by bucket, key");
  for (const { bucket, key, value } of rows.iterate()) {
    yield [String(bucket), String(key), value as Uint8Array];
  }
}

/** In the place of all there is in a file that nobody else has open, whole or not at all. */
export async function replaceRecords(path: string, entries: AsyncIterable<Entry>): Promise<void> {
  using database = openRecords(path);
  const insert = database.prepare("insert into records (bucket, key, value) values (?, ?, ?)");
  database.exec("begin immediate; delete from records");
  try {
    for await (const [bucket, key, value] of entries) {
      checkSize(bucket, key, value);
      insert.run(bucket, key, value);
    }
    database.exec("commit");
  } catch (error) {
    undo(database);
    throw error;
  }
}

function undo(database: DatabaseSync): void {
  // On a full disk SQLite has done so itself.
  if (database.isTransaction) database.exec("rollback");
}
