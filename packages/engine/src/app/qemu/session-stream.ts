import { message } from "../agent/frames.ts";
import type { GuestStream } from "../hypervisor.ts";

type Piece = { readonly channel: 1 | 2; readonly bytes: Uint8Array };

/** What the guest keeps for one stream until the program reads it. */
const window = 64 * 1024;

/** Output pieces, read by one reader. */
class Pieces implements AsyncIterable<Piece> {
  readonly #pieces: Piece[] = [];
  #wake: (() => void) | undefined;
  #over = false;

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
      if (piece !== undefined) yield piece;
      else if (this.#over) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export class SessionStream implements GuestStream {
  readonly #send: (type: number, body: Uint8Array) => void;
  /** Closing the session of a process we started ends it; closing an attachment does not end the container. */
  readonly #owns: boolean;
  readonly #exit = Promise.withResolvers<number>();
  readonly output: Pieces = new Pieces();
  #room = window;
  #wake: (() => void) | undefined;
  #over = false;

  constructor(send: (type: number, body: Uint8Array) => void, owns: boolean) {
    this.#send = send;
    this.#owns = owns;
    // A session that nobody waits for any more may still break.
    this.#exit.promise.catch(() => {});
  }

  get exit(): Promise<number> {
    return this.#exit.promise;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length && !this.#over) {
      if (this.#room === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const part = bytes.subarray(at, at + this.#room);
      this.#room -= part.length;
      at += part.length;
      this.#send(message.data, part);
    }
  }

  end(): void {
    this.#send(message.end, new Uint8Array());
  }

  resize(width: number, height: number): void {
    this.#send(message.resize, Uint8Array.of(width & 255, width >> 8, height & 255, height >> 8));
  }

  close(): void {
    if (this.#owns && !this.#over) this.#send(message.signal, Uint8Array.of(9));
    this.#finish();
  }

  credit(bytes: number): void {
    this.#room = Math.min(window, this.#room + bytes);
    this.#wake?.();
  }

  ended(): void {
    // A TCP connection has no exit; a process tells its exit after both ends.
  }

  exited(code: number): void {
    this.#exit.resolve(code);
    this.#finish();
  }

  broke(error: Error): void {
    this.#exit.reject(error);
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.output.finish();
    this.#wake?.();
  }
}
