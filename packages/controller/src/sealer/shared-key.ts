import type { KeyObject } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { deriveSharedKey } from "@selvedge/eve-api";

const coordinateLength = 32;

/**
 * The key that only these two can derive: from both coordinates of the shared point, as EVE does.
 * node:crypto gives the first coordinate alone, which leaves two candidates for the second; a library that
 * multiplies points leaves none.
 */
export async function sharedKey(own: KeyObject, peer: KeyObject): Promise<Uint8Array> {
  const { d } = own.export({ format: "jwk" });
  const { x, y } = peer.export({ format: "jwk" });
  if (d === undefined || x === undefined || y === undefined) throw new Error("a key is not on P-256");
  const uncompressed = Buffer.concat([Buffer.of(4), coordinate(x), coordinate(y)]);
  const point = p256.getSharedSecret(coordinate(d), uncompressed, false);
  return await deriveSharedKey(
    point.subarray(1, 1 + coordinateLength),
    point.subarray(1 + coordinateLength, 1 + 2 * coordinateLength),
  );
}

function coordinate(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64url");
  const padded = new Uint8Array(coordinateLength);
  padded.set(bytes, coordinateLength - bytes.length);
  return padded;
}
