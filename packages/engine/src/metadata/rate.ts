import type { Clock } from "@selvedge/base";

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** Requests that are dear: so many a second on the long run, so many at once. One bucket a caller. */
export class Rate {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `callers` are those that there are: the others' buckets are forgotten, which bounds them. */
  takes(caller: string, perSecond: number, burst: number, callers: (id: string) => boolean): boolean {
    for (const id of this.#buckets.keys()) if (!callers(id)) this.#buckets.delete(id);
    const at = this.#clock.monotonic();
    const { tokens, at: before } = this.#buckets.get(caller) ?? { tokens: burst, at };
    const now = Math.min(burst, tokens + ((at - before) / 1000) * perSecond);
    this.#buckets.set(caller, { tokens: now >= 1 ? now - 1 : now, at });
    return now >= 1;
  }
}
