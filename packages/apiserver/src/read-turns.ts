/**
 * The program's one event loop, for long reads: however many there are, one of them does a piece in a turn, and all
 * else has its turn between two pieces. Side by side, ten pieces would hold everybody else up as one large one.
 */
export class ReadTurns {
  readonly #waiting = new Set<() => void>();
  #isTurning = false;

  /** Resolves when it is the caller's turn to do a piece. Who came first is first. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      if (this.#isTurning) return;
      this.#isTurning = true;
      setImmediate(() => this.#turn());
    });
  }

  #turn(): void {
    const [first] = this.#waiting;
    if (first !== undefined) {
      this.#waiting.delete(first);
      first();
    }
    this.#isTurning = this.#waiting.size > 0;
    if (this.#isTurning) setImmediate(() => this.#turn());
  }
}
