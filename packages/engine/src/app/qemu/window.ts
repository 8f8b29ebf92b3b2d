/**
 * How many bytes of one stream may be under way in one direction before the receiver says that it took
 * some.
 */
const windowBytes: number = 64 * 1024;

/** The sender's side: hands out pieces as there is room, one writer at a time. */
export class SendWindow {
  readonly #send: (bytes: Uint8Array) => void;
  #room = windowBytes;
  #wake: (() => void) | undefined;
  #over = false;
  #last: Promise<void> = Promise.resolve();

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#pieces(bytes));
    return this.#last;
  }

  credit(bytes: number): void {
    this.#room = Math.min(windowBytes, this.#room + bytes);
    this.#wake?.();
  }

  /** Nobody reads any more: what is written is thrown away, as by a closed pipe. */
  finish(): void {
    this.#over = true;
    this.#wake?.();
  }

  async #pieces(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#over; ) {
      if (this.#room === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const part = bytes.subarray(at, at + Math.min(this.#room, windowBytes / 4));
      this.#room -= part.length;
      at += part.length;
      this.#send(part);
    }
  }
}
