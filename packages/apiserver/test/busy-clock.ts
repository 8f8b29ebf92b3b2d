import { type Millis, millis, SystemClock } from "@selvedge/base";

/** Each look at it finds a turn's share of time gone. */
export class BusyClock extends SystemClock {
  #now = 0;

  override monotonic(): Millis {
    this.#now += 11;
    return millis(this.#now);
  }
}

/** Tells turns of the event loop apart. */
export class LoopTurns implements Disposable {
  #count = 0;
  #next: NodeJS.Immediate;

  constructor() {
    const count = (): void => {
      this.#count++;
      this.#next = setImmediate(count);
    };
    this.#next = setImmediate(count);
  }

  get now(): number {
    return this.#count;
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#next);
  }
}
