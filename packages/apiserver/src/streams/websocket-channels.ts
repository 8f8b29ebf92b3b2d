/**
 * Channels in one WebSocket: the first byte of a message says which. Two spellings: binary, and base64 text
 * whose first character is the channel's digit. In v5 the message 255, N closes channel N.
 */
import { Readable, Writable } from "node:stream";
import type { WebSocket } from "ws";

export type ChannelEncoding = "binary" | "base64";

/** What a channel may hold of a client's bytes before the connection waits. */
const bufferedMax = 1024 * 1024;
const closeSignal = 255;
const maxChannels = 256;

export class WebSocketChannels {
  readonly #socket: WebSocket;
  readonly #encoding: ChannelEncoding;
  readonly #incoming = new Map<number, Incoming>();
  readonly #listeners = new Map<number, (text: string) => void>();
  readonly gone: Promise<void>;

  constructor(socket: WebSocket, encoding: ChannelEncoding, closes: boolean) {
    this.#socket = socket;
    this.#encoding = encoding;
    socket.on("message", (data: Buffer) => {
      const message = this.#decode(data);
      if (message === undefined) return;
      const { channel, bytes } = message;
      if (closes && channel === closeSignal) this.#incoming.get(bytes[0] ?? maxChannels)?.end();
      else if (this.#listeners.has(channel)) this.#listeners.get(channel)?.(bytes.toString());
      // A channel nobody asked for says nothing to anybody.
      else this.#incoming.get(channel)?.add(bytes);
    });
    socket.on("error", () => undefined);
    this.gone = new Promise((resolve) => {
      socket.once("close", () => {
        for (const channel of this.#incoming.values()) channel.end();
        resolve();
      });
    });
  }

  /** Bytes the client sends on `channel`. */
  readable(channel: number): Readable {
    const incoming = new Incoming(this.#socket);
    this.#incoming.set(channel, incoming);
    return incoming.readable;
  }

  /** Whole messages on `channel`, as text. */
  listen(channel: number, listener: (text: string) => void): void {
    this.#listeners.set(channel, listener);
  }

  /** Bytes to the client on `channel`; a write is done when the kernel has it. */
  writable(channel: number): Writable {
    return new Writable({
      highWaterMark: 64 * 1024,
      write: (chunk: Buffer, _encoding, done) => {
        if (chunk.length === 0) done();
        else this.#send(channel, chunk, done);
      },
    });
  }

  send(channel: number, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#send(channel, bytes, () => resolve()));
  }

  close(): void {
    this.#socket.close(1000);
  }

  #send(channel: number, bytes: Uint8Array, done: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      done(new Error("the client is gone"));
      return;
    }
    if (this.#encoding === "base64") {
      this.#socket.send(channel + Buffer.from(bytes).toString("base64"), done);
      return;
    }
    const message = Buffer.alloc(1 + bytes.length);
    message[0] = channel;
    message.set(bytes, 1);
    this.#socket.send(message, done);
  }

  #decode(data: Buffer): { channel: number; bytes: Buffer } | undefined {
    const first = data[0];
    if (first === undefined) return undefined;
    if (this.#encoding === "binary") return { channel: first, bytes: data.subarray(1) };
    return { channel: first - 0x30, bytes: Buffer.from(data.toString("latin1", 1), "base64") };
  }
}

class Incoming {
  readonly readable: Readable;
  readonly #socket: WebSocket;
  #ended = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.readable = new Readable({
      highWaterMark: bufferedMax,
      read: () => {
        if (socket.isPaused) socket.resume();
      },
    });
    this.readable.on("error", () => undefined);
  }

  add(bytes: Buffer): void {
    if (this.#ended || this.readable.destroyed) return;
    if (bytes.length > 0 && !this.readable.push(bytes)) this.#socket.pause();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.readable.destroyed) this.readable.push(null);
  }
}
