import type { Clock, Millis } from "@selvedge/base";

/**
 * A sleep that somebody else may cut short. A ring while nobody sleeps ends the next sleep at once, and only
 * that.
 */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;
  /** Whose end it hears of: to listen anew for each sleep would cost more than the sleep. */
  #signal: AbortSignal | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves after `span` or when it rings; rejects with the signal's reason. */
  async wait(clock: Clock, span: Millis, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#signal !== signal) {
      this.#signal = signal;
      signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    }
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(span, () => done());
        const done = (): void => {
          timer.cancel();
          this.#wake = undefined;
          resolve();
        };
        this.#wake = done;
      });
    }
    this.#rung = false;
    signal.throwIfAborted();
  }
}
