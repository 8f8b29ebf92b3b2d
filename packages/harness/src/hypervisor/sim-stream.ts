import { GuestError, type GuestStream } from "@selvedge/engine";

interface Piece {
  readonly channel: 1 | 2;
  readonly bytes: Uint8Array;
}

/** A stream whose other end is a function over what is written to it. */
class SimStream implements GuestStream {
  readonly opened: Promise<void>;
  readonly exit: Promise<number>;
  readonly output: AsyncIterable<Piece>;
  readonly #pieces: Piece[] = [];
  readonly #onWrite: (stream: SimStream, bytes: Uint8Array) => void;
  readonly #onEnd: (stream: SimStream) => void;
  #wake: () => void = () => {};
  #resolve: (code: number) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #over = false;

  constructor(
    parts: {
      readonly refusal?: string;
      readonly onWrite?: (stream: SimStream, bytes: Uint8Array) => void;
      readonly onEnd?: (stream: SimStream) => void;
    } = {},
  ) {
    const { refusal } = parts;
    this.#onWrite = parts.onWrite ?? ((): void => {});
    this.#onEnd = parts.onEnd ?? ((): void => {});
    this.opened = refusal === undefined ? Promise.resolve() : Promise.reject(new GuestError(refusal));
    this.exit = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever does not look at one of the two has seen the other.
    this.opened.catch(() => undefined);
    this.exit.catch(() => undefined);
    this.output = this.#read();
    if (refusal !== undefined) this.fail(refusal);
  }

  say(text: string, channel: 1 | 2 = 1): void {
    this.#pieces.push({ channel, bytes: new TextEncoder().encode(text) });
    this.#wake();
  }

  finish(code: number): void {
    this.#over = true;
    this.#wake();
    this.#resolve(code);
  }

  fail(message: string): void {
    this.#over = true;
    this.#wake();
    this.#reject(new GuestError(message));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#over) throw new GuestError("the stream is over");
    this.#onWrite(this, bytes);
  }

  end(): void {
    if (!this.#over) this.#onEnd(this);
  }

  resize(): void {}

  close(): void {
    if (!this.#over) this.fail("closed");
  }

  async *#read(): AsyncGenerator<Piece> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.#over) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

export function refusedStream(message: string): GuestStream {
  return new SimStream({ refusal: message });
}

/** `echo WORD…`, `false`, `cat`; anything else says its own name and succeeds. */
export function execStream(command: readonly string[]): GuestStream {
  const [name = "", ...words] = command;
  if (name === "cat") {
    return new SimStream({
      onWrite: (stream, bytes) => stream.say(new TextDecoder().decode(bytes)),
      onEnd: (stream) => stream.finish(0),
    });
  }
  const stream = new SimStream();
  stream.say(`${name === "echo" ? words.join(" ") : name}\n`);
  stream.finish(name === "false" ? 1 : 0);
  return stream;
}

/** Answers whatever is asked with a small page, then hangs up. */
export function httpStream(): GuestStream {
  return new SimStream({
    onWrite: (stream) => {
      stream.say("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n");
      stream.finish(0);
    },
    onEnd: (stream) => stream.finish(0),
  });
}
