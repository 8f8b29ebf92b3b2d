import { CompactedError } from "./store.ts";

/** Whoever reads for so long that so many times what is kept has changed meanwhile is waited for no more. */
const timesMax = 10;

/** Revisions at which somebody in this process still reads, and how far the log may be cut because of them. */
export class HeldRevisions {
  readonly #kept: number;
  readonly #held = new Set<{ readonly revision: number }>();

  /** `kept`: changes that are there for whoever holds nothing. */
  constructor(kept: number) {
    this.#kept = kept;
  }

  /** What is about to be cut cannot be held any more: that throws CompactedError. */
  hold(revision: number, newest: number): Disposable {
    if (revision < newest - this.#kept) throw new CompactedError(`revision ${revision} is being compacted`);
    const held = { revision };
    this.#held.add(held);
    return { [Symbol.dispose]: () => void this.#held.delete(held) };
  }

  /** Changes up to here may go; there may be none. */
  cutThrough(newest: number): number {
    let through = newest - this.#kept;
    for (const held of this.#held) {
      if (held.revision < newest - timesMax * this.#kept) this.#held.delete(held);
      else through = Math.min(through, held.revision);
    }
    return through;
  }
}
