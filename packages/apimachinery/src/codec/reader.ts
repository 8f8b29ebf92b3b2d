/** Protobuf's wire format, read with every length checked. */

/** The bytes are no such message; the message is for the user. */
export class ProtobufError extends Error {
  override name = "ProtobufError";
}

const decoder = new TextDecoder("utf-8", { fatal: true });

export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  tag(): { readonly number: number; readonly wire: number } {
    const tag = Number(this.#varint());
    const number = Math.floor(tag / 8);
    if (number === 0 || !Number.isSafeInteger(tag)) throw new ProtobufError("a field has number 0");
    return { number, wire: tag % 8 };
  }

  varint(wire: number): bigint {
    this.#expect(wire, 0);
    return this.#varint();
  }

  double(wire: number): number {
    this.#expect(wire, 1);
    const bytes = this.#take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  bytes(wire: number): Uint8Array {
    this.#expect(wire, 2);
    const length = this.#varint();
    if (length > BigInt(this.#bytes.length)) throw new ProtobufError("a field is longer than the message");
    return this.#take(Number(length));
  }

  text(wire: number): string {
    const bytes = this.bytes(wire);
    try {
      return decoder.decode(bytes);
    } catch (error) {
      throw new ProtobufError("a text is not UTF-8", { cause: error });
    }
  }

  skip(wire: number): void {
    if (wire === 0) this.#varint();
    else if (wire === 1) this.#take(8);
    else if (wire === 2) this.bytes(wire);
    else if (wire === 5) this.#take(4);
    else throw new ProtobufError(`wire type ${wire} is not used`);
  }

  #expect(wire: number, wanted: number): void {
    if (wire !== wanted) throw new ProtobufError(`a field has wire type ${wire}, not ${wanted}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new ProtobufError("the message ends too early");
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new ProtobufError("the message ends too early");
      this.#at++;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError("a number is longer than ten bytes");
  }
}
