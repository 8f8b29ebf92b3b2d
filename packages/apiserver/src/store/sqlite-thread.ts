import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Committed } from "./sqlite-file.ts";
import type { PendingWrite } from "./write-queue.ts";

/** What the thread writes to. */
export interface WorkerPlace {
  readonly path: string;
  readonly workspace: string;
  readonly kept: number;
}

export type Ask = readonly PendingWrite[] | "close";
export type Answer = { readonly committed: Committed } | { readonly error: unknown };

/** Commits groups in a thread of its own: a disk that is slow makes writers wait, and nobody else. */
export class SqliteThread {
  readonly #worker: Worker;
  /** One group at a time is under way. */
  #failure: { readonly error: unknown } | undefined;
  #waiting: PromiseWithResolvers<Committed> | undefined;

  constructor(place: WorkerPlace) {
    this.#worker = new Worker(new URL("./sqlite-worker.ts", import.meta.url), {
      workerData: place,
      // Not those of a program that was given as text, or is measured.
      execArgv: [],
    });
    this.#worker.on("message", (answer: Answer) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if ("error" in answer) waiting?.reject(answer.error);
      else waiting?.resolve(answer.committed);
    });
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(new Error("the store is closed")));
    // A process that has nothing left to do may end.
    this.#worker.unref();
  }

  async commit(writes: readonly PendingWrite[]): Promise<Committed> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const waiting = Promise.withResolvers<Committed>();
    this.#waiting = waiting;
    this.#worker.ref();
    // Only what is data crosses over.
    this.#worker.postMessage(writes.map(({ key, expected, value }) => ({ key, expected, value })));
    try {
      return await waiting.promise;
    } finally {
      this.#worker.unref();
    }
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#worker.ref();
    const gone = once(this.#worker, "exit");
    this.#worker.postMessage("close");
    await gone;
  }

  #end(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting?.reject(error);
  }
}
