import type { Clock, Millis, Timer } from "@selvedge/base";
import { millis } from "@selvedge/base";
import { type Client, type ClientBase, DatabaseError } from "pg";

/** What has no answer by then is asked after, and so often: a database that is gone is found within 5 s. */
const lookEvery = millis(1_000);
/** A database that lets nobody in by then is gone, or as good as gone. */
export const silenceMax = 3_000;

const question = `select pg_backend_pid() as own,
  array(select pid from pg_stat_activity where state <> 'idle') as busy`;

type Look =
  | { readonly type: "silent" }
  /** Somebody is there; whom it works for it does not say. */
  | { readonly type: "there" }
  | { readonly type: "working"; readonly pids: ReadonlySet<number> };

/**
 * Tells a database that is slow from one that is gone. Both leave a statement without an answer; but a slow one lets
 * in another connection and says there that it is at work on the first one's.
 *
 *   no answer for 1 s ──► ask by a new connection ──┬─ at work on it ──────────────► wait, and ask again
 *                                                   └─ silent, or at rest (twice) ─► end what waits: it fails
 */
export class Attendance {
  readonly #connect: () => Client;
  readonly #clock: Clock;
  /** One for all that wait. */
  #looking: Promise<Look> | undefined;

  constructor(connect: () => Client, clock: Clock) {
    this.#connect = connect;
    this.#clock = clock;
  }

  /** Does something on a connection that is ended when nobody works on it any more, or after `patience`. */
  async attended<T>(connection: ClientBase, patience: Millis, act: () => Promise<T>): Promise<T> {
    const until = this.#clock.monotonic() + patience;
    let timer: Timer | undefined;
    let [isDone, wasIdle] = [false, false];
    const look = async (): Promise<void> => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
      const found = await this.#looking;
      if (isDone) return;
      // An answer may be on its way to us, so that once is not enough.
      const isIdle = found.type === "working" && !found.pids.has(pidOf(connection));
      if (found.type === "silent" || (isIdle && wasIdle) || this.#clock.monotonic() >= until) end(connection);
      else timer = this.#clock.setTimer(lookEvery, () => void look());
      wasIdle = isIdle;
    };
    timer = this.#clock.setTimer(lookEvery, () => void look());
    try {
      return await act();
    } finally {
      isDone = true;
      timer.cancel();
    }
  }

  async #look(): Promise<Look> {
    const client = this.#connect();
    try {
      await client.connect();
      const { rows } = await client.query<{ own: number; busy: number[] }>(question);
      const [found] = rows;
      // Behind a pooler the numbers that connections were told are the pooler's.
      if (found === undefined || found.own !== pidOf(client)) return { type: "there" };
      return { type: "working", pids: new Set(found.busy) };
    } catch (error) {
      return { type: error instanceof DatabaseError ? "there" : "silent" };
    } finally {
      end(client);
    }
  }
}

/** The number of the process that serves the connection; the types do not know of it. */
function pidOf(connection: ClientBase & { readonly processID?: number }): number {
  return connection.processID ?? 0;
}

/** What waits for an answer there fails at once. */
function end(connection: ClientBase & { end?(): Promise<void> }): void {
  void connection.end?.().catch(() => undefined);
}
