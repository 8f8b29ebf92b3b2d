/** One SQLite file: its tables, and how a group of writes gets into it. What is here runs in either thread. */
import { DatabaseSync } from "node:sqlite";
import type { PendingWrite } from "./write-queue.ts";

/** How often the log is cut, in writes: cutting costs a scan of what goes. */
const compactEvery = 1_000;

/** Each entry takes a file from the version of its place to the next. */
const migrations = [
  `create table if not exists objects (workspace text not null, key text not null, revision integer not null,
     value text not null, unique (workspace, key));
   create table if not exists changes (revision integer primary key autoincrement, workspace text not null,
     key text not null, value text, previous text);`,
  "alter table changes add column previous_revision integer not null default 0;",
  // What some keys were at a revision is found without a look at all that changed since.
  "create index changes_by_key on changes (workspace, key, revision);",
];

/** What became of a group: a revision for each write, 0 for a conflict, and the value that was there before. */
export interface Committed {
  readonly revisions: readonly number[];
  readonly previous: readonly (string | undefined)[];
}

/** What the thread that writes is told. */
export interface WorkerPlace {
  readonly path: string;
  readonly workspace: string;
  readonly kept: number;
}

/** Writes, and up to where the log may be cut by then. */
export interface WriteGroup {
  readonly writes: readonly PendingWrite[];
  readonly cut: number;
}

export type CommitWrites = (group: WriteGroup) => Committed;

/** Opens a file, made and brought up to date where needed. */
export function openSqlite(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
  migrate(database);
  return database;
}

/** Writes groups, each in one transaction that is on the disk when it returns. */
export function sqliteWriter(database: DatabaseSync, workspace: string, kept: number): CommitWrites {
  const get = database.prepare("select revision, value from objects where workspace = ? and key = ?");
  const put = database.prepare(
    `insert into objects (workspace, key, revision, value) values (?, ?, ?, ?)
     on conflict (workspace, key) do update set revision = excluded.revision, value = excluded.value`,
  );
  const remove = database.prepare("delete from objects where workspace = ? and key = ?");
  const log = database.prepare(
    "insert into changes (workspace, key, value, previous, previous_revision) values (?, ?, ?, ?, ?)",
  );
  const cut = database.prepare("delete from changes where revision <= ?");

  const write = ({ key, expected, value }: PendingWrite): readonly [number, string | undefined] => {
    const stored = get.get(workspace, key) as { revision: number; value: string } | undefined;
    if ((stored?.revision ?? 0) !== expected || (stored === undefined && value === undefined))
      return [0, undefined];
    const { value: before, revision: at = 0 } = stored ?? {};
    const revision = Number(log.run(workspace, key, value ?? null, before ?? null, at).lastInsertRowid);
    if (value === undefined) remove.run(workspace, key);
    else put.run(workspace, key, revision, value);
    return [revision, before];
  };
  return ({ writes, cut: through }) => {
    const outcomes = inTransaction(database, () => writes.map(write));
    const revisions = outcomes.map(([revision]) => revision);
    const newest = Math.max(...revisions);
    const every = Math.min(compactEvery, kept);
    const due = Math.floor(newest / every) !== Math.floor((newest - writes.length) / every);
    if (due && through > 0) cut.run(through);
    return { revisions, previous: outcomes.map(([, before]) => before) };
  };
}

export function inTransaction<T>(database: DatabaseSync, act: () => T): T {
  database.exec("begin immediate");
  try {
    const result = act();
    database.exec("commit");
    return result;
  } catch (error) {
    database.exec("rollback");
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare("pragma user_version").get() as { user_version: number };
  if (version > migrations.length) {
    throw new Error(
      `the store was written by a newer version (${version}); this one knows ${migrations.length}`,
    );
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    database.exec(`begin immediate; ${sql} pragma user_version = ${index + 1}; commit;`);
  }
}
