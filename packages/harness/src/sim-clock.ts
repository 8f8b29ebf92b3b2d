import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "@selvedge/base";
import { isStill } from "./stillness.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  /** Undefined once it is cancelled: what it would have done may hold a whole program that is dead. */
  fire: (() => void) | undefined;
}

/**
 * Time that moves only when told to, by whole milliseconds as real timers do: a rest too small to add to the
 * time would be waited for again and again. Two clocks as in life: `monotonic` drives timers, `now` can be set
 * anywhere. Between two timers everything that can run without waiting for time runs first, so a simulation
 * is repeatable.
 */
export class SimClock implements Clock {
  #elapsed = 0;
  #calendar: number;
  #order = 0;
  readonly #timers = new TimerHeap();
  readonly #outside = new Set<Promise<unknown>>();

  constructor(start: Instant = instant(Date.UTC(2026, 0, 1))) {
    this.#calendar = start;
  }

  now(): Instant {
    // The calendar counts whole milliseconds, as the system clock does.
    return instant(Math.floor(this.#calendar + this.#elapsed));
  }

  monotonic(): Millis {
    return millis(this.#elapsed);
  }

  setTimer(span: Millis, fire: () => void): Timer {
    const at = Math.ceil(this.#elapsed + Math.max(0, span));
    const pending: Pending = { at, order: this.#order++, fire };
    this.#timers.add(pending);
    return {
      cancel: () => {
        pending.fire = undefined;
      },
    };
  }

  /** The calendar jumps, as when a flat battery or a wrong time server sets it; timers do not notice. */
  jump(span: Millis): void {
    this.#calendar += span;
  }

  /** Time waits for this: it touches the real world (a file, a thread), where nothing happens in no time. */
  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside.add(work);
    try {
      return await work;
    } finally {
      this.#outside.delete(work);
    }
  }

  /**
   * Lets `span` pass: fires every timer due in it, in order, and lets what it starts settle before the
   * next.
   */
  async pass(span: Millis): Promise<void> {
    const end = Math.ceil(this.#elapsed + span);
    await this.#settle(end);
    this.#elapsed = end;
  }

  /** Lets time pass until `condition` holds; false when it does not within `limit`. */
  async passUntil(condition: () => boolean | Promise<boolean>, limit: Millis): Promise<boolean> {
    const end = this.#elapsed + limit;
    await this.#settle(this.#elapsed);
    while (!(await condition())) {
      const next = this.#timers.first();
      if (next === undefined || next.at > end) return false;
      await this.#settle(next.at);
    }
    return true;
  }

  /**
   * Lets everything run that needs no time, and then what each timer up to `end` starts. There are millions of
   * them, so a promise for each turn of the event loop would be most of what a quiet world costs.
   */
  async #settle(end: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (this.#outside.size > 0 || !isStill()) {
          setImmediate(look);
          return;
        }
        const next = this.#timers.first();
        if (next === undefined || next.at > end) {
          resolve();
          return;
        }
        this.#elapsed = Math.max(this.#elapsed, next.at);
        this.#timers.removeFirst();
        try {
          next.fire?.();
          setImmediate(look);
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(look);
    });
  }
}

/** Timers by when they fire, then by when they were set; a cancelled one goes when it comes up. */
class TimerHeap {
  readonly #items: Pending[] = [];

  add(item: Pending): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, items[parent] as Pending)) break;
      items[at] = items[parent] as Pending;
      at = parent;
    }
    items[at] = item;
  }

  first(): Pending | undefined {
    while (this.#items.length > 0 && this.#items[0]?.fire === undefined) this.removeFirst();
    return this.#items[0];
  }

  removeFirst(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1] as Pending, items[child] as Pending)) child++;
      if (!isBefore(items[child] as Pending, last)) break;
      items[at] = items[child] as Pending;
      at = child;
    }
    items[at] = last;
  }
}

function isBefore(one: Pending, other: Pending): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
