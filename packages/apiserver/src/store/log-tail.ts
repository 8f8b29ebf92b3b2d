import { type Clock, describeError, type Log, millis, seconds, sleep, type Timer } from "@selvedge/base";
import type { Client } from "pg";
import type { Feed } from "./feed.ts";
import { batchWeight } from "./log-cursor.ts";
import type { PostgresConnections } from "./postgres-connections.ts";
import { channel, statements } from "./postgres-schema.ts";
import type { Change } from "./store.ts";

export interface LogTailOptions {
  readonly connections: PostgresConnections;
  readonly feed: Feed;
  readonly workspace: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ChangeRow {
  readonly newest: number;
  readonly compacted: number;
  /** Null, with everything after it: there is none. With nothing but values null: it is for the next time. */
  readonly key: string | null;
  readonly revision: number;
  readonly value: string | null;
  readonly previous: string | null;
}

/**
 * A notification is only a wake-up, and may be lost with a connection: the log is looked at so often anyway.
 */
const lookEvery = seconds(1);
const reconnectEvery = millis(200);
/** Changes read at once while catching up. */
const pageMax = 512;

/**
 * Keeps the feed level with the log of the database, whoever wrote to it.
 *
 *   commit anywhere ── NOTIFY ──► wake ──► read everything after the feed's newest ──► feed
 *                      every second ──┘
 */
export class LogTail {
  readonly #options: LogTailOptions;
  readonly #ended: Promise<void>;
  #stopped = false;
  #woken = false;
  #wake: (() => void) | undefined;

  constructor(options: LogTailOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** There is more than the feed knows. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { connections, clock, log } = this.#options;
    let lost = false;
    while (!this.#stopped) {
      const client = connections.client();
      try {
        await this.#listen(client, () => {
          if (lost) log.info("the database is back");
          lost = false;
        });
      } catch (error) {
        if (!lost) log.warn("the database cannot be heard; trying again", { error: describeError(error) });
        lost = true;
        if (!this.#stopped) await sleep(clock, reconnectEvery);
      } finally {
        await ended(client);
      }
    }
  }

  async #listen(client: Client, heard: () => void): Promise<void> {
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => undefined);
    client.on("error", broken.reject);
    client.on("end", () => broken.reject(new Error("the database closed the connection")));
    client.on("notification", ({ payload }) => {
      if (Number(payload) > this.#options.feed.newest) this.wake();
    });
    await client.connect();
    await this.#options.connections.attended(client, () => client.query(`listen ${channel}`));
    while (!this.#stopped) {
      this.#woken = false;
      while (await this.#read(client)) if (this.#stopped) return;
      heard();
      await Promise.race([this.#pause(), broken.promise]);
    }
  }

  /** Takes the next part of the log into the feed; false when that was all. */
  async #read(client: Client): Promise<boolean> {
    const { connections, feed, workspace, log } = this.#options;
    const from = feed.newest;
    const values = [workspace, from, pageMax, batchWeight];
    const { rows } = await connections.attended(client, () =>
      client.query<ChangeRow>({ name: "tail", text: statements.tail, values }),
    );
    const [first] = rows;
    if (first === undefined) throw new Error("selvedge_store has lost its row: restore the database");
    if (first.newest < from)
      throw new Error(`the database went back from revision ${from} to ${first.newest}`);
    if (from < first.compacted) {
      log.warn("the log was cut before it was read; watchers begin anew", {
        from,
        compacted: first.compacted,
      });
      feed.reset(first.newest);
      return false;
    }
    const { changes, more } = changesOf(rows, pageMax);
    feed.publish(changes, more ? (changes.at(-1)?.revision ?? from) : first.newest);
    return more;
  }

  async #pause(): Promise<void> {
    if (this.#woken) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = this.#options.clock.setTimer(lookEvery, resolve);
    });
    timer?.cancel();
    this.#wake = undefined;
  }
}

/** The changes that came whole, and whether others follow of which no more than `most` were asked for. */
export function changesOf(
  rows: readonly ChangeRow[],
  most: number,
): { readonly changes: Change[]; readonly more: boolean } {
  const there = rows.filter(({ key }) => key !== null);
  const changes = there.flatMap(({ key, revision, value, previous }) =>
    key === null || (value === null && previous === null)
      ? []
      : [{ revision, key, value: value ?? undefined, previous: previous ?? undefined }],
  );
  return { changes, more: there.length === most || changes.length < there.length };
}

/** Ends a connection, be it broken or never made. */
async function ended(client: Client): Promise<void> {
  client.removeAllListeners("end");
  await client.end().catch(() => undefined);
}
