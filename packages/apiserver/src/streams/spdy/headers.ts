import { createInflate, type Inflate } from "node:zlib";
import { dictionary, dictionaryAdler } from "./dictionary.ts";

/** Header names are lower case; a name that came twice has its values joined by NUL, as SPDY does. */
export type Headers = Readonly<Record<string, string>>;

/**
 * A peer that breaks the protocol; the connection cannot go on, as the compression is shared by all
 * streams.
 */
export class SpdyError extends Error {
  override name = "SpdyError";
}

/** Headers of a stream are a handful of short words; a block that inflates beyond this is an attack. */
const blockMax = 64 * 1024;
const pairsMax = 100;

/** Header blocks in one direction of a connection, which share one compression. */
export class HeaderReader implements Disposable {
  readonly #inflate: Inflate = createInflate({ dictionary });
  #parts: Buffer[] = [];
  #size = 0;
  #fail: ((error: Error) => void) | undefined;

  constructor() {
    this.#inflate.on("data", (part: Buffer) => {
      this.#size += part.length;
      this.#parts.push(part);
      if (this.#size > blockMax) this.#inflate.destroy(new SpdyError("a header block is too long"));
    });
    this.#inflate.on("error", (error) => this.#fail?.(error));
  }

  /** Blocks must be read one after the other, in the order they came. */
  async read(block: Uint8Array): Promise<Headers> {
    this.#parts = [];
    this.#size = 0;
    await new Promise<void>((resolve, reject) => {
      this.#fail = (error) => reject(new SpdyError("header compression is broken", { cause: error }));
      if (this.#inflate.destroyed) this.#fail(new SpdyError("it has ended"));
      // All that a flushed block yields has been emitted once the loop turns after its write is done.
      else this.#inflate.write(block, () => setImmediate(resolve));
    });
    return parsePairs(Buffer.concat(this.#parts));
  }

  [Symbol.dispose](): void {
    this.#inflate.destroy();
  }
}

function parsePairs(bytes: Buffer): Headers {
  let at = 0;
  const number = (): number => {
    if (at + 4 > bytes.length) throw new SpdyError("a header block is cut short");
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > bytes.length) throw new SpdyError("a header block is cut short");
    at += length;
    return bytes.toString("latin1", at - length, at);
  };
  const count = number();
  if (count > pairsMax) throw new SpdyError(`a header block has ${count} pairs`);
  const pairs: [string, string][] = [];
  for (let left = count; left > 0; left--) pairs.push([text().toLowerCase(), text()]);
  return Object.fromEntries(pairs);
}

/**
 * Writes header blocks as stored, not compressed, parts of one zlib stream: our few replies have no headers
 * worth compressing. Each ends with an empty stored part, without which a Go peer would wait for more.
 */
export class HeaderWriter {
  #begun = false;

  write(headers: Headers): Uint8Array {
    const pairs = Object.entries(headers).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]);
    const parts: Buffer[] = [u32(pairs.length)];
    for (const bytes of pairs.flat()) parts.push(u32(bytes.length), bytes);
    const content = Buffer.concat(parts);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(content.length, 1);
    stored.writeUInt16LE(content.length ^ 0xffff, 3);
    const flush = Buffer.of(0, 0, 0, 0xff, 0xff);
    const start = this.#begun ? [] : [Buffer.of(0x78, 0xbb), u32(dictionaryAdler)];
    this.#begun = true;
    return Buffer.concat([...start, stored, content, flush]);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
