/** Connections to PostgreSQL, each bounded in number and time, and what an error says of the connection. */

import { type Clock, describeError, type Log, type Millis, millis, sleep } from "@selvedge/base";
import { Client, type ClientConfig, DatabaseError, Pool, type PoolClient } from "pg";
import { Attendance, silenceMax } from "./postgres-attendance.ts";
import { type StatementName, statements } from "./postgres-schema.ts";
import { StoreBusyError, StoreTimeoutError, StoreUnavailableError } from "./store.ts";

/** Reads at once; besides, one writes, one cuts the log, one seals. PostgreSQL takes 100 in all, for all replicas. */
const readersMax = 8;
const othersMax = 3;
/** As many as there may be requests at work, and those of the controllers. */
const waitingMax = 4_096;
/** A slow database is waited for as long as a request may last. */
const patience = millis(60_000);
/** How long a request waits for a database that is being restarted. */
const outageMax = millis(8_000);
const retryEvery = millis(200);

/** Why something was given up. */
export interface Trouble {
  /** It was there all the time, and did not get ready. */
  readonly isSlow: boolean;
  readonly cause: unknown;
}

export class PostgresConnections {
  readonly #pool: Pool;
  readonly #config: ClientConfig;
  readonly #clock: Clock;
  readonly #attendance: Attendance;
  #readers = 0;
  /** Reads that wait for their turn, in the order they came. */
  readonly #waiting = new Set<{ readonly since: Millis; readonly turn: PromiseWithResolvers<void> }>();
  /** Since when nothing came of anything. */
  #outSince: Millis | undefined;

  constructor(url: string, clock: Clock, log: Log) {
    this.#clock = clock;
    this.#config = {
      connectionString: url,
      application_name: "selvedge",
      connectionTimeoutMillis: silenceMax,
      // What nobody waits for any more need not be done.
      statement_timeout: patience,
      keepAlive: true,
      // What the store promises hangs on both: a database may be set up otherwise.
      options: "-c default_transaction_isolation=read\\ committed -c synchronous_commit=on",
    };
    const max = readersMax + othersMax;
    this.#pool = new Pool({ ...this.#config, max, maxLifetimeSeconds: 3_600 });
    // One in use that breaks fails what uses it; the event besides would end the process.
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
    // A connection at rest that breaks is replaced when one is needed.
    this.#pool.on("error", (error) =>
      log.debug("a connection to the database was lost", { error: describeError(error) }),
    );
    this.#attendance = new Attendance(() => this.client(silenceMax), clock);
  }

  /** A connection of one's own, not yet open. `silence` bounds how long it waits for an answer. */
  client(silence: number = patience): Client {
    const client = new Client({ ...this.#config, query_timeout: silence });
    client.on("error", () => undefined);
    return client;
  }

  /** Waits for an answer on it while the database is at work on that. */
  attended<T>(connection: Client | PoolClient, act: () => Promise<T>): Promise<T> {
    return this.#attendance.attended(connection, patience, act);
  }

  /** Runs a statement that reads, again where the connection was the trouble. */
  async read<R extends object>(name: StatementName, values: readonly unknown[]): Promise<R[]> {
    const start = this.#clock.monotonic();
    await this.#enter(start);
    try {
      const { rows } = await this.retried(
        (connection) => connection.query<R>({ name, text: statements[name], values: [...values] }),
        nothingRead,
        start,
      );
      return rows;
    } finally {
      this.#leave();
    }
  }

  /**
   * Does something on a connection, again and again while connections are the trouble, until it would last
   * too long. What is done must bear being done twice.
   */
  async retried<T>(
    act: (connection: PoolClient) => Promise<T>,
    gaveUp: (trouble: Trouble) => Error = nothingRead,
    start: Millis = this.#clock.monotonic(),
  ): Promise<T> {
    for (;;) {
      try {
        const done = await this.#once(act);
        this.#outSince = undefined;
        return done;
      } catch (cause) {
        if (!isOutage(cause)) throw cause;
        const now = this.#clock.monotonic();
        if (now - start >= patience) throw gaveUp({ isSlow: true, cause });
        this.#outSince ??= now;
        if (this.#isOver(start)) {
          this.#tellWaiting(cause);
          throw gaveUp({ isSlow: false, cause });
        }
        await sleep(this.#clock, retryEvery);
      }
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #once<T>(act: (connection: PoolClient) => Promise<T>): Promise<T> {
    const connection = await this.#pool.connect();
    let failure: unknown;
    try {
      return await this.attended(connection, () => act(connection));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      // After an error nobody knows what state it is in.
      connection.release(failure !== undefined);
    }
  }

  async #enter(since: Millis): Promise<void> {
    if (this.#readers < readersMax) {
      this.#readers++;
      return;
    }
    if (this.#waiting.size >= waitingMax) {
      throw new StoreBusyError("too many reads wait for the database; try again in a few seconds");
    }
    const waiting = { since, turn: Promise.withResolvers<void>() };
    this.#waiting.add(waiting);
    const timer = this.#clock.setTimer(patience, () => {
      this.#waiting.delete(waiting);
      const cause = new Error(`${this.#waiting.size} other reads wait for it, too`);
      waiting.turn.reject(nothingRead({ isSlow: true, cause }));
    });
    try {
      await waiting.turn.promise;
    } finally {
      timer.cancel();
    }
  }

  /** Whoever leaves gives the place to the first that waits. */
  #leave(): void {
    const [first] = this.#waiting;
    if (first === undefined) this.#readers--;
    else {
      this.#waiting.delete(first);
      first.turn.resolve();
    }
  }

  /** Those who have waited as long need not find out by themselves. */
  #tellWaiting(cause: unknown): void {
    for (const waiting of this.#waiting) {
      if (!this.#isOver(waiting.since)) return;
      this.#waiting.delete(waiting);
      waiting.turn.reject(nothingRead({ isSlow: false, cause }));
    }
  }

  #isOver(since: Millis): boolean {
    const from = Math.max(since, this.#outSince ?? since);
    return this.#clock.monotonic() - from >= outageMax;
  }
}

function nothingRead({ isSlow, cause }: Trouble): Error {
  return isSlow
    ? new StoreTimeoutError(`the database did not answer within ${patience / 1000} s`, { cause })
    : new StoreUnavailableError("the database cannot be reached", { cause });
}

/** Whether the error is of the connection or the server as a whole, not of what was asked. */
function isOutage(error: unknown): boolean {
  // Classes: 08 connection, 53 too few resources, 57P the server stops or starts, 57014 it took too long.
  return !(error instanceof DatabaseError) || /^(08|53|57)/.test(error.code ?? "");
}
