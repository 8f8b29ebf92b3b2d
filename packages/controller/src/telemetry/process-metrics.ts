import { type Clock, type MetricRegistry, type Millis, millis, type Timer } from "@selvedge/base";

/** How often is looked. What is shorter is not seen. */
const every = millis(10);

/** Figures of this process itself, until they are disposed. */
export function processMetrics(metrics: MetricRegistry, clock: Clock): Disposable {
  const watch = new LoopWatch(clock);
  const since = "since this was asked last.";
  metrics.gauge(
    "process_event_loop_delay_max_seconds",
    `The longest time that everything else had to wait for one thing, ${since}`,
    [],
    () => [[[], watch.take("late") / 1000]],
  );
  metrics.gauge(
    "process_event_loop_busy_max_seconds",
    `The same without what other programs took of the processor meanwhile, ${since}`,
    [],
    () => [[[], watch.take("busy") / 1000]],
  );
  return watch;
}

/** Sees how late a timer comes, and how much of that time this thread was at work. */
class LoopWatch implements Disposable {
  readonly #clock: Clock;
  readonly #longest = { late: 0, busy: 0 };
  #used = threadMillis();
  #timer: Timer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timer = this.#arm();
  }

  take(what: "late" | "busy"): number {
    const longest = this.#longest[what];
    this.#longest[what] = 0;
    return longest;
  }

  #arm(): Timer {
    const due = this.#clock.monotonic() + every;
    return this.#clock.setTimer(every, () => {
      const late = Math.max(0, this.#clock.monotonic() - due);
      const used = threadMillis();
      this.#longest.late = Math.max(this.#longest.late, late);
      this.#longest.busy = Math.max(this.#longest.busy, Math.min(late, used - this.#used));
      this.#used = used;
      this.#timer = this.#arm();
    });
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}

function threadMillis(): Millis {
  const { user, system } = process.threadCpuUsage();
  return millis((user + system) / 1000);
}
