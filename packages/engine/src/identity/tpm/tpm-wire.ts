/** How TPM 2.0 commands and answers are laid out (TCG Library, parts 1 and 2): big-endian, sized buffers. */

/** Command and response tags. */
export const tags = { plain: 0x8001, withSessions: 0x8002 } as const;

export const algorithms = { sha256: 0x000b, null: 0x0010, ecdsa: 0x0018, ecc: 0x0023, ecdh: 0x0019 } as const;
export const curveP256 = 0x0003;

/** The session that is no session: the authorization itself, here always empty. */
const passwordSession = 0x40000009;

export class TpmWriter {
  readonly #bytes: number[] = [];

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** TPM2B: length, then bytes. */
  sized(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** A TPM2B around what `write` writes. */
  nested(write: (inner: TpmWriter) => void): this {
    const inner = new TpmWriter();
    write(inner);
    return this.sized(inner.done());
  }

  /** The authorization area of a command whose one object needs the empty password. */
  emptyAuth(): this {
    return this.u32(9).u32(passwordSession).u16(0).u8(0).u16(0);
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export class TpmReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.raw(1)[0] ?? 0;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  raw(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new TpmFormatError("the TPM's answer is cut short");
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  sized(): Uint8Array {
    return this.raw(this.u16());
  }
}

/** Bytes that are no TPM answer: the socket or device is not a TPM, or the line lost its place. */
export class TpmFormatError extends Error {
  override name = "TpmFormatError";
}

/** Length of tag, size and code before every body. */
export const headerLength = 10;

export function frameCommand(code: number, sessions: boolean, body: Uint8Array): Uint8Array {
  const tag = sessions ? tags.withSessions : tags.plain;
  return new TpmWriter()
    .u16(tag)
    .u32(headerLength + body.length)
    .u32(code)
    .raw(body)
    .done();
}
