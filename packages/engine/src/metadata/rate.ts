import type { Clock, Millis } from "@selvedge/base";

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

export interface Limits {
  readonly perSecond: number;
  readonly burst: number;
  readonly idleMs: Millis;
}

/** Requests that are dear: so many a second on the long run, so many at once. One bucket a caller. */
export class Rate {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `callers` are those that there are: the others' buckets are forgotten, which bounds them, and so are those of
   * callers that asked nothing for so long.
   */
  takes(caller: string, { perSecond, burst, idleMs }: Limits, callers: (id: string) => boolean): boolean {
    const at = this.#clock.monotonic();
    for (const [id, bucket] of this.#buckets)
      if (!callers(id) || at - bucket.at >= idleMs) this.#buckets.delete(id);
    const { tokens, at: before } = this.#buckets.get(caller) ?? { tokens: burst, at };
    const now = Math.min(burst, tokens + ((at - before) / 1000) * perSecond);
    this.#buckets.set(caller, { tokens: now >= 1 ? now - 1 : now, at });
    return now >= 1;
  }
}
