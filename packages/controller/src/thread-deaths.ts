/** What becomes of threads that write to the disk and end by themselves: the next is begun, and somebody is told. */
import type { ThreadDiedError, ThreadOptions } from "@selvedge/apiserver";
import { type Clock, describeError, type Log, MetricRegistry, minutes } from "@selvedge/base";

/** So many in so short a time are no accident: a process begun anew may do better, and whoever begins it sees that. */
const deathsMax = 5;
const window = minutes(1);

export class ThreadsDyingError extends Error {
  override name = "ThreadsDyingError";
}

export interface ThreadDeathsOptions {
  readonly clock: Clock;
  readonly log: Log;
}

export class ThreadDeaths {
  readonly metrics: MetricRegistry = new MetricRegistry();
  readonly #deaths = this.metrics.counter(
    "controller_thread_deaths_total",
    "Threads that write to the disk and ended by themselves. The next is begun for what comes.",
    ["thread"],
  );
  readonly #clock: Clock;
  readonly #log: Log;
  /** By the monotonic clock. */
  #recent: number[] = [];

  constructor({ clock, log }: ThreadDeathsOptions) {
    this.#clock = clock;
    this.#log = log;
  }

  /** For the thread of this name. */
  of(thread: string): ThreadOptions {
    return { onDeath: (error) => this.#note(thread, error) };
  }

  /** Thrown in an event, it ends the process: what was acknowledged is on the disk. */
  #note(thread: string, error: ThreadDiedError): void {
    const now = this.#clock.monotonic();
    this.#deaths.add([thread]);
    this.#log.error("a thread died; what comes is done by another one", { thread, error });
    this.#recent = [...this.#recent.filter((at) => now < at + window), now];
    if (this.#recent.length < deathsMax) return;
    const last = `the last one: ${describeError(error)}`;
    const message = `${deathsMax} threads that write to the disk died within a minute, ${last}`;
    throw new ThreadsDyingError(`${message}; look at the disk and at the memory that is left`, {
      cause: error,
    });
  }
}
