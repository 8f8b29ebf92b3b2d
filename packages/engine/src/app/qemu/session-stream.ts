import { message } from "../agent/frames.ts";
import { GuestError, type GuestStream } from "../hypervisor.ts";
import { SendWindow } from "./window.ts";

type Piece = { readonly channel: 1 | 2; readonly bytes: Uint8Array };

/**
 * Output pieces, read by one reader, who gives the guest credit for each. The window bounds what waits
 * here.
 */
class Pieces implements AsyncIterable<Piece> {
  readonly #pieces: Piece[] = [];
  readonly #taken: (bytes: number) => void;
  #wake: (() => void) | undefined;
  #over = false;

  constructor(taken: (bytes: number) => void) {
    this.#taken = taken;
  }

  push(piece: Piece): void {
    if (!this.#over) this.#pieces.push(piece);
    this.#wake?.();
  }

  finish(): void {
    this.#over = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Piece> {
    while (true) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        yield piece;
        this.#taken(piece.bytes.length);
      } else if (this.#over) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A session with a process or a connection that we asked the guest for. */
export class SessionStream implements GuestStream {
  readonly #send: (type: number, body: Uint8Array) => void;
  readonly #opened = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<number>();
  readonly #input: SendWindow;
  readonly output: Pieces;
  /** Channels of output that have not ended. */
  readonly #open: Set<number>;
  #over = false;

  constructor(send: (type: number, body: Uint8Array) => void, channels: readonly (1 | 2)[]) {
    this.#send = send;
    this.#open = new Set(channels);
    this.#input = new SendWindow((bytes) => send(message.data, bytes));
    this.output = new Pieces((bytes) => {
      if (this.#over) return;
      const body = new Uint8Array(4);
      new DataView(body.buffer).setUint32(0, bytes, true);
      send(message.credit, body);
    });
    // A session that nobody waits for any more may still break.
    this.#opened.promise.catch(() => {});
    this.#exit.promise.catch(() => {});
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get exit(): Promise<number> {
    return this.#exit.promise;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#input.write(bytes);
  }

  end(): void {
    // Behind what was written.
    void this.#input.write(new Uint8Array()).then(() => {
      if (!this.#over) this.#send(message.end, new Uint8Array());
    });
  }

  resize(width: number, height: number): void {
    if (!this.#over) this.#send(message.resize, sizeBody(width, height));
  }

  close(): void {
    if (!this.#over) this.#send(message.signal, Uint8Array.of(9));
    this.broke(new GuestError("the session was closed"));
  }

  started(): void {
    this.#opened.resolve();
  }

  credit(bytes: number): void {
    this.#input.credit(bytes);
  }

  /** The other end has said all it had to say, and may still listen. */
  outputEnded(channel: number): void {
    this.#open.delete(channel);
    if (this.#open.size === 0) this.output.finish();
  }

  exited(code: number): void {
    this.#opened.resolve();
    this.#exit.resolve(code);
    this.#finish();
  }

  broke(error: Error): void {
    this.#opened.reject(error);
    this.#exit.reject(error);
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.output.finish();
    this.#input.finish();
  }
}

export function sizeBody(width: number, height: number): Uint8Array {
  return Uint8Array.of(width & 255, (width >> 8) & 255, height & 255, (height >> 8) & 255);
}
