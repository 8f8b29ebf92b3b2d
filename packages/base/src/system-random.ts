import type { Random } from "./random.ts";

/** The most bytes Web Crypto gives in one call. */
const chunkMax = 65_536;

/** Asking the system costs more than a few bytes of it: so many are fetched at once. */
const poolSize = 4_096;
/** What is handed out of it; longer pieces are fetched by themselves. */
const smallMax = 64;

/** The operating system's secure chance. */
export class SystemRandom implements Random {
  readonly #pool = new Uint8Array(poolSize);
  #used = poolSize;

  next(): number {
    return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(length);
    if (length <= smallMax) {
      if (this.#used + length > poolSize) {
        crypto.getRandomValues(this.#pool);
        this.#used = 0;
      }
      const from = this.#used;
      this.#used += length;
      out.set(this.#pool.subarray(from, this.#used));
      // Nothing is left behind of what may become a key.
      this.#pool.fill(0, from, this.#used);
      return out;
    }
    for (let at = 0; at < length; at += chunkMax) crypto.getRandomValues(out.subarray(at, at + chunkMax));
    return out;
  }
}
