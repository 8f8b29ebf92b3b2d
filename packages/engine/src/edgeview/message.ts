/** The wrapper of each message between the node and whoever looks at it, as JSON: proof by a shared nonce. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface Opened {
  readonly message: Uint8Array;
  /** Of the sender's own key; empty when there is none. */
  readonly signature: Uint8Array;
  /** The sender knows the nonce. */
  readonly proved: boolean;
}

const hashBytes = 32;

export function wrap(message: Uint8Array, nonce: string): string {
  const hash = createHmac("sha256", nonce).update(message).digest();
  return JSON.stringify({ message: message.toBase64(), sha256Hash: [...hash], Signature: null });
}

/** Undefined: not such a message, but a line of the dispatcher's own. */
export function unwrap(data: Uint8Array, nonce: string): Opened | undefined {
  try {
    const { message, sha256Hash, Signature } = JSON.parse(new TextDecoder().decode(data)) as Record<
      string,
      unknown
    >;
    if (typeof message !== "string" || !Array.isArray(sha256Hash)) return undefined;
    const bytes = Uint8Array.fromBase64(message);
    const hash = Uint8Array.from(sha256Hash as number[]);
    const expected = createHmac("sha256", nonce).update(bytes).digest();
    return {
      message: bytes,
      signature: typeof Signature === "string" ? Uint8Array.fromBase64(Signature) : new Uint8Array(),
      proved: hash.length === hashBytes && timingSafeEqual(hash, expected),
    };
  } catch {
    return undefined;
  }
}
