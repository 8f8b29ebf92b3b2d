/** The guest agent's messages as bytes; packages/guest/PROTOCOL.md is their description. */
export const message = {
  hello: 1,
  setup: 2,
  file: 3,
  start: 4,
  exec: 5,
  data: 6,
  end: 7,
  resize: 8,
  signal: 9,
  connect: 10,
  credit: 11,
  powerOff: 12,
  started: 13,
  failed: 14,
  exit: 15,
  stats: 16,
  volume: 17,
  ack: 18,
  publish: 19,
} as const;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly body: Uint8Array;
}

/** The guest is not trusted: a longer frame from it ends the connection. It sends 16 KiB at most. */
const frameMax = 64 * 1024;
const headerLength = 9;

class FrameError extends Error {
  override name = "FrameError";
}

export function encodeFrame({ type, stream, body }: Frame): Uint8Array {
  const bytes = new Uint8Array(headerLength + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length, true);
  view.setUint8(4, type);
  view.setUint32(5, stream, true);
  bytes.set(body, headerLength);
  return bytes;
}

/**
 * Items "key=value", each ended by a zero byte. A zero inside a value would start an item, so it is
 * refused.
 */
export function encodeFields(items: readonly (readonly [string, string])[]): Uint8Array {
  for (const [key, value] of items) {
    if (value.includes("\0")) throw new FrameError(`${key} contains a zero byte; remove it`);
  }
  return new TextEncoder().encode(items.map(([key, value]) => `${key}=${value}\0`).join(""));
}

/**
 * Cuts the guest's bytes into frames. After connecting, everything before the answer to our hello is left
 * over from an earlier host and may begin in the middle of a frame, so it is skipped.
 */
export class FrameReader {
  readonly #answer: Uint8Array;
  #rest: Uint8Array = new Uint8Array();
  #synced = false;

  constructor(nonce: Uint8Array) {
    this.#answer = encodeFrame({ type: message.hello, stream: 0, body: nonce });
  }

  push(chunk: Uint8Array): Frame[] {
    let bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    if (!this.#synced) {
      const at = Buffer.from(bytes).indexOf(this.#answer);
      if (at < 0) {
        this.#rest = bytes.slice(-this.#answer.length);
        return [];
      }
      bytes = bytes.slice(at);
      this.#synced = true;
    }
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= headerLength) {
      const view = new DataView(bytes.buffer, at);
      const length = view.getUint32(0, true);
      if (length > frameMax) throw new FrameError(`the guest announces a frame of ${length} bytes`);
      const end = at + headerLength + length;
      if (bytes.length < end) break;
      frames.push({
        type: view.getUint8(4),
        stream: view.getUint32(5, true),
        body: bytes.slice(at + headerLength, end),
      });
      at = end;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }
}
