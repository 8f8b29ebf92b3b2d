import { type Clock, describeError, type Log } from "@selvedge/base";
import type { Dump, Dumpable } from "./dump.ts";
import type { Rewriting } from "./encrypted-store.ts";
import { Feed } from "./feed.ts";
import { HeldRevisions } from "./held-revisions.ts";
import { below, followed, type KeyRange } from "./keys.ts";
import { batchMax, batchWeight, LogCursor, type OldChanges } from "./log-cursor.ts";
import { type ChangeRow, changesOf, LogTail } from "./log-tail.ts";
import { PostgresConnections, type Trouble } from "./postgres-connections.ts";
import { migrate, statements } from "./postgres-schema.ts";
import { dumpPostgres, loadPostgres, rewritePostgres } from "./postgres-upkeep.ts";
import { ReadQueue } from "./read-queue.ts";
import {
  CompactedError,
  OutcomeUnknownError,
  type Page,
  type PageQuery,
  type Row,
  type Snapshot,
  type Store,
  StoreTimeoutError,
  StoreUnavailableError,
  type Subscription,
  type WriteOutcome,
} from "./store.ts";
import { type PendingWrite, WriteQueue } from "./write-queue.ts";

export interface PostgresOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly workspace?: string;
  /** Changes kept for watchers that reconnect and for lists in pages. */
  readonly kept?: number;
}

/** As the other store: minutes of a busy fleet. */
const changesKept = 50_000;
const compactEvery = 1_000;
/** A log that was not cut for long is cut in pieces: each within the time of a statement, and nobody waits for it. */
const cutAtOnce = 5_000;
const piecesMax = 10;
const unbounded = Number.MAX_SAFE_INTEGER;

interface RowAt {
  readonly newest: number;
  readonly compacted: number;
  readonly key: string | null;
  readonly revision: number;
  /** Null: what comes before it is enough for a page. */
  readonly value: string | null;
}

/**
 * A store in PostgreSQL, for any number of processes at once. One row counts revisions: whoever writes holds it
 * until its commit, so that revisions come in the order of commits and a reader that has seen one has seen all
 * before it. A write whose connection breaks is tried again and then looked up in the log, so that a restart of
 * the database is a pause, not an error.
 */
export class PostgresStore implements Store, Dumpable, Rewriting {
  readonly #options: PostgresOptions;
  readonly #workspace: string;
  readonly #connections: PostgresConnections;
  readonly #feed: Feed;
  readonly #tail: LogTail;
  readonly #writes = new WriteQueue((writes) => this.#commit(writes));
  readonly #reads = new ReadQueue((keys) => this.#connections.read<Row>("get", [this.#workspace, keys]));
  readonly #kept: number;
  readonly #held: HeldRevisions;
  #compacting: Promise<void> | undefined;

  /** Makes the tables where they are missing. */
  static async open(options: PostgresOptions): Promise<PostgresStore> {
    const { url, clock, log } = options;
    const connections = new PostgresConnections(url, clock, log);
    try {
      const gaveUp = ({ cause }: Trouble): Error => new Error(describeError(cause), { cause });
      const newer = await connections.retried((connection) => migrate(connection), gaveUp);
      if (newer !== undefined) throw new Error(newer);
      const [state] = await connections.read<{ newest: number }>("revision", []);
      return new PostgresStore(options, connections, state?.newest ?? 0);
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  private constructor(options: PostgresOptions, connections: PostgresConnections, revision: number) {
    const { clock, log, workspace = "", kept = changesKept } = options;
    this.#options = options;
    this.#workspace = workspace;
    this.#kept = kept;
    this.#held = new HeldRevisions(kept);
    this.#connections = connections;
    this.#feed = new Feed(revision);
    this.#tail = new LogTail({ connections, feed: this.#feed, workspace, clock, log });
  }

  async get(key: string): Promise<Row | undefined> {
    return await this.#reads.get(key);
  }

  async list(prefix: string): Promise<Snapshot> {
    const { revision, rows } = await this.page({ prefix });
    return { revision, rows };
  }

  async page({
    prefix,
    after,
    limit,
    weight = unbounded,
    revision,
    counts = false,
  }: PageQuery): Promise<Page> {
    const range = this.#range(below(prefix, after));
    const bounds = [limit === undefined ? null : limit + 1, weight];
    const found =
      revision === undefined
        ? await this.#connections.read<RowAt>("list", [...range, ...bounds])
        : await this.#connections.read<RowAt>("listAt", [...range, revision, ...bounds]);
    const [first] = found;
    if (first === undefined) throw new Error("selvedge_store has lost its row: restore the database");
    const at = revision ?? first.newest;
    if (at < first.compacted) throw new CompactedError(`revision ${at} has been compacted`);
    const all = found.flatMap(({ key, revision: of, value }) =>
      key === null || value === null ? [] : [{ key, revision: of, value }],
    );
    const rows = all.slice(0, limit);
    const more = first.key !== null && found.length > rows.length;
    if (!counts) return { revision: at, rows, more, remaining: undefined };
    const [counted] = more ? await this.#connections.read<{ n: number }>("count", [...range, at]) : [];
    return { revision: at, rows, more, remaining: more ? (counted?.n ?? 0) - rows.length : 0 };
  }

  async revision(): Promise<number> {
    const [state] = await this.#connections.read<{ newest: number }>("revision", []);
    return state?.newest ?? 0;
  }

  hold(revision: number = this.#feed.newest): Disposable {
    return this.#held.hold(revision, this.#feed.newest);
  }

  write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome> {
    return this.#writes.add(key, expected, value);
  }

  subscribe(prefix: string, revision: number): Subscription {
    return new LogCursor(this.#feed, prefix, revision, (of, from) => this.#changesAfter(of, from));
  }

  async dump(): Promise<Dump> {
    const client = this.#connections.client();
    await client.connect();
    return await dumpPostgres(client, this.#workspace);
  }

  async load(pages: AsyncIterable<readonly Row[]>, revision: number): Promise<void> {
    const client = this.#connections.client();
    await client.connect();
    try {
      await loadPostgres(client, this.#workspace, pages, revision);
    } finally {
      await client.end();
    }
  }

  async rewrite(prefix: string, change: (key: string, value: string) => string): Promise<number> {
    const changed = await rewritePostgres(
      (act) => this.#connections.retried(act),
      this.#workspace,
      below(prefix),
      change,
    );
    // What memory has of the log is as it was.
    this.#feed.reset(this.#feed.newest);
    return changed;
  }

  async close(): Promise<void> {
    await this.#writes.close();
    await this.#tail.close();
    await this.#compacting;
    await this.#connections.close();
  }

  async #changesAfter(prefix: string, from: number): Promise<OldChanges> {
    const values = [...this.#range(followed(prefix)), from, batchMax, batchWeight];
    const rows = await this.#connections.read<ChangeRow>("since", values);
    const { newest = from, compacted = 0 } = rows[0] ?? {};
    if (from < compacted) throw new CompactedError(`revision ${from} has been compacted`);
    const { changes, more } = changesOf(rows, batchMax);
    return { changes, through: more ? (changes.at(-1)?.revision ?? from) : newest };
  }

  async #commit(writes: readonly PendingWrite[]): Promise<WriteOutcome[]> {
    const keys = writes.map(({ key }) => key);
    const expecteds = writes.map(({ expected }) => expected);
    const values = writes.map(({ value }) => value ?? null);
    let attempts = 0;
    const { outcomes, previous } = await this.#connections.retried(
      async (connection) => {
        attempts++;
        const { rows } = await connection.query<{ outcomes: number[]; previous: (string | null)[] }>({
          ...{ name: "write", text: statements.write, values: [this.#workspace, keys, expecteds, values] },
        });
        return rows[0] ?? { outcomes: [], previous: [] };
      },
      ({ isSlow, cause }) => {
        if (attempts > 0) {
          const what = isSlow
            ? "the database did not answer in time"
            : "the database was lost while it wrote";
          return new OutcomeUnknownError(`${what}; the write may be done`, { cause });
        }
        return isSlow
          ? new StoreTimeoutError("the database did not answer in time; nothing was written", { cause })
          : new StoreUnavailableError("the database cannot be reached; nothing was written", { cause });
      },
    );
    if (attempts > 1) await this.#lookUp(writes, outcomes);
    else this.#publish(writes, outcomes, previous);
    return outcomes.map((revision) => (revision > 0 ? { type: "written", revision } : { type: "conflict" }));
  }

  /**
   * Our own changes go to our own watchers without another look at the database, if nobody else's came before.
   */
  #publish(
    writes: readonly PendingWrite[],
    outcomes: readonly number[],
    previous: readonly (string | null)[],
  ): void {
    const changes = writes.flatMap(({ key, value }, index) => {
      const revision = outcomes[index] ?? 0;
      return revision > 0 ? [{ revision, key, value, previous: previous[index] ?? undefined }] : [];
    });
    const [first, last] = [changes[0], changes.at(-1)];
    if (first === undefined || last === undefined) return;
    if (first.revision === this.#feed.newest + 1) this.#feed.publish(changes, last.revision);
    else this.#tail.wake();
    this.#compact(last.revision, changes.length);
  }

  /**
   * A connection broke on the way: what seems to conflict may be our own first attempt. One that made the very
   * same change of the very same state is as good as ours.
   */
  async #lookUp(writes: readonly PendingWrite[], outcomes: number[]): Promise<void> {
    this.#tail.wake();
    for (const [index, { key, expected, value }] of writes.entries()) {
      if ((outcomes[index] ?? 0) > 0) continue;
      const values = [this.#workspace, key, expected, value ?? null];
      const [done] = await this.#connections.read<{ revision: number }>("found", values);
      if (done !== undefined) outcomes[index] = done.revision;
    }
  }

  #range({ from, to }: KeyRange): [workspace: string, from: string, to: string] {
    return [this.#workspace, from, to];
  }

  #compact(revision: number, written: number): void {
    const through = this.#held.cutThrough(revision);
    const every = Math.min(compactEvery, this.#kept);
    const due = Math.floor(revision / every) !== Math.floor((revision - written) / every);
    if (!due || through <= 0 || this.#compacting !== undefined) return;
    this.#compacting = this.#connections
      .retried(async (connection) => {
        // First that nobody may look there, then what is there: whoever finds something gone finds that said.
        await connection.query(statements.compacting, [through]);
        for (let piece = 0, cut = cutAtOnce; cut === cutAtOnce && piece < piecesMax; piece++)
          cut = (await connection.query(statements.compact, [through, cutAtOnce])).rowCount ?? 0;
      })
      .catch((error: unknown) =>
        this.#options.log.warn("the log was not cut; trying again later", { error: describeError(error) }),
      )
      .finally(() => {
        this.#compacting = undefined;
      });
  }
}
