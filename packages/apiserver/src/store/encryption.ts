import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** A key under a name. The first of a list seals, all of them open. */
export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** A value cannot be opened: its key is missing, or it was changed. */
export class SealedValueError extends Error {
  override name = "SealedValueError";
}

const mark = "sealed:1:";
const cipher = "aes-256-gcm";
const keyLength = 32;
const ivLength = 12;
const tagLength = 16;
/** Initial value, tag and the key that they wrap. */
const wrappedLength = ivLength + tagLength + keyLength;

/**
 * Seals texts in an envelope: each with a key of its own, which lies beside it under the newest key of the list. The
 * name of what is sealed is part of the seal, so that none can be put in the place of another.
 *
 *   sealed:1:<key id>:base64( wrapped key | initial value | tag | text )
 */
export class Encryption {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly newest: string;

  constructor(keys: readonly EncryptionKey[]) {
    const [first] = keys;
    if (first === undefined) throw new RangeError("there is no encryption key");
    this.newest = first.id;
    this.#keys = new Map(keys.map(({ id, secret }) => [id, secret]));
  }

  has(id: string): boolean {
    return this.#keys.has(id);
  }

  seal(name: string, text: string): string {
    const own = randomBytes(keyLength);
    const bytes = Buffer.concat([
      encrypt(this.#key(name, this.newest), name, own),
      encrypt(own, name, Buffer.from(text)),
    ]);
    return `${mark}${this.newest}:${bytes.toString("base64")}`;
  }

  /** What was sealed; a text that was not is returned as it is. */
  open(name: string, text: string): string {
    const id = sealedWith(text);
    if (id === undefined) return text;
    const bytes = Buffer.from(text.slice(mark.length + id.length + 1), "base64");
    try {
      const own = decrypt(this.#key(name, id), name, bytes.subarray(0, wrappedLength));
      return decrypt(own, name, bytes.subarray(wrappedLength)).toString();
    } catch (cause) {
      if (cause instanceof SealedValueError) throw cause;
      throw new SealedValueError(`${name} does not open with key ${id}: one of them was changed`, { cause });
    }
  }

  #key(name: string, id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw new SealedValueError(`${name} is sealed with key ${id}, which is not among the encryption keys`);
  }
}

/** The id of the key; undefined: it is not sealed. */
export function sealedWith(text: string): string | undefined {
  return text.startsWith(mark) ? text.slice(mark.length, text.indexOf(":", mark.length)) : undefined;
}

function encrypt(key: Uint8Array, name: string, plain: Uint8Array): Buffer {
  const iv = randomBytes(ivLength);
  const sealing = createCipheriv(cipher, key, iv).setAAD(Buffer.from(name));
  const body = Buffer.concat([sealing.update(plain), sealing.final()]);
  return Buffer.concat([iv, sealing.getAuthTag(), body]);
}

function decrypt(key: Uint8Array, name: string, bytes: Buffer): Buffer {
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, ivLength));
  opening.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
  return Buffer.concat([opening.update(bytes.subarray(ivLength + tagLength)), opening.final()]);
}
