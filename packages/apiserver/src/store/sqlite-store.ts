import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Feed, type Waiter } from "./feed.ts";
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

/**
 * Changes kept for watchers that reconnect and for lists in pages: minutes of a busy fleet, tens of
 * megabytes.
 */
const changesKept = 50_000;
/** How often the log is cut, in writes: cutting costs a scan of what goes. */
const compactEvery = 1_000;
/** Changes taken at once, so that a watcher far behind does not hold the event loop. */
const batch = 256;
/** Writes put on disk together, so that one transaction does not hold the event loop. */
const commitMax = 512;

/** Each entry takes a file from the version of its place to the next. */
const migrations = [
  `create table if not exists objects (workspace text not null, key text not null, revision integer not null,
     value text not null, unique (workspace, key));
   create table if not exists changes (revision integer primary key autoincrement, workspace text not null,
     key text not null, value text, previous text);`,
  "alter table changes add column previous_revision integer not null default 0;",
];

interface PendingWrite {
  readonly key: string;
  readonly expected: number;
  readonly value: string | undefined;
  readonly resolve: (outcome: WriteOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A store in one SQLite file, or in memory for the path ":memory:". Writes that come together are put on disk
 * together, in the order they came; each is told of only when it is safe.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #workspace: string;
  readonly #statements: Statements;
  readonly #feed: Feed;
  #pending: PendingWrite[] = [];
  #flushes = false;
  #revision: number;
  /** The log has been cut up to here. */
  #compacted: number;
  #closed = false;
  readonly #kept: number;

  constructor(path: string, workspace = "", kept: number = changesKept) {
    this.#workspace = workspace;
    this.#kept = kept;
    this.#database = new DatabaseSync(path);
    this.#database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
    migrate(this.#database);
    this.#statements = prepareAll(this.#database);
    const { newest, oldest } = this.#statements.bounds.get() as { newest: number; oldest: number | null };
    this.#revision = newest;
    this.#compacted = oldest === null ? newest : oldest - 1;
    this.#feed = new Feed(newest);
  }

  async get(key: string): Promise<Row | undefined> {
    return this.#find(key);
  }

  async list(prefix: string): Promise<Snapshot> {
    const rows = this.#statements.list.all(this.#workspace, prefix, end(prefix), -1) as unknown as Row[];
    return { revision: this.#revision, rows };
  }

  async page({ prefix, after, limit = -1, revision = this.#revision }: PageQuery): Promise<Page> {
    // A key's successor is the key with the smallest character after it.
    const from = after === undefined ? prefix : `${after}\u0000`;
    const range = [this.#workspace, from, end(prefix)] as const;
    if (revision < this.#compacted) throw new CompactedError(`revision ${revision} has been compacted`);
    const since =
      revision === this.#revision
        ? []
        : (this.#statements.before.all(revision, ...range) as unknown as Before[]);
    const changed = new Map(since.map((before) => [before.key, before]));
    const most = limit < 0 ? -1 : limit + changed.size + 1;
    const now = this.#statements.list.all(...range, most) as unknown as Row[];
    const cut = most >= 0 && now.length === most ? now.at(-1)?.key : undefined;
    const then = since.filter(({ value, key }) => value !== null && (cut === undefined || key < cut));
    const rows = [
      ...now.filter(({ key }) => !changed.has(key)),
      ...then.map(({ key, revision: at, value }) => ({ key, revision: at, value: value ?? "" })),
    ].sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = limit < 0 ? rows : rows.slice(0, limit);
    if (page.length === rows.length && cut === undefined) return { revision, rows: page, remaining: 0 };
    const { n } = this.#statements.count.get(...range) as { n: number };
    const gone = since.filter(({ value, now: is }) => value !== null && !is).length;
    const came = since.filter(({ value, now: is }) => value === null && is).length;
    return { revision, rows: page, remaining: n + gone - came - page.length };
  }

  async revision(): Promise<number> {
    return this.#revision;
  }

  write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome> {
    if (this.#closed) return Promise.reject(new Error("the store is closed"));
    return new Promise((resolve, reject) => {
      this.#pending.push({ key, expected, value, resolve, reject });
      if (this.#flushes) return;
      this.#flushes = true;
      setImmediate(() => this.#flush());
    });
  }

  subscribe(prefix: string, revision: number): Subscription {
    return new LogCursor(this.#feed, prefix, revision, (from) => this.#changesAfter(prefix, from));
  }

  close(): void {
    while (this.#pending.length > 0) this.#flush();
    this.#closed = true;
    this.#database.close();
  }

  #flush(): void {
    const writes = this.#pending.splice(0, commitMax);
    this.#flushes = this.#pending.length > 0;
    if (this.#flushes) setImmediate(() => this.#flush());
    if (writes.length === 0 || this.#closed) return;
    const changes: Change[] = [];
    const outcomes: WriteOutcome[] = [];
    try {
      this.#database.exec("begin immediate");
      try {
        for (const write of writes) outcomes.push(this.#write(write, changes));
        this.#database.exec("commit");
      } catch (error) {
        this.#database.exec("rollback");
        throw error;
      }
    } catch (error) {
      for (const { reject } of writes) reject(error);
      return;
    }
    this.#revision = changes.at(-1)?.revision ?? this.#revision;
    this.#feed.publish(changes);
    for (const [index, { resolve }] of writes.entries()) resolve(outcomes[index] ?? { type: "conflict" });
    this.#compact(changes.length);
  }

  #write({ key, expected, value }: PendingWrite, changes: Change[]): WriteOutcome {
    const stored = this.#find(key);
    if ((stored?.revision ?? 0) !== expected) return { type: "conflict" };
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

  /** What the database knows after `from`; undefined where memory knows all of it. */
  #changesAfter(
    prefix: string,
    from: number,
  ): { readonly changes: Change[]; readonly through: number } | undefined {
    if (from >= this.#feed.floor) return undefined;
    if (from < this.#compacted) throw new CompactedError(`revision ${from} has been compacted`);
    const exact = prefix.endsWith("/") ? end(prefix) : `${prefix}\u0000`;
    const rows = this.#statements.since.all(
      from,
      this.#workspace,
      prefix,
      exact,
    ) as unknown as StoredChange[];
    const changes = rows.map(({ revision, key, value, previous }) => ({
      ...{ revision, key },
      ...{ value: value ?? undefined, previous: previous ?? undefined },
    }));
    const through = changes.length < batch ? this.#revision : (changes.at(-1)?.revision ?? from);
    return { changes, through };
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

/** A place in the log: behind the feed's floor it reads the database, else memory. */
class LogCursor implements Subscription, Waiter {
  readonly #feed: Feed;
  readonly #prefix: string;
  readonly #read: (from: number) => { readonly changes: Change[]; readonly through: number } | undefined;
  readonly #matches: (key: string) => boolean;
  #seen: number;
  #wake: (() => void) | undefined;

  constructor(
    feed: Feed,
    prefix: string,
    revision: number,
    read: (from: number) => { readonly changes: Change[]; readonly through: number } | undefined,
  ) {
    this.#feed = feed;
    this.#prefix = prefix;
    this.#seen = revision;
    this.#read = read;
    this.#matches = prefix.endsWith("/") ? (key) => key.startsWith(prefix) : (key) => key === prefix;
  }

  get revision(): number {
    return this.#seen;
  }

  async take(): Promise<readonly Change[]> {
    const old = this.#read(this.#seen);
    if (old !== undefined) {
      this.#seen = Math.max(this.#seen, old.through);
      return old.changes;
    }
    const changes = this.#feed.after(this.#seen, this.#matches, batch);
    this.#seen =
      changes.length < batch
        ? Math.max(this.#seen, this.#feed.newest)
        : (changes.at(-1)?.revision ?? this.#seen);
    return changes;
  }

  wait(): Promise<void> {
    const more = this.#seen < this.#feed.floor || this.#feed.after(this.#seen, this.#matches, 1).length > 0;
    if (more) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#feed.add(this.#prefix, this);
    });
  }

  notify(seen: number): void {
    this.#seen = Math.max(this.#seen, seen);
    this.wake();
  }

  wake(): void {
    this.#feed.remove(this.#prefix, this);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  close(): void {
    this.wake();
  }
}

interface Statements {
  readonly get: StatementSync;
  readonly list: StatementSync;
  readonly count: StatementSync;
  readonly put: StatementSync;
  readonly delete: StatementSync;
  readonly log: StatementSync;
  readonly since: StatementSync;
  readonly before: StatementSync;
  readonly bounds: StatementSync;
  readonly compact: StatementSync;
}

function prepareAll(database: DatabaseSync): Statements {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  const range = "workspace = ? and key >= ? and key < ?";
  return {
    get: prepare("select key, revision, value from objects where workspace = ? and key = ?"),
    list: prepare(`select key, revision, value from objects where ${range} order by key limit ?`),
    count: prepare(`select count(*) as n from objects where ${range}`),
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
       order by revision limit ${batch}`,
    ),
    // Of several changes of a key the first holds what was before: min() takes the other columns from that
    // row.
    before: prepare(
      `select key, min(revision), previous as value, previous_revision as revision, exists (select 1 from objects
         where objects.workspace = changes.workspace and objects.key = changes.key) as now
       from changes where revision > ? and ${range} group by key`,
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
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    database.exec(`begin immediate; ${sql} pragma user_version = ${index + 1}; commit;`);
  }
}

type StoredChange = { revision: number; key: string; value: string | null; previous: string | null };
type Before = { key: string; value: string | null; revision: number; now: number };

/** The first key after all that begin with `prefix`; prefixes end with "/". */
function end(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
