import type { Clock, Millis } from "@selvedge/base";

/**
 * A sleep that somebody else may cut short. A ring while nobody sleeps ends the next sleep at once, and only
 * that.
 */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves after `span` or when it rings; rejects with the signal's reason. */
  async wait(clock: Clock, span: Millis, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(span, () => done());
        const done = (): void => {
          timer.cancel();
          signal.removeEventListener("abort", done);
          this.#wake = undefined;
          resolve();
        };
        this.#wake = done;
        signal.addEventListener("abort", done, { once: true });
      });
    }
    this.#rung = false;
    signal.throwIfAborted();
  }
}
