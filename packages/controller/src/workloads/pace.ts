import { type Clock, type Millis, millis } from "@selvedge/base";

/** Sets of fewer members are looked at whenever something moves. */
const smallMax = 64;
/**
 * Half a millisecond a member keeps a pass over all of them to a small share of the time; a second is soon
 * enough.
 */
const perMember = 0.5;
const longest = 1000;

/**
 * Spaces the passes over large sets. A rollout over a fleet moves thousands of Pods, each of them wakes
 * their owner, and a pass looks at all of them: without this the owner would do nothing but look.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #passes = new Map<string, { readonly at: Millis; readonly gap: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long to wait before looking at this set again; 0 when it may be looked at now. */
  wait(key: string): Millis {
    const last = this.#passes.get(key);
    return millis(last === undefined ? 0 : Math.max(0, last.at + last.gap - this.#clock.monotonic()));
  }

  /** A pass over so many members has ended. */
  passed(key: string, members: number): void {
    const gap = members <= smallMax ? 0 : Math.min(longest, members * perMember);
    if (gap === 0) this.#passes.delete(key);
    else this.#passes.set(key, { at: this.#clock.monotonic(), gap });
  }

  forget(key: string): void {
    this.#passes.delete(key);
  }
}
