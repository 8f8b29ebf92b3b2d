/**
 * One life of a program inside a simulation. A process that is killed stops in the middle of whatever it
 * does; promises cannot be stopped, but everything they could still reach can: time stands still for the
 * dead, and no port answers them.
 */
import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "@selvedge/base";

/** What the dead wait for. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}

export class Life {
  readonly clock: Clock;
  #alive = true;
  readonly #timers = new Set<Timer>();
  readonly #farewells = new Set<() => void>();

  /** `skew` is how far this program's machine is from the true date; timers do not know it. */
  constructor(clock: Clock, skew: () => Millis = () => millis(0)) {
    this.clock = {
      now: (): Instant => instant(clock.now() + skew()),
      monotonic: () => clock.monotonic(),
      setTimer: (span, fire) => this.#setTimer(clock, span, fire),
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const farewell of this.#farewells) farewell();
    this.#farewells.clear();
  }

  /** What outlives this life and holds something of it lets go at its end. Returns how to say that it did before. */
  onEnd(farewell: () => void): () => void {
    if (!this.#alive) farewell();
    else this.#farewells.add(farewell);
    return () => this.#farewells.delete(farewell);
  }

  /** The same object, as long as this life lasts. */
  lend<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => (this.#alive ? value.apply(target, args) : never());
      },
    });
  }

  #setTimer(clock: Clock, span: Millis, fire: () => void): Timer {
    if (!this.#alive) return { cancel: () => undefined };
    const timer = clock.setTimer(span, () => {
      this.#timers.delete(timer);
      fire();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}
