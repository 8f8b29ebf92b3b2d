/** What is done to a whole SQLite store. */
import { DatabaseSync } from "node:sqlite";
import { type Dump, dumpPage } from "./dump.ts";
import type { KeyRange } from "./keys.ts";
import { inTransaction } from "./sqlite-file.ts";
import type { Row } from "./store.ts";

const range = "workspace = ? and key >= ? and key < ?";

/** A connection of its own in one read transaction: writers go on beside it. */
export function dumpSqlite(path: string, workspace: string): Dump {
  const database = new DatabaseSync(path, { readOnly: true });
  database.exec("pragma busy_timeout = 5000; begin");
  const newest = database.prepare("select seq from sqlite_sequence where name = 'changes'").get();
  const page = database.prepare(
    `select key, revision, value from objects where workspace = ? and key > ? order by key limit ${dumpPage}`,
  );
  async function* pages(): AsyncGenerator<readonly Row[]> {
    for (let after = ""; ; ) {
      const rows = page.all(workspace, after) as unknown as Row[];
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < dumpPage) return;
      after = last.key;
    }
  }
  return {
    revision: Number(newest?.["seq"] ?? 0),
    pages: pages(),
    [Symbol.asyncDispose]: async () => database.close(),
  };
}

export async function loadSqlite(
  database: DatabaseSync,
  workspace: string,
  pages: AsyncIterable<readonly Row[]>,
  revision: number,
): Promise<void> {
  database.exec("begin immediate");
  try {
    database.exec("delete from objects; delete from changes;");
    const insert = database.prepare(
      "insert into objects (workspace, key, revision, value) values (?, ?, ?, ?)",
    );
    for await (const rows of pages) {
      for (const { key, revision: at, value } of rows) insert.run(workspace, key, at, value);
    }
    // The next change counts on from here. SQLite keeps a number for the table once it had a row.
    database.exec(
      `insert into changes (revision, workspace, key) values (${revision}, '', ''); delete from changes;`,
    );
    database.exec("commit");
  } catch (error) {
    database.exec("rollback");
    throw error;
  }
}

/** Values looked at in one transaction, so that nobody waits long. */
const batch = 200;

type Change = (key: string, value: string) => string;

export async function rewriteSqlite(
  database: DatabaseSync,
  workspace: string,
  keys: KeyRange,
  change: Change,
): Promise<number> {
  const objects = await rewriteObjects(database, workspace, keys, change);
  // After the objects, as the log gets what they were.
  const changed = objects + (await rewriteLog(database, workspace, keys, change));
  // What was there before must not stay in pages that nobody uses any more.
  if (changed > 0) database.exec("vacuum; pragma wal_checkpoint(truncate);");
  return changed;
}

async function rewriteObjects(
  database: DatabaseSync,
  workspace: string,
  { from, to }: KeyRange,
  change: Change,
): Promise<number> {
  let changed = 0;
  const page = database.prepare(`select key, value from objects where ${range} order by key limit ${batch}`);
  const put = database.prepare("update objects set value = ? where workspace = ? and key = ?");
  for (let after = from; ; await new Promise(setImmediate)) {
    const rows = page.all(workspace, after, to) as unknown as { key: string; value: string }[];
    inTransaction(database, () => {
      for (const { key, value } of rows) {
        const text = change(key, value);
        if (text === value) continue;
        put.run(text, workspace, key);
        changed++;
      }
    });
    const last = rows.at(-1);
    if (last === undefined || rows.length < batch) return changed;
    after = `${last.key}\u0001`;
  }
}

async function rewriteLog(
  database: DatabaseSync,
  workspace: string,
  { from, to }: KeyRange,
  change: Change,
): Promise<number> {
  let changed = 0;
  const page = database.prepare(
    `select revision, key, value, previous from changes where revision > ? and ${range}
     order by revision limit ${batch}`,
  );
  const put = database.prepare("update changes set value = ?, previous = ? where revision = ?");
  for (let after = 0; ; await new Promise(setImmediate)) {
    const rows = page.all(after, workspace, from, to) as unknown as LogRow[];
    inTransaction(database, () => {
      for (const { revision, key, value, previous } of rows) {
        const of = (text: string | null): string | null => (text === null ? null : change(key, text));
        const [now, before] = [of(value), of(previous)];
        if (now === value && before === previous) continue;
        put.run(now, before, revision);
        changed++;
      }
    });
    const last = rows.at(-1);
    if (last === undefined || rows.length < batch) return changed;
    after = last.revision;
  }
}

interface LogRow {
  readonly revision: number;
  readonly key: string;
  readonly value: string | null;
  readonly previous: string | null;
}
