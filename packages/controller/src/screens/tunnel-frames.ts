/**
 * Messages of a tunnel of EVE's `wstunnelclient`: a number in hexadecimal, then bytes of the one TCP connection that
 * the box makes to its guacd with the first of them. It numbers its own from 0 in four digits, and in more from the
 * 65,536th on, so where a number ends is known by which one is to come.
 */

/** The other end does not speak as a box of EVE's does. */
export class TunnelError extends Error {
  override name = "TunnelError";
}

/** A box reads ours as a signed number of 16 bits; what it is makes no difference to it. */
const numberMax = 0x7fff;
/** What a box reads of guacd at once, behind its number. */
export const frameMax: number = 512 * 1024 + 16;

export function tunnelFrame(number: number, bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + bytes.length);
  frame.set(digitsOf(number % (numberMax + 1)));
  frame.set(bytes, 4);
  return frame;
}

export class TunnelFrames {
  #next = 0;

  /** The bytes of the message that comes next. Throws a TunnelError when it is another. */
  read(frame: Uint8Array): Uint8Array {
    const digits = digitsOf(this.#next);
    if (Buffer.compare(frame.subarray(0, digits.length), digits) !== 0)
      throw new TunnelError(`message ${this.#next} does not begin with ${digits}`);
    if (frame.length === digits.length) throw new TunnelError(`message ${this.#next} carries nothing`);
    this.#next++;
    return frame.subarray(digits.length);
  }
}

function digitsOf(number: number): Buffer {
  return Buffer.from(number.toString(16).padStart(4, "0"), "latin1");
}
