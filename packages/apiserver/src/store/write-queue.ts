import type { WriteOutcome } from "./store.ts";

export interface PendingWrite {
  readonly key: string;
  readonly expected: number;
  /** Undefined: delete. */
  readonly value: string | undefined;
}

interface Waiting extends PendingWrite {
  readonly resolve: (outcome: WriteOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes put on disk together, so that one transaction does not take long. */
const commitMax = 512;

/**
 * Group commit: while one transaction is under way, the writes that come gather for the next. A transaction
 * has each key once, so that its writes can be done as one set; a second write of a key goes with the next.
 */
export class WriteQueue {
  readonly #commit: (writes: readonly PendingWrite[]) => Promise<readonly WriteOutcome[]>;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(commit: (writes: readonly PendingWrite[]) => Promise<readonly WriteOutcome[]>) {
    this.#commit = commit;
  }

  add(key: string, expected: number, value: string | undefined): Promise<WriteOutcome> {
    if (this.#closed) return Promise.reject(new Error("the store is closed"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, expected, value, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Takes no more, and ends when everything taken is settled. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      // What else this turn of the event loop brings comes along.
      await new Promise(setImmediate);
      let group: Promise<() => void> | undefined = this.#begin(this.#next());
      while (group !== undefined) {
        const settle = await group;
        // The next is under way before those who waited for this one have their turn: answering them takes as long.
        group = this.#waiting.length > 0 ? this.#begin(this.#next()) : undefined;
        settle();
      }
    } finally {
      this.#running = undefined;
    }
  }

  /** Commits a group; what comes of it tells its writers. */
  async #begin(writes: readonly Waiting[]): Promise<() => void> {
    try {
      const outcomes = await this.#commit(writes);
      return () => {
        for (const [index, { resolve }] of writes.entries()) resolve(outcomes[index] ?? { type: "conflict" });
      };
    } catch (error) {
      return () => {
        for (const { reject } of writes) reject(error);
      };
    }
  }

  #next(): Waiting[] {
    const keys = new Set<string>();
    const [taken, left]: [Waiting[], Waiting[]] = [[], []];
    for (const write of this.#waiting) {
      const fits = taken.length < commitMax && !keys.has(write.key);
      keys.add(write.key);
      (fits ? taken : left).push(write);
    }
    this.#waiting = left;
    return taken;
  }
}
