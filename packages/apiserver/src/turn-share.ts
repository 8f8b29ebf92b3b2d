import { type Clock, type Millis, millis } from "@selvedge/base";

const shareOfTurn = millis(10);

/**
 * What one sort of work may take of a turn of the program's event loop, however many do it at once: whoever comes when
 * that is used up goes on in a later turn. Who came first is first.
 */
export class TurnShare {
  readonly #clock: Clock;
  /** When this turn's share is used up; undefined: nobody has begun in it. */
  #ends: Millis | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: the caller may go on at once. */
  next(): Promise<void> | undefined {
    return this.#isUsedUp() ? this.#later() : undefined;
  }

  async #later(): Promise<void> {
    do await new Promise(setImmediate);
    while (this.#isUsedUp());
  }

  #isUsedUp(): boolean {
    const now = this.#clock.monotonic();
    if (this.#ends !== undefined) return now > this.#ends;
    this.#ends = millis(now + shareOfTurn);
    setImmediate(() => {
      this.#ends = undefined;
    });
    return false;
  }
}
