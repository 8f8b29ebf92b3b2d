/**
 * Protobuf's wire format, written from its end to its beginning: a length stands before what it is the length of,
 * and is known by then. Whoever writes a message writes its last member first.
 */

/** Enough for most objects, so that few grow. */
const firstSize = 4096;
/** Shorter texts are put down letter by letter: to call the encoder would take longer. */
const shortText = 48;

const encoder = new TextEncoder();

export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  /** Where the first byte of what is there stands. */
  #at: number;

  constructor(size: number = firstSize) {
    this.#bytes = new Uint8Array(size);
    this.#at = size;
  }

  /** How many bytes there are. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** What has been written. The writer is not used again. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#at);
  }

  /** Any integer that JSON holds; below zero it is as 64 bits say it. */
  varint(value: number): void {
    this.#room(10);
    // Nearly all are lengths and numbers of fields, of one byte.
    if (value >= 0 && value < 128) this.#bytes[--this.#at] = value;
    else if (value < 0) this.#wide(BigInt.asUintN(64, BigInt(value)));
    else {
      let size = 1;
      for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
      let at = this.#at - size;
      this.#at = at;
      let rest = value;
      for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 128;
      this.#bytes[at] = rest;
    }
  }

  tag(number: number, wire: 0 | 1 | 2): void {
    this.varint(number * 8 + wire);
  }

  /** The length and number of the field that has been written since there were `before` bytes. */
  close(number: number, before: number): void {
    this.varint(this.length - before);
    this.tag(number, 2);
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#at -= value.length;
    this.#bytes.set(value, this.#at);
  }

  text(value: string): void {
    const { length } = value;
    if (length === 0) return;
    this.#room(length * 3);
    if (length <= shortText && this.#plain(value)) return;
    const from = this.#at - length * 3;
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(from, this.#at));
    this.#at -= written;
    this.#bytes.copyWithin(this.#at, from, from + written);
  }

  /** In four bytes, the highest first. */
  uint32(value: number): void {
    this.bytes(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }

  double(value: number): void {
    this.#room(8);
    this.#at -= 8;
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value, true);
  }

  /** Whether the text was of letters of one byte; then it is written. */
  #plain(value: string): boolean {
    let at = this.#at;
    for (let index = value.length - 1; index >= 0; index--) {
      const code = value.charCodeAt(index);
      if (code > 127) return false;
      this.#bytes[--at] = code;
    }
    this.#at = at;
    return true;
  }

  #wide(value: bigint): void {
    const parts: number[] = [];
    let rest = value;
    for (; rest > 127n; rest >>= 7n) parts.push(Number(rest & 127n) | 128);
    this.bytes(Uint8Array.from([...parts, Number(rest)]));
  }

  #room(needed: number): void {
    if (needed <= this.#at) return;
    const { length } = this;
    const size = Math.max(this.#bytes.length * 2, length + needed);
    const grown = new Uint8Array(size);
    grown.set(this.#bytes.subarray(this.#at), size - length);
    this.#bytes = grown;
    this.#at = size - length;
  }
}
