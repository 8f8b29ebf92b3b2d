import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "@selvedge/base";

/** Time that moves when told to. */
export class ManualClock implements Clock {
  #now: number;
  #mono = 0;
  #timers: { at: number; fire: () => void }[] = [];

  constructor(start: number = Date.parse("2026-01-01T00:00:00Z")) {
    this.#now = start;
  }

  now(): Instant {
    return instant(this.#now);
  }

  monotonic(): Millis {
    return millis(this.#mono);
  }

  setTimer(span: Millis, fire: () => void): Timer {
    const timer = { at: this.#mono + span, fire };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((one) => one !== timer)) };
  }

  /** Moves to the next timer within `span`, or by all of it; returns what is left. */
  step(span: number): number {
    const end = this.#mono + span;
    const next = this.#timers.filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
    const to = Math.max(this.#mono, next?.at ?? end);
    this.#now += to - this.#mono;
    this.#mono = to;
    if (next !== undefined) {
      this.#timers = this.#timers.filter((one) => one !== next);
      next.fire();
    }
    return next === undefined ? 0 : end - to;
  }

  jump(span: number): void {
    this.#now += span;
  }
}
