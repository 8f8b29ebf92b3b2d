import type { Random } from "./random.ts";

/** The most bytes Web Crypto gives in one call. */
const chunkMax = 65_536;

/** The operating system's secure chance. */
export class SystemRandom implements Random {
  next(): number {
    return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += chunkMax) crypto.getRandomValues(out.subarray(at, at + chunkMax));
    return out;
  }
}
