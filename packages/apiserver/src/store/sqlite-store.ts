import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ReadTurns } from "../read-turns.ts";
import type { Dump, Dumpable } from "./dump.ts";
import type { Rewriting } from "./encrypted-store.ts";
import { Feed } from "./feed.ts";
import { type Cut, firstOf } from "./first-of.ts";
import { HeldRevisions } from "./held-revisions.ts";
import { behind, below, followed, inOrder, type KeyRange } from "./keys.ts";
import { batchMax, batchWeight, LogCursor, type OldChanges } from "./log-cursor.ts";
import { RowCache } from "./row-cache.ts";
import {
  type Committed,
  openSqlite,
  sqliteWriter,
  type WorkerPlace,
  type WriteGroup,
} from "./sqlite-file.ts";
import { SqliteThread, ThreadDiedError, type ThreadOptions } from "./sqlite-thread.ts";
import { dumpSqlite, loadSqlite, rewriteSqlite } from "./sqlite-upkeep.ts";
import {
  type Change,
  CompactedError,
  OutcomeUnknownError,
  type Page,
  type PageQuery,
  type Row,
  type Snapshot,
  type Store,
  StoreUnavailableError,
  type Subscription,
  type WriteOutcome,
} from "./store.ts";
import { type PendingWrite, WriteQueue } from "./write-queue.ts";

/**
 * Changes kept for watchers that reconnect and for lists in pages: minutes of a busy fleet, tens of
 * megabytes.
 */
const changesKept = 50_000;
/** Keys, and changes, that are looked at before others have their turn: some milliseconds. */
const keysMax = 512;
const changesMax = 4_096;
/** Of all that read the past, as this program has one event loop. */
const turns = new ReadTurns();
const unbounded = Number.POSITIVE_INFINITY;
/** Threads that may die of one group: what two of them die of is in it, or on the disk. */
const deathsMax = 2;

/**
 * A store in one SQLite file, or in memory for the path ":memory:". Writes that come together are put on disk
 * together, in the order they came, by a thread that waits for the disk; each is told of only when it is safe.
 * Of what a thread was at when it died the log says whether it was done; if not, the next one does it.
 */
export class SqliteStore implements Store, Dumpable, Rewriting {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #workspace: string;
  readonly #statements: Statements;
  readonly #feed: Feed;
  /** All writes go through this program: one controller at a time has the file. */
  readonly #rows = new RowCache();
  /** Of the group on its way to the disk: it may be there already, and nobody here knows. */
  #underway: ReadonlySet<string> = new Set();
  readonly #writes = new WriteQueue((writes) => this.#write(writes));
  /** From the first write on; never in memory, where there is no disk to wait for. */
  #thread: SqliteThread<WriteGroup, Committed> | undefined;
  readonly #held: HeldRevisions;
  readonly #commit: (writes: readonly PendingWrite[]) => Committed | Promise<Committed>;

  constructor(path: string, workspace = "", kept: number = changesKept, threads: ThreadOptions = {}) {
    this.#workspace = workspace;
    this.#path = path;
    this.#database = openSqlite(path);
    this.#statements = prepareAll(this.#database);
    this.#held = new HeldRevisions(kept);
    const inMemory = path === ":memory:" ? sqliteWriter(this.#database, workspace, kept) : undefined;
    this.#commit = (writes) => {
      const cut = this.#held.cutThrough(this.#feed.newest);
      if (inMemory !== undefined) return inMemory({ writes, cut });
      const place: WorkerPlace = { path, workspace, kept };
      this.#thread ??= new SqliteThread(new URL("./sqlite-worker.ts", import.meta.url), place, threads);
      // Only what is data crosses over.
      const data = writes.map(({ key, expected, value }) => ({ key, expected, value }));
      return this.#thread.commit({ writes: data, cut });
    };
    this.#feed = new Feed(this.#bounds().newest);
  }

  async get(key: string): Promise<Row | undefined> {
    const isUnderway = this.#underway.has(key);
    const kept = isUnderway ? undefined : this.#rows.get(key);
    if (kept !== undefined) return kept;
    const row = this.#statements.get.get(this.#workspace, key) as unknown as Row | undefined;
    if (row !== undefined && !isUnderway) this.#rows.keep(row);
    return row;
  }

  async list(prefix: string): Promise<Snapshot> {
    const { revision, rows } = await this.page({ prefix });
    return { revision, rows };
  }

  async page(query: PageQuery): Promise<Page> {
    const { prefix, after, limit, weight = unbounded, revision: asked, counts } = query;
    const range = this.#range(below(prefix, after));
    const now = this.#snapshot((bounds): Page | undefined => {
      const revision = asked ?? bounds.newest;
      checkKept(revision, bounds);
      if (revision !== bounds.newest) return undefined;
      const most = limit === undefined ? -1 : limit + 1;
      const found: Iterable<unknown> = this.#statements.list.iterate(...range, most);
      const { rows, more } = firstOf(found as Iterable<Row>, limit ?? unbounded, weight);
      if (!counts) return { revision, rows, more, remaining: undefined };
      const { n } = this.#statements.count.get(...range) as { n: number };
      return { revision, rows, more, remaining: n - rows.length };
    });
    return now ?? (await this.#pageAt(query, asked ?? 0));
  }

  async revision(): Promise<number> {
    return this.#bounds().newest;
  }

  hold(revision: number = this.#feed.newest): Disposable {
    return this.#held.hold(revision, this.#feed.newest);
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
    const from = Math.max(revision, this.#bounds().newest);
    try {
      await loadSqlite(this.#database, this.#workspace, pages, from);
    } finally {
      this.#rows.clear();
    }
    this.#feed.reset(from);
  }

  async rewrite(prefix: string, change: (key: string, value: string) => string): Promise<number> {
    const changed = await rewriteSqlite(this.#database, this.#workspace, below(prefix), change);
    // What memory has of rows and of the log is as it was.
    this.#rows.clear();
    this.#feed.reset(this.#feed.newest);
    return changed;
  }

  async close(): Promise<void> {
    await this.#writes.close();
    await this.#thread?.close();
    this.#database.close();
  }

  async #write(writes: readonly PendingWrite[]): Promise<WriteOutcome[]> {
    this.#underway = new Set(writes.map(({ key }) => key));
    try {
      const { revisions, previous } = await this.#commitOnce(writes);
      const changes: Change[] = [];
      for (const [index, { key, value }] of writes.entries()) {
        const revision = revisions[index] ?? 0;
        if (revision > 0) changes.push({ revision, key, value, previous: previous[index] });
      }
      for (const change of changes) this.#rows.apply(change);
      this.#feed.publish(changes, changes.at(-1)?.revision ?? 0);
      return revisions.map((revision) =>
        revision > 0 ? { type: "written", revision } : { type: "conflict" },
      );
    } catch (error) {
      // What became of them only the database knows.
      for (const { key } of writes) this.#rows.forget(key);
      throw error;
    } finally {
      this.#underway = new Set();
    }
  }

  /** Whatever dies meanwhile: a group is done whole or not at all, and the log tells which. */
  async #commitOnce(writes: readonly PendingWrite[]): Promise<Committed> {
    for (let deaths = 0; ; ) {
      try {
        return await this.#commit(writes);
      } catch (error) {
        if (!(error instanceof ThreadDiedError)) throw error;
        const done = this.#done(writes, error);
        if (done !== undefined) return done;
        if (++deaths < deathsMax) continue;
        throw new StoreUnavailableError(`${error.message}; nothing was written`, { cause: error });
      }
    }
  }

  /** What the file has of a group that nobody answered for; undefined: nothing. */
  #done(writes: readonly PendingWrite[], cause: ThreadDiedError): Committed | undefined {
    const changes = new Map<string, Change>();
    try {
      for (let from = this.#feed.newest; from < this.#bounds().newest; ) {
        const old = this.#logPiece("", from);
        for (const change of old.changes) changes.set(change.key, change);
        from = old.through;
      }
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      this.#rows.clear();
      this.#feed.reset(this.#bounds().newest);
      throw new OutcomeUnknownError(`${cause.message}; the write may be done`, { cause });
    }
    if (changes.size === 0) return undefined;
    const own = writes.map(({ key }) => changes.get(key));
    return {
      revisions: own.map((change) => change?.revision ?? 0),
      previous: own.map((change) => change?.previous),
    };
  }

  /** In pieces between which others have their turn: most of the log may be of other keys. */
  async #changesAfter(prefix: string, from: number): Promise<OldChanges> {
    for (let at = from; ; ) {
      await turns.next();
      const piece = this.#logPiece(prefix, at);
      if (piece.changes.length > 0 || piece.through >= this.#feed.newest) return piece;
      at = piece.through;
    }
  }

  #logPiece(prefix: string, from: number): OldChanges {
    const range = this.#range(followed(prefix));
    return this.#snapshot(({ newest, compacted }) => {
      checkKept(from, { compacted });
      const to = Math.min(from + changesMax, newest);
      const found: Iterable<unknown> = this.#statements.since.iterate(from, to, ...range);
      const { rows, more } = firstOf(found as Iterable<StoredChange>, batchMax, batchWeight);
      const changes = rows.map(({ revision, key, value, previous }) => ({
        ...{ revision, key },
        ...{ value: value ?? undefined, previous: previous ?? undefined },
      }));
      return { changes, through: more ? (changes.at(-1)?.revision ?? from) : to };
    });
  }

  /**
   * A page of the past, in pieces between which others have their turn: what was at a revision does not change
   * meanwhile, it can only be cut away.
   */
  async #pageAt(query: PageQuery, revision: number): Promise<Page> {
    const { prefix, after, limit: most = unbounded, weight = unbounded, counts } = query;
    const all = below(prefix, after);
    const found: Row[] = [];
    // What all but the last weigh: whether that one still belongs to the page hangs on it.
    let [weighs, last] = [0, 0];
    const isFull = (): boolean => found.length > most || (found.length > 1 && weighs >= weight);
    for (let from: string | undefined = all.from; from !== undefined && !isFull(); ) {
      const size = Math.min(most + 1, keysMax);
      const piece = this.#pieceAt({ from, to: all.to }, revision, size, weight);
      for (const row of piece.rows) {
        found.push(row);
        [weighs, last] = [weighs + last, row.value.length];
      }
      from = piece.next;
      if (from !== undefined && !isFull()) await turns.next();
    }
    const { rows, more } = firstOf(found, most, weight);
    if (!counts) return { revision, rows, more, remaining: undefined };
    return { revision, rows, more, remaining: more ? (await this.#countAt(all, revision)) - rows.length : 0 };
  }

  /**
   * The first of a range as they were: of at most so many keys there are, and so many that have changed since; of
   * either no more than weighs so much.
   */
  #pieceAt(
    { from, to }: KeyRange,
    revision: number,
    size: number,
    weight: number,
  ): { rows: Row[]; next: string | undefined } {
    return this.#snapshot((bounds) => {
      checkKept(revision, bounds);
      const { standing, changed } = this.#statements;
      const first = (rows: Iterable<unknown>): Cut<PastRow> =>
        firstOf(rows as Iterable<PastRow>, size, weight);
      const there = first(standing.iterate(revision, ...this.#range({ from, to }), size + 1));
      const through = there.more ? behind(there.rows.at(-1)?.key ?? from) : to;
      const since = first(changed.iterate(...this.#range({ from, to: through }), revision, size + 1));
      const end = since.more ? behind(since.rows.at(-1)?.key ?? from) : through;
      const isIn = (row: PastRow): row is Row => row.value !== null && inOrder(row.key, end) < 0;
      const rows = [...there.rows, ...since.rows]
        .filter(isIn)
        .sort((one, other) => inOrder(one.key, other.key));
      return { rows, next: end === to ? undefined : end };
    });
  }

  /** How many there were: those there are, without what the log says came since and with what went. */
  async #countAt(keys: KeyRange, revision: number): Promise<number> {
    const range = this.#range(keys);
    const { count, gained } = this.#statements;
    let [n, newest] = this.#snapshot((bounds) => [(count.get(...range) as { n: number }).n, bounds.newest]);
    for (let from = revision; from < newest; from += changesMax) {
      await turns.next();
      const to = Math.min(from + changesMax, newest);
      n -= this.#snapshot((bounds) => {
        checkKept(from, bounds);
        return (gained.get(...range, from, to) as { n: number }).n;
      });
    }
    return n;
  }

  /** What is read in here is of one moment, though another thread writes. */
  #snapshot<T>(read: (bounds: { readonly newest: number; readonly compacted: number }) => T): T {
    this.#database.exec("begin");
    try {
      return read(this.#bounds());
    } finally {
      this.#database.exec("commit");
    }
  }

  /** The newest revision, and up to where the log has been cut. */
  #bounds(): { readonly newest: number; readonly compacted: number } {
    const { newest, oldest } = this.#statements.bounds.get() as { newest: number; oldest: number | null };
    return { newest, compacted: oldest === null ? newest : oldest - 1 };
  }

  #range({ from, to }: KeyRange): [workspace: string, from: string, to: string] {
    return [this.#workspace, from, to];
  }
}

function checkKept(revision: number, { compacted }: { readonly compacted: number }): void {
  if (revision < compacted) throw new CompactedError(`revision ${revision} has been compacted`);
}

interface Statements {
  readonly get: StatementSync;
  readonly list: StatementSync;
  readonly standing: StatementSync;
  readonly changed: StatementSync;
  readonly count: StatementSync;
  readonly gained: StatementSync;
  readonly since: StatementSync;
  readonly bounds: StatementSync;
}

function prepareAll(database: DatabaseSync): Statements {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  const range = "workspace = ? and key >= ? and key < ?";
  return {
    get: prepare("select key, revision, value from objects where workspace = ? and key = ?"),
    list: prepare(`select key, revision, value from objects where ${range} order by key limit ?`),
    // What has changed since a revision says so by having no value.
    standing: prepare(
      `select key, revision, case when revision <= ? then value end as value from objects where ${range}
       order by key limit ?`,
    ),
    // Of several changes of a key the first holds what was before; the index alone tells which that is.
    changed: prepare(
      `with first as materialized (select key, min(revision) as revision from changes indexed by changes_by_key
         where ${range} and revision > ? group by key order by key limit ?)
       select first.key, c.previous_revision as revision, c.previous as value
       from first cross join changes c on c.revision = first.revision order by first.key`,
    ),
    // Counted in the index alone.
    count: prepare(`select count(*) as n from objects where ${range}`),
    gained: prepare(
      `select count(value) - count(previous) as n from changes not indexed
       where ${range} and revision > ? and revision <= ?`,
    ),
    since: prepare(
      `select revision, key, value, previous from changes not indexed
       where revision > ? and revision <= ? and ${range} order by revision limit ${batchMax + 1}`,
    ),
    bounds: prepare(
      `select coalesce((select seq from sqlite_sequence where name = 'changes'), 0) as newest,
       (select min(revision) from changes) as oldest`,
    ),
  };
}

/** Null: it is not as it was then, or was not there. */
type PastRow = { key: string; revision: number; value: string | null };
type StoredChange = { revision: number; key: string; value: string | null; previous: string | null };
