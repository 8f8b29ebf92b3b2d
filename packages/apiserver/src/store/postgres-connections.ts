/** Connections to PostgreSQL, each bounded in number and time, and what an error says of the connection. */

import { between, type Clock, describeError, type Instant, type Log, millis, sleep } from "@selvedge/base";
import { Client, type ClientConfig, DatabaseError, Pool, type PoolClient } from "pg";
import { type StatementName, statements } from "./postgres-schema.ts";
import { StoreUnavailableError } from "./store.ts";

/** Reads at once; one more connection writes and one listens. PostgreSQL takes 100 in all, for all replicas. */
const readersMax = 8;
/** A database that does not let us in by then is down. */
const connectTimeout = 2_000;
/** The longest statement is a page of a list; longer means that nobody answers. */
const answerTimeout = 5_000;
/** How long a request waits for a database that is being restarted. */
const outageMax = millis(8_000);
const retryEvery = millis(200);

export class PostgresConnections {
  readonly #pool: Pool;
  readonly #config: ClientConfig;
  readonly #clock: Clock;

  constructor(url: string, clock: Clock, log: Log) {
    this.#clock = clock;
    this.#config = {
      connectionString: url,
      application_name: "selvedge",
      connectionTimeoutMillis: connectTimeout,
      query_timeout: answerTimeout,
      statement_timeout: answerTimeout,
      keepAlive: true,
      // What the store promises hangs on both: a database may be set up otherwise.
      options: "-c default_transaction_isolation=read\\ committed -c synchronous_commit=on",
    };
    this.#pool = new Pool({ ...this.#config, max: readersMax, maxLifetimeSeconds: 3_600 });
    // One in use that breaks fails what uses it; the event besides would end the process.
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
    // A connection at rest that breaks is replaced when one is needed.
    this.#pool.on("error", (error) =>
      log.debug("a connection to the database was lost", { error: describeError(error) }),
    );
  }

  /** A connection of one's own, not yet open. `silence` bounds how long it waits for an answer. */
  client(silence: number = answerTimeout): Client {
    const client = new Client({ ...this.#config, query_timeout: silence });
    client.on("error", () => undefined);
    return client;
  }

  /** Runs a statement that reads, again where the connection was the trouble. */
  async read<R extends object>(name: StatementName, values: readonly unknown[]): Promise<R[]> {
    const { rows } = await this.retried(
      (connection) => connection.query<R>({ name, text: statements[name], values: [...values] }),
      (cause) => new StoreUnavailableError("the database cannot be reached", { cause }),
    );
    return rows;
  }

  /**
   * Does something on a connection, again and again while connections are the trouble, until it would last
   * too long. What is done must bear being done twice.
   */
  async retried<T>(
    act: (connection: PoolClient) => Promise<T>,
    gaveUp: (cause: unknown) => Error,
  ): Promise<T> {
    const start = this.#clock.now();
    for (;;) {
      try {
        return await this.#once(act);
      } catch (error) {
        if (!isOutage(error)) throw error;
        if (this.#isOver(start)) throw gaveUp(error);
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
      return await act(connection);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      // After an error nobody knows what state it is in.
      connection.release(failure !== undefined);
    }
  }

  #isOver(start: Instant): boolean {
    return between(start, this.#clock.now()) >= outageMax;
  }
}

/** Whether the error is of the connection or the server as a whole, not of what was asked. */
function isOutage(error: unknown): boolean {
  // Classes: 08 connection, 53 too few resources, 57P the server stops or starts, 57014 it took too long.
  return !(error instanceof DatabaseError) || /^(08|53|57)/.test(error.code ?? "");
}
