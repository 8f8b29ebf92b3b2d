import type { Feed, Waiter } from "./feed.ts";
import { matcherOf } from "./keys.ts";
import type { Change, Subscription } from "./store.ts";

/** Changes read from the database at once, and what they may weigh: some are a megabyte, and their state before too. */
export const batchMax = 256;
export const batchWeight: number = 1024 * 1024;

/** What the database knows of a part of the log: everything that was asked for, up to `through`. */
export interface OldChanges {
  readonly changes: readonly Change[];
  readonly through: number;
}

/** The older part of the log. Throws CompactedError where it does not reach back. */
export type ReadLog = (prefix: string, from: number) => OldChanges | Promise<OldChanges>;

/** A place in the log: behind the feed's floor it reads the database, else memory. */
export class LogCursor implements Subscription, Waiter {
  readonly #feed: Feed;
  readonly #prefix: string;
  readonly #read: ReadLog;
  readonly #matches: (key: string) => boolean;
  #seen: number;
  #wake: (() => void) | undefined;

  constructor(feed: Feed, prefix: string, revision: number, read: ReadLog) {
    this.#feed = feed;
    this.#prefix = prefix;
    this.#seen = revision;
    this.#read = read;
    this.#matches = matcherOf(prefix);
  }

  get revision(): number {
    return this.#seen;
  }

  async take(): Promise<readonly Change[]> {
    if (this.#seen < this.#feed.floor) {
      const old = await this.#read(this.#prefix, this.#seen);
      this.#seen = Math.max(this.#seen, old.through);
      return old.changes;
    }
    const { changes, through } = this.#feed.after(this.#seen, this.#matches);
    this.#seen = Math.max(this.#seen, through);
    return changes;
  }

  wait(): Promise<void> {
    const more = this.#seen < this.#feed.floor || this.#feed.has(this.#seen, this.#matches);
    if (more) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#feed.add(this.#prefix, this);
    });
  }

  notify(seen: number): void {
    this.#seen = Math.max(this.#seen, seen);
    this.#feed.remove(this.#prefix, this);
    const wake = this.#wake;
    this.#wake = undefined;
    if (wake !== undefined) this.#feed.turn(wake);
  }

  wake(): void {
    // Who waits would have been told: up to here there is nothing, and nobody needs to look for it in the database.
    if (this.#wake !== undefined) this.#seen = Math.max(this.#seen, this.#feed.newest);
    this.lookAgain();
  }

  lookAgain(): void {
    this.#feed.remove(this.#prefix, this);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  close(): void {
    this.wake();
  }
}
