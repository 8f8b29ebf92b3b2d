import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  Fifo,
  type Log,
  type Millis,
  millis,
  type Random,
  seconds,
  type Timer,
} from "@selvedge/base";
import type { Reconciler } from "./reconciler.ts";

export interface RunnerOptions<Key extends string> {
  readonly reconciler: Reconciler<Key>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly backoff?: BackoffPolicy;
  /** How many keys are worked on at once. */
  readonly concurrency?: number;
}

interface KeyState {
  running: boolean;
  /** Woken while running: one more pass follows. */
  again: boolean;
  failures: number;
  timer: Timer | undefined;
}

const defaultBackoff: BackoffPolicy = { first: millis(500), max: seconds(60) };
const defaultConcurrency = 16;
/** Passes that wait for nothing follow one another at once; after so long all else in the program has its turn. */
const turnMax = millis(10);

/**
 * Runs a reconciler: one pass per key at a time, wake-ups coalesced, failures retried for ever with backoff.
 * Keys that are settled and quiet are forgotten, so memory follows what moves, not what exists.
 */
export class Runner<Key extends string = string> implements AsyncDisposable {
  readonly #options: RunnerOptions<Key>;
  readonly #keys = new Map<Key, KeyState>();
  readonly #waiting = new Fifo<Key>();
  readonly #stop = new AbortController();
  /** By the monotonic clock: since when passes follow one another. */
  #turn: Millis = millis(0);
  /** Until the next turn. */
  #rest: Timer | undefined;
  readonly #active = new Set<Promise<void>>();

  constructor(options: RunnerOptions<Key>) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.reconciler.name;
  }

  /** Says that something about `key` may have changed. */
  wake(key: Key): void {
    if (this.#stop.signal.aborted) return;
    const state = this.#keys.get(key);
    if (state === undefined) {
      this.#keys.set(key, { running: false, again: false, failures: 0, timer: undefined });
      this.#enqueue(key);
    } else if (state.running) {
      state.again = true;
    } else if (state.timer !== undefined) {
      state.timer.cancel();
      state.timer = undefined;
      this.#enqueue(key);
    }
  }

  /** Whether no key is running or queued; keys that wait for a timer do not count. */
  get idle(): boolean {
    return this.#active.size === 0 && this.#waiting.size === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error(`${this.name} stopped`));
    for (const state of this.#keys.values()) state.timer?.cancel();
    this.#rest?.cancel();
    this.#keys.clear();
    this.#waiting.clear();
    await Promise.allSettled(this.#active);
  }

  #enqueue(key: Key): void {
    if (this.idle) this.#turn = this.#options.clock.monotonic();
    this.#waiting.push(key);
    this.#startMore();
  }

  #startMore(): void {
    const { clock, concurrency = defaultConcurrency } = this.#options;
    while (this.#active.size < concurrency && this.#rest === undefined) {
      if (this.#waiting.size > 0 && clock.monotonic() - this.#turn > turnMax) {
        this.#rest = clock.setTimer(millis(0), () => {
          this.#rest = undefined;
          this.#turn = clock.monotonic();
          this.#startMore();
        });
        return;
      }
      const key = this.#waiting.take();
      if (key === undefined) return;
      const state = this.#keys.get(key);
      if (state === undefined) continue;
      state.running = true;
      state.again = false;
      const pass = this.#pass(key, state).finally(() => {
        this.#active.delete(pass);
        this.#startMore();
      });
      this.#active.add(pass);
    }
  }

  async #pass(key: Key, state: KeyState): Promise<void> {
    const { reconciler, clock, random, log, backoff = defaultBackoff } = this.#options;
    let again: number | undefined;
    try {
      const outcome = await reconciler.reconcile(key, this.#stop.signal);
      state.failures = 0;
      if (!outcome.done) again = outcome.again;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      state.failures++;
      again = backoffDelay(backoff, state.failures, random);
      log.warn("pass failed", {
        key,
        failures: state.failures,
        againMs: Math.round(again),
        error: describeError(error),
      });
    }
    if (this.#stop.signal.aborted) return;
    state.running = false;
    if (state.again) this.#enqueue(key);
    else if (again === undefined) this.#keys.delete(key);
    else
      state.timer = clock.setTimer(millis(again), () => {
        state.timer = undefined;
        this.#enqueue(key);
      });
  }
}
