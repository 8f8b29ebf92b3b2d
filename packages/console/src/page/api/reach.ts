/**
 * Whether the API answers. Everything that asks it tells what came of it, and when nobody asks, a pulse does:
 * a page that looks current and is not would be worse than none.
 */
import { type Clock, describeError, type Instant, type Millis, seconds, type Timer } from "@selvedge/base";

export type Reach =
  | { readonly is: "here" }
  | { readonly is: "away"; readonly since: Instant; readonly why: string }
  /** The console does not know this browser, or not any more. */
  | { readonly is: "locked" };

const pulseHere = seconds(10);
const pulseAway = seconds(2);
export const pulsePath = "/readyz";

export interface ReachOptions {
  readonly clock: Clock;
  /** Asks for `pulsePath`; what comes of it is told as of any other request. */
  readonly pulse: () => Promise<void>;
  readonly onChange: (reach: Reach, before: Reach) => void;
}

export class ReachMonitor implements Disposable {
  readonly #options: ReachOptions;
  #reach: Reach = { is: "here" };
  #heard: Instant | undefined;
  #timer: Timer | undefined;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  get reach(): Reach {
    return this.#reach;
  }

  /** When the API was heard last. */
  get heard(): Instant | undefined {
    return this.#heard;
  }

  start(): void {
    this.#again();
  }

  answered(): void {
    this.#heard = this.#options.clock.now();
    this.#turn({ is: "here" });
  }

  failed(error: unknown): void {
    const since = this.#reach.is === "away" ? this.#reach.since : this.#options.clock.now();
    this.#turn({ is: "away", since, why: describeError(error) });
  }

  /** Something broke off that should not have: asks now, not when it is time. */
  doubt(): void {
    if (this.#reach.is !== "here" || this.#timer === undefined) return;
    this.#timer.cancel();
    this.#ask();
  }

  locked(): void {
    this.#turn({ is: "locked" });
  }

  #turn(reach: Reach): void {
    const before = this.#reach;
    this.#reach = reach;
    if (before.is !== reach.is) this.#options.onChange(reach, before);
  }

  #again(): void {
    const span: Millis = this.#reach.is === "here" ? pulseHere : pulseAway;
    this.#timer = this.#options.clock.setTimer(span, () => this.#ask());
  }

  #ask(): void {
    // While it is asked there is no timer, and nobody asks a second time.
    this.#timer = undefined;
    this.#options
      .pulse()
      .catch(() => undefined)
      .finally(() => this.#again());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
