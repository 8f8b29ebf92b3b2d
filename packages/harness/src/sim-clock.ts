import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "@selvedge/base";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

/**
 * Time that moves only when told to. Two clocks as in life: `monotonic` drives timers, `now` can be set anywhere.
 * Between two timers everything that can run without waiting for time runs first, so a simulation is repeatable.
 */
export class SimClock implements Clock {
  #elapsed = 0;
  #calendar: number;
  #order = 0;
  readonly #timers = new Set<Pending>();

  constructor(start: Instant = instant(Date.UTC(2026, 0, 1))) {
    this.#calendar = start;
  }

  now(): Instant {
    return instant(this.#calendar + this.#elapsed);
  }

  monotonic(): Millis {
    return millis(this.#elapsed);
  }

  setTimer(span: Millis, fire: () => void): Timer {
    const pending: Pending = { at: this.#elapsed + Math.max(0, span), order: this.#order++, fire };
    this.#timers.add(pending);
    return { cancel: () => void this.#timers.delete(pending) };
  }

  /** The calendar jumps, as when a flat battery or a wrong time server sets it; timers do not notice. */
  jump(span: Millis): void {
    this.#calendar += span;
  }

  /** Lets `span` pass: fires every timer due in it, in order, and lets what it starts settle before the next. */
  async pass(span: Millis): Promise<void> {
    const end = this.#elapsed + span;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#elapsed = Math.max(this.#elapsed, next.at);
      this.#timers.delete(next);
      next.fire();
      await settle();
    }
    this.#elapsed = end;
  }

  /** Lets time pass until `condition` holds; false when it does not within `limit`. */
  async passUntil(condition: () => boolean | Promise<boolean>, limit: Millis): Promise<boolean> {
    const end = this.#elapsed + limit;
    await settle();
    while (!(await condition())) {
      const next = this.#next(end);
      if (next === undefined) return false;
      await this.pass(millis(next.at - this.#elapsed));
    }
    return true;
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

/** How many turns of the event loop one step of a simulation may need to come to rest. */
const settleTurns = 20;

/** Lets promises, and callbacks that need a turn of the event loop, run until nothing is left that needs no time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < settleTurns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
