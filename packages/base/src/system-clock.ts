import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "./time.ts";

/** The longest a JavaScript timer can wait; longer ones would fire at once. */
const timerMax = 2 ** 31 - 1;

/** The machine's own clock. */
export class SystemClock implements Clock {
  now(): Instant {
    return instant(Date.now());
  }

  monotonic(): Millis {
    return millis(performance.now());
  }

  setTimer(span: Millis, fire: () => void): Timer {
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
