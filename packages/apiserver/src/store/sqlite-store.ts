import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Dump, Dumpable } from "./dump.ts";
import type { Rewriting } from "./encrypted-store.ts";
import { Feed } from "./feed.ts";
import { below, followed, type KeyRange } from "./keys.ts";
import { batchMax, LogCursor, type OldChanges } from "./log-cursor.ts";
import { dumpSqlite, loadSqlite, rewriteSqlite } from "./sqlite-upkeep.ts";
import {
  type Change,
  CompactedError,
  type Page,
  type PageQuery,
  type Row,
  type Snapshot,
  type Store,
  type Subscription,
  type WriteOutcome,
} from "./store.ts";
import { type PendingWrite, WriteQueue } from "./write-queue.ts";

/**
 * Changes kept for watchers that reconnect and for lists in pages: minutes of a busy fleet, tens of
 * megabytes.
 */
const changesKept = 50_000;
/** How often the log is cut, in writes: cutting costs a scan of what goes. */
const compactEvery = 1_000;

/** Each entry takes a file from the version of its place to the next. */
const migrations = [
  `create table if not exists objects (workspace text not null, key text not null, revision integer not null,
     value text not null, unique (workspace, key));
   create table if not exists changes (revision integer primary key autoincrement, workspace text not null,
     key text not null, value text, previous text);`,
  "alter table changes add column previous_revision integer not null default 0;",
];

/**
 * A store in one SQLite file, or in memory for the path ":memory:". Writes that come together are put on disk
 * together, in the order they came; each is told of only when it is safe.
 */
export class SqliteStore implements Store, Dumpable, Rewriting {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #workspace: string;
  readonly #statements: Statements;
  readonly #feed: Feed;
  readonly #writes = new WriteQueue(async (writes) => this.#commit(writes));
  #revision: number;
  /** The log has been cut up to here. */
  #compacted: number;
  readonly #kept: number;

  constructor(path: string, workspace = "", kept: number = changesKept) {
    this.#workspace = workspace;
    this.#kept = kept;
    this.#path = path;
    this.#database = new DatabaseSync(path);
    this.#database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
    migrate(this.#database);
    this.#statements = prepareAll(this.#database);
    const { newest, compacted } = this.#bounds();
    this.#revision = newest;
    this.#compacted = compacted;
    this.#feed = new Feed(newest);
  }

  async get(key: string): Promise<Row | undefined> {
    return this.#find(key);
  }

  async list(prefix: string): Promise<Snapshot> {
    const range = this.#range(below(prefix));
    const rows = this.#statements.list.all(...range, -1) as unknown as Row[];
    return { revision: this.#revision, rows };
  }

  async page({ prefix, after, limit, revision = this.#revision, counts }: PageQuery): Promise<Page> {
    if (revision < this.#compacted) throw new CompactedError(`revision ${revision} has been compacted`);
    const range = this.#range(below(prefix, after));
    const most = limit === undefined ? -1 : limit + 1;
    const found = (revision === this.#revision
      ? this.#statements.list.all(...range, most)
      : this.#statements.listAt.all(...range, revision, ...range, revision, most)) as unknown as Row[];
    const rows = found.slice(0, limit);
    const more = found.length > rows.length;
    if (!counts) return { revision, rows, more, remaining: undefined };
    const { n } = this.#statements.count.get(...range, revision, ...range, revision) as { n: number };
    return { revision, rows, more, remaining: n - rows.length };
  }

  async revision(): Promise<number> {
    return this.#revision;
  }

  write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome> {
    return this.#writes.add(key, expected, value);
  }

  subscribe(prefix: string, revision: number): Subscription {
    return new LogCursor(this.#feed, prefix, revision, (below, from) => this.#changesAfter(below, from));
  }

  async dump(): Promise<Dump> {
    return dumpSqlite(this.#path, this.#workspace);
  }

  async load(pages: AsyncIterable<readonly Row[]>, revision: number): Promise<void> {
    await loadSqlite(this.#database, this.#workspace, pages, Math.max(revision, this.#revision));
    const { newest, compacted } = this.#bounds();
    this.#revision = newest;
    this.#compacted = compacted;
    this.#feed.reset(newest);
  }

  async rewrite(prefix: string, change: (key: string, value: string) => string): Promise<number> {
    const changed = await rewriteSqlite(this.#database, this.#workspace, below(prefix), change);
    // What memory has of the log is as it was.
    this.#feed.reset(this.#revision);
    return changed;
  }

  async close(): Promise<void> {
    await this.#writes.close();
    this.#database.close();
  }

  #commit(writes: readonly PendingWrite[]): WriteOutcome[] {
    const changes: Change[] = [];
    const outcomes: WriteOutcome[] = [];
    this.#database.exec("begin immediate");
    try {
      for (const write of writes) outcomes.push(this.#write(write, changes));
      this.#database.exec("commit");
    } catch (error) {
      this.#database.exec("rollback");
      throw error;
    }
    this.#revision = changes.at(-1)?.revision ?? this.#revision;
    this.#feed.publish(changes, this.#revision);
    this.#compact(changes.length);
    return outcomes;
  }

  #write({ key, expected, value }: PendingWrite, changes: Change[]): WriteOutcome {
    const stored = this.#find(key);
    if ((stored?.revision ?? 0) !== expected) return { type: "conflict" };
    if (stored === undefined && value === undefined) return { type: "conflict" };
    const previous = stored?.value;
    const logged = this.#statements.log.run(
      this.#workspace,
      key,
      value ?? null,
      previous ?? null,
      stored?.revision ?? 0,
    );
    const revision = Number(logged.lastInsertRowid);
    if (value === undefined) this.#statements.delete.run(this.#workspace, key);
    else this.#statements.put.run(this.#workspace, key, revision, value);
    changes.push({ revision, key, value, previous });
    return { type: "written", revision };
  }

  #changesAfter(prefix: string, from: number): OldChanges {
    if (from < this.#compacted) throw new CompactedError(`revision ${from} has been compacted`);
    const range = this.#range(followed(prefix));
    const rows = this.#statements.since.all(from, ...range) as unknown as StoredChange[];
    const changes = rows.map(({ revision, key, value, previous }) => ({
      ...{ revision, key },
      ...{ value: value ?? undefined, previous: previous ?? undefined },
    }));
    const through = changes.length < batchMax ? this.#revision : (changes.at(-1)?.revision ?? from);
    return { changes, through };
  }

  /** The newest revision, and up to where the log has been cut. */
  #bounds(): { readonly newest: number; readonly compacted: number } {
    const { newest, oldest } = this.#statements.bounds.get() as { newest: number; oldest: number | null };
    return { newest, compacted: oldest === null ? newest : oldest - 1 };
  }

  #range({ from, to }: KeyRange): [workspace: string, from: string, to: string] {
    return [this.#workspace, from, to];
  }

  #find(key: string): Row | undefined {
    return this.#statements.get.get(this.#workspace, key) as unknown as Row | undefined;
  }

  #compact(written: number): void {
    const through = this.#revision - this.#kept;
    const every = Math.min(compactEvery, this.#kept);
    const due = Math.floor(this.#revision / every) !== Math.floor((this.#revision - written) / every);
    if (!due || through <= this.#compacted) return;
    this.#statements.compact.run(through);
    this.#compacted = through;
  }
}

interface Statements {
  readonly get: StatementSync;
  readonly list: StatementSync;
  readonly listAt: StatementSync;
  readonly count: StatementSync;
  readonly put: StatementSync;
  readonly delete: StatementSync;
  readonly log: StatementSync;
  readonly since: StatementSync;
  readonly bounds: StatementSync;
  readonly compact: StatementSync;
}

function prepareAll(database: DatabaseSync): Statements {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  const range = "workspace = ? and key >= ? and key < ?";
  // What has not changed since a revision, and what it was where it has: of several changes of a key the first
  // holds what was before, and min() takes the other columns from that row.
  const unchanged = `from objects where ${range} and revision <= ?`;
  const before = `from (select key, min(revision), previous, previous_revision from changes
    where ${range} and revision > ? group by key) where previous is not null`;
  return {
    get: prepare("select key, revision, value from objects where workspace = ? and key = ?"),
    list: prepare(`select key, revision, value from objects where ${range} order by key limit ?`),
    listAt: prepare(
      `select key, revision, value ${unchanged}
       union all select key, previous_revision, previous ${before} order by key limit ?`,
    ),
    count: prepare(`select (select count(*) ${unchanged}) + (select count(*) ${before}) as n`),
    put: prepare(
      `insert into objects (workspace, key, revision, value) values (?, ?, ?, ?)
       on conflict (workspace, key) do update set revision = excluded.revision, value = excluded.value`,
    ),
    delete: prepare("delete from objects where workspace = ? and key = ?"),
    log: prepare(
      "insert into changes (workspace, key, value, previous, previous_revision) values (?, ?, ?, ?, ?)",
    ),
    since: prepare(
      `select revision, key, value, previous from changes where revision > ? and ${range}
       order by revision limit ${batchMax}`,
    ),
    bounds: prepare(
      `select coalesce((select seq from sqlite_sequence where name = 'changes'), 0) as newest,
       (select min(revision) from changes) as oldest`,
    ),
    compact: prepare("delete from changes where revision <= ?"),
  };
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

type StoredChange = { revision: number; key: string; value: string | null; previous: string | null };
