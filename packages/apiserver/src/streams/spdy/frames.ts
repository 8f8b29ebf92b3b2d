import { SpdyError } from "./headers.ts";

/** A frame as it is on the wire, parsed no further than its own length. */
export type Frame =
  | { readonly kind: "data"; readonly stream: number; readonly fin: boolean; readonly bytes: Buffer }
  | { readonly kind: "control"; readonly type: number; readonly flags: number; readonly body: Buffer };

export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const flagFin = 1;
const version = 3;
/** Clients write at most 32 KiB or so at once; the protocol would allow 16 MiB. */
const frameMax = 1024 * 1024;

/** Cuts a byte stream into frames. */
export class FrameParser {
  #buffer: Buffer = Buffer.alloc(0);

  *push(chunk: Uint8Array): Generator<Frame> {
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 8) {
      const length = this.#buffer.readUInt32BE(4) & 0xffffff;
      if (length > frameMax) throw new SpdyError(`a frame of ${length} bytes is too long`);
      if (this.#buffer.length < 8 + length) return;
      const frame = this.#parse(this.#buffer.subarray(8, 8 + length));
      this.#buffer = this.#buffer.subarray(8 + length);
      yield frame;
    }
  }

  #parse(body: Buffer): Frame {
    const first = this.#buffer.readUInt32BE(0);
    const flags = this.#buffer[4] ?? 0;
    if (first < 0x8000_0000)
      return { kind: "data", stream: first, fin: (flags & flagFin) !== 0, bytes: body };
    const spoken = (first >>> 16) & 0x7fff;
    if (spoken !== version) throw new SpdyError(`the peer speaks SPDY ${spoken}`);
    return { kind: "control", type: first & 0xffff, flags, body };
  }
}

export function dataFrame(stream: number, bytes: Uint8Array, fin: boolean): Buffer {
  const frame = Buffer.alloc(8 + bytes.length);
  frame.writeUInt32BE(stream, 0);
  frame.writeUInt32BE(bytes.length, 4);
  frame[4] = fin ? flagFin : 0;
  frame.set(bytes, 8);
  return frame;
}

export function controlFrame(type: number, ...body: readonly (number | Uint8Array)[]): Buffer {
  const parts = body.map((part) => {
    if (typeof part !== "number") return part;
    const word = Buffer.alloc(4);
    word.writeUInt32BE(part);
    return word;
  });
  const content = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(content.length, 4);
  return Buffer.concat([head, content]);
}
