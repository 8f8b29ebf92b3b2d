import { once } from "node:events";
import type { DatabaseSync } from "node:sqlite";
import { type MessagePort, parentPort, Worker } from "node:worker_threads";

type Ask<Group> = { readonly group: Group } | "close";
type Answer<Committed> = { readonly committed: Committed } | { readonly error: unknown };

/** Commits groups in a thread of its own: a disk that is slow makes writers wait, and nobody else. */
export class SqliteThread<Group, Committed> {
  readonly #worker: Worker;
  /** One group at a time is under way. */
  #failure: { readonly error: unknown } | undefined;
  #waiting: PromiseWithResolvers<Committed> | undefined;

  /** `program` is one that calls `commitGroups`; `place` is its workerData. */
  constructor(program: URL, place: unknown) {
    this.#worker = new Worker(program, {
      workerData: place,
      // Not those of a program that was given as text, or is measured.
      execArgv: [],
    });
    this.#worker.on("message", (answer: Answer<Committed>) => {
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

  /** A group is data. */
  async commit(group: Group): Promise<Committed> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const waiting = Promise.withResolvers<Committed>();
    this.#waiting = waiting;
    this.#worker.ref();
    this.#worker.postMessage({ group });
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

/** The other end, in the thread. */
export function commitGroups<Group, Committed>(
  database: DatabaseSync,
  commit: (group: Group) => Committed,
): void {
  const port = parentPort as MessagePort;
  port.on("message", (ask: Ask<Group>) => {
    if (ask === "close") {
      database.close();
      port.close();
      return;
    }
    let answer: Answer<Committed>;
    try {
      answer = { committed: commit(ask.group) };
    } catch (error) {
      answer = { error };
    }
    port.postMessage(answer);
  });
}
