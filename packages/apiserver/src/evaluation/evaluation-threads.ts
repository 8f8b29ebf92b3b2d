/**
 * Threads for what takes too long to be evaluated where everybody else waits. None is begun before the first that
 * does; one that dies, or is not done in time, fails the write it was at, and the next gets a new one.
 *
 *   run ─► queue ─► a thread ─► outcome │ a question, to be asked anew with its answer │ lost
 */
import { Worker } from "node:worker_threads";
import { PendingDecision } from "@selvedge/apimachinery";
import { type Clock, describeError, seconds, type Timer } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import type { Answer, Outcomes, Task, Tasks, TaskType } from "./tasks.ts";

/** There is no outcome, and not because of what was to be evaluated. */
export class EvaluationLostError extends StatusError {
  override name = "EvaluationLostError";

  constructor(why: string, cause?: unknown) {
    super(
      500,
      "InternalError",
      `Internal error occurred: what takes long was not done in its thread: ${why}`,
      undefined,
      {
        cause,
      },
    );
  }
}

/** Heavy expressions are nobody's daily bread: they may not have the whole machine. */
const threadsMax = 2;
/** Of objects of 3 MB, and what was there before: some hundred MB. */
const waitingMax = 32;
/** From when it is asked: a budget takes some seconds of it, and clients wait for a minute at most. */
const answerMax = seconds(30);
/** A thread keeps what memory it once had. */
const idleMax = seconds(60);
/** What expressions may put together: then the thread dies, and not the server. */
const memoryMax = 512;

interface Job {
  readonly task: Task;
  readonly answered: PromiseWithResolvers<Answer>;
  readonly timer: Timer;
}

interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
  /** Ends it when nothing is asked of it. */
  idle: Timer | undefined;
}

export interface EvaluationThreadsOptions {
  readonly clock: Clock;
  readonly begin?: () => Worker;
}

export class EvaluationThreads implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #begin: () => Worker;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Job[] = [];
  #closed = false;

  constructor({ clock, begin = beginWorker }: EvaluationThreadsOptions) {
    this.#clock = clock;
    this.#begin = begin;
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return this.#waiting.length < waitingMax;
  }

  /** How many threads there are now. */
  get size(): number {
    return this.#threads.size;
  }

  /** Throws a PendingDecision, as the same does where it is evaluated at once, and an EvaluationLostError. */
  async run<Type extends TaskType>(task: Tasks[Type]): Promise<Outcomes[Type]> {
    if (this.#closed) throw new EvaluationLostError("the server is stopping");
    if (!this.hasRoom) {
      throw new EvaluationLostError("too many others wait for one; try again in a while");
    }
    const job: Job = {
      ...{ task, answered: Promise.withResolvers() },
      timer: this.#clock.setTimer(answerMax, () => this.#giveUp(job)),
    };
    this.#waiting.push(job);
    this.#next();
    const answer = await job.answered.promise.finally(() => job.timer.cancel());
    if (answer.type === "question") throw new PendingDecision(answer.question);
    if (answer.type === "failure") throw new EvaluationLostError(answer.why);
    return answer.outcome as Outcomes[Type];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { answered } of this.#waiting.splice(0)) {
      answered.reject(new EvaluationLostError("the server is stopping"));
    }
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, "the server is stopping")));
  }

  #next(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const thread = [...this.#threads].find(({ job }) => job === undefined) ?? this.#more();
      const job = thread && this.#waiting.shift();
      if (thread === undefined || job === undefined) return;
      thread.idle?.cancel();
      this.#hand(thread, job);
    }
  }

  #hand(thread: Thread, job: Job): void {
    try {
      thread.worker.postMessage(job.task);
      // A program that has nothing else to do waits for the answer.
      thread.worker.ref();
      thread.job = job;
    } catch (error) {
      // What is no data: the thread is free still.
      job.answered.resolve({ type: "failure", why: describeError(error) });
    }
  }

  #more(): Thread | undefined {
    if (this.#threads.size >= threadsMax) return undefined;
    const thread: Thread = { worker: this.#begin(), job: undefined, idle: undefined };
    this.#threads.add(thread);
    thread.worker.on("message", (answer: Answer) => {
      thread.job?.answered.resolve(answer);
      this.#rest(thread);
    });
    thread.worker.on(
      "error",
      (error) => void this.#end(thread, `its thread died: ${describeError(error)}`, error),
    );
    thread.worker.on("exit", () => void this.#end(thread, "its thread died"));
    return thread;
  }

  #rest(thread: Thread): void {
    thread.job = undefined;
    thread.worker.unref();
    thread.idle = this.#clock.setTimer(idleMax, () => void this.#end(thread, "it is done"));
    this.#next();
  }

  async #end(thread: Thread, why: string, cause?: unknown): Promise<void> {
    thread.idle?.cancel();
    thread.job?.answered.reject(new EvaluationLostError(why, cause));
    thread.job = undefined;
    if (!this.#threads.delete(thread)) return;
    this.#next();
    await thread.worker.terminate();
  }

  #giveUp(job: Job): void {
    const why = `it takes longer than ${answerMax / 1000} seconds`;
    const place = this.#waiting.indexOf(job);
    if (place >= 0) this.#waiting.splice(place, 1);
    job.answered.reject(new EvaluationLostError(why));
    for (const thread of this.#threads) if (thread.job === job) void this.#end(thread, why);
  }
}

function beginWorker(): Worker {
  return new Worker(new URL("./evaluation-worker.ts", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memoryMax },
    // Not those of a program that was given as text, or is measured.
    execArgv: [],
  });
}
