import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  type Change,
  CompactedError,
  type Row,
  type Snapshot,
  type Store,
  type WriteOutcome,
} from "./store.ts";

/** Changes kept for watchers that reconnect: some minutes of a busy fleet, tens of megabytes. */
const changesKept = 50_000;
/** How often the log is cut, in writes: cutting costs a scan of what goes. */
const compactEvery = 1_000;
/** Changes read at once, so that a watcher far behind does not hold the event loop. */
const batch = 256;

const tables = `
create table if not exists objects (workspace text not null, key text not null, revision integer not null,
  value text not null, unique (workspace, key));
create table if not exists changes (revision integer primary key autoincrement, workspace text not null,
  key text not null, value text, previous text);
`;

/** A store in one SQLite file, or in memory for the path ":memory:". */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #workspace: string;
  readonly #wakeups = new Set<() => void>();
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #log: StatementSync;
  readonly #since: StatementSync;

  constructor(path: string, workspace = "") {
    this.#workspace = workspace;
    this.#database = new DatabaseSync(path);
    this.#database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
    this.#database.exec(tables);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#get = prepare("select key, revision, value from objects where workspace = ? and key = ?");
    this.#list = prepare(
      "select key, revision, value from objects where workspace = ? and key >= ? and key < ? order by key",
    );
    this.#put = prepare(
      `insert into objects (workspace, key, revision, value) values (?, ?, ?, ?)
       on conflict (workspace, key) do update set revision = excluded.revision, value = excluded.value`,
    );
    this.#delete = prepare("delete from objects where workspace = ? and key = ?");
    this.#log = prepare("insert into changes (workspace, key, value, previous) values (?, ?, ?, ?)");
    this.#since = prepare(
      `select revision, key, value, previous from changes where revision > ? and workspace = ?
       and key >= ? and key < ? order by revision limit ${batch}`,
    );
  }

  async get(key: string): Promise<Row | undefined> {
    return this.#find(key);
  }

  async list(prefix: string): Promise<Snapshot> {
    const rows = this.#list.all(this.#workspace, prefix, after(prefix)) as unknown as Row[];
    return { revision: this.#revision(), rows };
  }

  async write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome> {
    const stored = this.#find(key);
    if ((stored?.revision ?? 0) !== expected) return { type: "conflict" };
    this.#database.exec("begin immediate");
    let revision: number;
    try {
      const logged = this.#log.run(this.#workspace, key, value ?? null, stored?.value ?? null);
      revision = Number(logged.lastInsertRowid);
      if (value === undefined) this.#delete.run(this.#workspace, key);
      else this.#put.run(this.#workspace, key, revision, value);
      if (revision % compactEvery === 0) this.#compact(revision - changesKept);
      this.#database.exec("commit");
    } catch (error) {
      this.#database.exec("rollback");
      throw error;
    }
    for (const wake of [...this.#wakeups]) wake();
    return { type: "written", revision };
  }

  async *watch(prefix: string, revision: number, signal: AbortSignal): AsyncGenerator<Change> {
    let seen = revision;
    while (!signal.aborted) {
      if (seen + 1 < this.#oldest()) throw new CompactedError(`revision ${seen} has been compacted`);
      const now = this.#revision();
      const found = this.#since.all(
        seen,
        this.#workspace,
        prefix,
        after(prefix),
      ) as unknown as StoredChange[];
      for (const change of found) {
        yield { ...change, value: change.value ?? undefined, previous: change.previous ?? undefined };
        if (signal.aborted) return;
        seen = change.revision;
      }
      if (found.length === batch) continue;
      seen = Math.max(seen, now);
      if (this.#revision() === seen) await this.#nextChange(signal);
    }
  }

  close(): void {
    this.#database.close();
  }

  #find(key: string): Row | undefined {
    return this.#get.get(this.#workspace, key) as unknown as Row | undefined;
  }

  #revision(): number {
    const row = this.#database.prepare("select coalesce(max(revision), 0) as n from changes").get();
    return Number(row?.["n"] ?? 0);
  }

  #oldest(): number {
    const row = this.#database.prepare("select coalesce(min(revision), 0) as n from changes").get();
    return Number(row?.["n"] ?? 0);
  }

  #compact(through: number): void {
    this.#database.prepare("delete from changes where revision <= ?").run(through);
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wakeups.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      if (signal.aborted) return done();
      this.#wakeups.add(done);
      signal.addEventListener("abort", done);
    });
  }
}

type StoredChange = { revision: number; key: string; value: string | null; previous: string | null };

/** The first key after all that begin with `prefix`; prefixes end with "/". */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
