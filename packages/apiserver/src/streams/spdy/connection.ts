/**
 * The server's side of SPDY/3.1 as Kubernetes' clients speak it: they open streams, nobody uses priorities,
 * settings or flow control. A reader that is slow on one stream stops the whole connection once that stream
 * holds `bufferedMax`, as there is no credit to withhold.
 */
import { Duplex } from "node:stream";
import { controlFrame, dataFrame, type Frame, FrameParser, flagFin, frameType } from "./frames.ts";
import { HeaderReader, type Headers, HeaderWriter, SpdyError } from "./headers.ts";

/** What one stream may hold before the connection waits for its reader. */
const bufferedMax = 256 * 1024;
/** DATA frames that carry more than this delay other streams. */
const chunkMax = 32 * 1024;
/** Two streams for each of many forwarded connections at once; more is a leak in the client. */
const streamsMax = 1000;
const reset = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;

export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #onStream: (stream: Duplex, headers: Headers) => void;
  readonly #parser = new FrameParser();
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  readonly #streams = new Map<number, SpdyStream>();
  /** Resolves when the connection is over, with what ended it if it was not the peer's wish. */
  readonly closed: Promise<Error | undefined>;
  #lastStream = 0;

  constructor(transport: Duplex, onStream: (stream: Duplex, headers: Headers) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    transport.on("error", () => undefined);
    this.closed = this.#run();
  }

  /** Tells the peer that no stream will be taken any more, and ends the connection when all is written. */
  close(): void {
    if (this.#transport.destroyed || this.#transport.writableEnded) return;
    this.#transport.end(controlFrame(frameType.goAway, this.#lastStream, 0));
  }

  async #run(): Promise<Error | undefined> {
    let cause: Error | undefined;
    try {
      for await (const chunk of this.#transport as AsyncIterable<Uint8Array>) {
        for (const frame of this.#parser.push(chunk)) await this.#receive(frame);
      }
    } catch (error) {
      cause = error instanceof Error ? error : new Error(String(error));
    }
    this.#reader[Symbol.dispose]();
    for (const stream of [...this.#streams.values()]) {
      stream.destroy(cause ?? new SpdyError("the connection ended"));
    }
    this.#transport.destroy();
    return cause;
  }

  async #receive(frame: Frame): Promise<void> {
    if (frame.kind === "data") {
      const stream = this.#streams.get(frame.stream);
      // What was under way when we reset the stream is dropped.
      if (stream !== undefined) await stream.receive(frame.bytes, frame.fin);
      return;
    }
    const { type, flags, body } = frame;
    switch (type) {
      case frameType.synStream:
        return await this.#open(body, (flags & flagFin) !== 0);
      case frameType.headers:
        // Not used, but its block must pass the compression to keep it in step.
        await this.#reader.read(body.subarray(4));
        return;
      case frameType.rstStream:
        this.#streams.get(word(body, 0))?.destroy(new SpdyError("the client reset the stream"));
        return;
      case frameType.ping:
        this.#transport.write(controlFrame(frameType.ping, word(body, 0)));
        return;
      case frameType.goAway:
      case frameType.settings:
      case frameType.windowUpdate:
        return;
      default:
        throw new SpdyError(`frame type ${type} has no business here`);
    }
  }

  async #open(body: Buffer, fin: boolean): Promise<void> {
    const id = word(body, 0) & 0x7fff_ffff;
    const headers = await this.#reader.read(body.subarray(10));
    if (id % 2 === 0 || id <= this.#lastStream) throw new SpdyError(`stream ${id} is out of order`);
    this.#lastStream = id;
    if (this.#streams.size >= streamsMax) {
      this.#transport.write(controlFrame(frameType.rstStream, id, reset.refusedStream));
      return;
    }
    const stream = new SpdyStream(id, {
      send: (bytes, end, done) => this.#send(id, bytes, end, done),
      forget: (whole) => {
        this.#streams.delete(id);
        if (!whole && this.#transport.writable)
          this.#transport.write(controlFrame(frameType.rstStream, id, reset.cancel));
      },
    });
    // Somebody who wants to know listens too; this keeps a reset from being an uncaught error.
    stream.on("error", () => undefined);
    this.#streams.set(id, stream);
    this.#transport.write(controlFrame(frameType.synReply, id, this.#writer.write({})));
    this.#onStream(stream, headers);
    if (fin) await stream.receive(Buffer.alloc(0), true);
  }

  #send(id: number, bytes: Uint8Array, fin: boolean, done: (error?: Error | null) => void): void {
    if (!this.#transport.writable) {
      done(new SpdyError("the connection ended"));
      return;
    }
    for (let at = 0; at + chunkMax < bytes.length; at += chunkMax) {
      this.#transport.write(dataFrame(id, bytes.subarray(at, at + chunkMax), false));
    }
    const rest = bytes.length === 0 ? 0 : (Math.ceil(bytes.length / chunkMax) - 1) * chunkMax;
    this.#transport.write(dataFrame(id, bytes.subarray(rest), fin), done);
  }
}

function word(body: Buffer, at: number): number {
  if (at + 4 > body.length) throw new SpdyError("a frame is cut short");
  return body.readUInt32BE(at);
}

interface StreamEnd {
  send(bytes: Uint8Array, fin: boolean, done: (error?: Error | null) => void): void;
  /** `whole`: both directions have ended as they should. */
  forget(whole: boolean): void;
}

class SpdyStream extends Duplex {
  readonly id: number;
  readonly #end: StreamEnd;
  #resume: (() => void) | undefined;
  #received = false;
  #sent = false;

  constructor(id: number, end: StreamEnd) {
    super({ allowHalfOpen: true, readableHighWaterMark: bufferedMax, writableHighWaterMark: chunkMax });
    this.id = id;
    this.#end = end;
  }

  /** Resolves when there is room for more. */
  async receive(bytes: Buffer, fin: boolean): Promise<void> {
    if (this.destroyed || this.#received) return;
    const room = bytes.length === 0 || this.push(bytes);
    if (fin) {
      this.#received = true;
      this.push(null);
      return;
    }
    if (room) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      if (this.destroyed) resolve();
    });
  }

  override _read(): void {
    this.#release();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#end.send(chunk, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sent = true;
    this.#end.send(new Uint8Array(), true, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#release();
    this.#end.forget(this.#received && this.#sent);
    done(error);
  }

  #release(): void {
    this.#resume?.();
    this.#resume = undefined;
  }
}
