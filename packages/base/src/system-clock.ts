import { Fifo } from "./bounded.ts";
import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "./time.ts";

/** The longest a JavaScript timer can wait; longer ones would fire at once. */
const timerMax = 2 ** 31 - 1;

/** The machine's own clock. */
export class SystemClock implements Clock {
  readonly #rounds = new Rounds();

  now(): Instant {
    return instant(Date.now());
  }

  monotonic(): Millis {
    return millis(performance.now());
  }

  setTimer(span: Millis, fire: () => void): Timer {
    if (span <= 0) return this.#rounds.add(fire);
    let left: number = span;
    let handle: ReturnType<typeof setTimeout>;
    const arm = (): void => {
      const part = Math.max(0, Math.min(left, timerMax));
      left -= part;
      handle = setTimeout(() => (left > 0 ? arm() : fire()), part);
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }
}

/**
 * What waits for nothing but its turn: one of them each round of the event loop. Timers that are due all fire in one
 * round, so that a dozen workers which each rest for a moment would together never let anybody in.
 */
class Rounds {
  readonly #waiting = new Fifo<{ fire: () => void }>();

  add(fire: () => void): Timer {
    const one = { fire };
    this.#waiting.push(one);
    if (this.#waiting.size === 1) nextRound(() => this.#next());
    return {
      cancel: () => {
        one.fire = nothing;
      },
    };
  }

  #next(): void {
    const first = this.#waiting.take();
    if (this.#waiting.size > 0) nextRound(() => this.#next());
    first?.fire();
  }
}

const nothing = (): void => {};

/** A browser has no other way than a timer, and nobody but its page to let in. */
const nextRound: (fire: () => void) => unknown =
  (globalThis as { setImmediate?: (fire: () => void) => unknown }).setImmediate ?? setTimeout;
