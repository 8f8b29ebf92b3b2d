import type { DatabaseSync } from "node:sqlite";
import { type MessagePort, parentPort, Worker } from "node:worker_threads";

type Ask<Group> = { readonly group: Group } | "close";
type Answer<Committed> = { readonly committed: Committed } | { readonly error: unknown };

/** The thread ended by itself: whether the group that was under way is in the file, only the file knows. */
export class ThreadDiedError extends Error {
  override name = "ThreadDiedError";
}

export interface ThreadOptions {
  readonly begin?: (program: URL, place: unknown) => Worker;
  /** Told once of each thread that ended by itself, when all of it is gone. */
  readonly onDeath?: (error: ThreadDiedError) => void;
}

interface Living<Committed> {
  readonly worker: Worker;
  readonly gone: PromiseWithResolvers<void>;
  cause: unknown;
  /** One group at a time is under way. */
  waiting: PromiseWithResolvers<Committed> | undefined;
}

/**
 * Commits groups in a thread of its own: a disk that is slow makes writers wait, and nobody else. It is begun for
 * the first group; one that dies fails what is under way, and the next group begins another.
 */
export class SqliteThread<Group, Committed> {
  readonly #program: URL;
  readonly #place: unknown;
  readonly #begin: (program: URL, place: unknown) => Worker;
  readonly #onDeath: ((error: ThreadDiedError) => void) | undefined;
  #living: Living<Committed> | undefined;
  #closed = false;

  /** `program` is one that calls `commitGroups`; `place` is its workerData. */
  constructor(program: URL, place: unknown, { begin = beginThread, onDeath }: ThreadOptions = {}) {
    this.#program = program;
    this.#place = place;
    this.#begin = begin;
    this.#onDeath = onDeath;
  }

  /** A group is data. */
  async commit(group: Group): Promise<Committed> {
    if (this.#closed) throw new Error("the store is closed");
    this.#living ??= this.#live();
    const { worker } = this.#living;
    const waiting = Promise.withResolvers<Committed>();
    this.#living.waiting = waiting;
    // A process that has nothing left to do may end, but not before this.
    worker.ref();
    worker.postMessage({ group });
    try {
      return await waiting.promise;
    } finally {
      worker.unref();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#living === undefined) return;
    const { worker, gone } = this.#living;
    worker.ref();
    worker.postMessage("close");
    await gone.promise;
  }

  #live(): Living<Committed> {
    const worker = this.#begin(this.#program, this.#place);
    const living: Living<Committed> = {
      ...{ worker, gone: Promise.withResolvers(), cause: undefined, waiting: undefined },
    };
    worker.on("message", (answer: Answer<Committed>) => {
      const { waiting } = living;
      living.waiting = undefined;
      if ("error" in answer) waiting?.reject(answer.error);
      else waiting?.resolve(answer.committed);
    });
    worker.on("error", (error) => {
      living.cause = error;
    });
    // Not before: until then it may hold the file still.
    worker.on("exit", (code) => this.#end(living, code));
    worker.unref();
    return living;
  }

  #end(living: Living<Committed>, code: number): void {
    this.#living = undefined;
    living.gone.resolve();
    const { cause, waiting } = living;
    const error = new ThreadDiedError(`the thread that writes to the disk ended with ${code}`, { cause });
    waiting?.reject(error);
    if (!this.#closed) this.#onDeath?.(error);
  }
}

function beginThread(program: URL, workerData: unknown): Worker {
  // Not the flags of a program that was given as text, or is measured.
  return new Worker(program, { workerData, execArgv: [] });
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
