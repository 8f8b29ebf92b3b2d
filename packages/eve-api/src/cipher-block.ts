/**
 * Secrets inside a configuration (CipherBlock): AES-256-CFB under a key that only the controller and one
 * node can derive.
 *
 *   key = SHA-256(X ‖ Y) of the shared ECDH point on P-256, both coordinates 32 bytes
 *
 * The hash of the plaintext travels beside it, because CFB alone would let a flipped bit through.
 */
import { create } from "@bufbuild/protobuf";
import { type CipherBlock, CipherBlockSchema } from "./gen/evecommon/acipherinfo_pb.ts";

/**
 * AES-256-CFB with 128-bit feedback and no padding; neither Web Crypto nor protobuf has it, so the programs
 * bring it.
 */
export interface CipherPort {
  encrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  decrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

/** The block cannot be opened: it is not one, the key is another's, or it was changed on the way. */
export class CipherBlockError extends Error {
  override name = "CipherBlockError";
}

const coordinateLength = 32;
const ivLength = 16;

/**
 * The symmetric key from the shared point. `x` and `y` are big-endian and may be shorter when they begin
 * with zeros.
 */
export async function deriveSharedKey(x: Uint8Array, y: Uint8Array): Promise<Uint8Array> {
  if (x.length > coordinateLength || y.length > coordinateLength)
    throw new Error("a coordinate is longer than P-256's");
  const point = new Uint8Array(2 * coordinateLength);
  point.set(x, coordinateLength - x.length);
  point.set(y, 2 * coordinateLength - y.length);
  return await sha256(point);
}

export async function sealCipherBlock(
  port: CipherPort,
  options: { key: Uint8Array; iv: Uint8Array; contextId: string; plaintext: Uint8Array },
): Promise<CipherBlock> {
  const { key, iv, contextId, plaintext } = options;
  if (iv.length !== ivLength) throw new Error(`initialValue must be ${ivLength} bytes`);
  return create(CipherBlockSchema, {
    cipherContextId: contextId,
    initialValue: iv,
    cipherData: port.encrypt(key, iv, plaintext),
    clearTextSha256: await sha256(plaintext),
  });
}

/** The plaintext; throws when the key is not the one it was sealed with or a bit was changed. */
export async function openCipherBlock(
  port: CipherPort,
  key: Uint8Array,
  block: CipherBlock,
): Promise<Uint8Array> {
  if (block.initialValue.length !== ivLength)
    throw new CipherBlockError(`initialValue must be ${ivLength} bytes`);
  const plaintext = port.decrypt(key, block.initialValue, block.cipherData);
  const digest = await sha256(plaintext);
  if (digest.toHex() !== block.clearTextSha256.toHex()) {
    throw new CipherBlockError(
      `cipher block of context ${block.cipherContextId} does not open: wrong key or changed on the way`,
    );
  }
  return plaintext;
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
}
