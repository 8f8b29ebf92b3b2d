import { type Clock, type Millis, millis } from "./time.ts";

/** Long enough that turns cost little, short enough that nobody notices one. */
const turnMax = millis(10);

/** Long work in pieces: after so long all else in the program has its turn. */
export class Turns {
  readonly #clock: Clock;
  #began: Millis;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.monotonic();
  }

  /** Takes the steps of a decision that looks at thousands of things; what it looks at must not change meanwhile. */
  async take<T>(steps: Iterator<unknown, T>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      const rest = this.rest();
      if (rest !== undefined) await rest;
    }
  }

  /** Undefined while this turn lasts; then a promise of the next one. To be awaited before each step. */
  rest(): Promise<void> | undefined {
    if (this.#clock.monotonic() - this.#began <= turnMax) return undefined;
    return new Promise((resolve) => {
      this.#clock.setTimer(millis(0), () => {
        this.#began = this.#clock.monotonic();
        resolve();
      });
    });
  }
}
