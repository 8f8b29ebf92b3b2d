import { Duplex, Readable, Writable } from "node:stream";
import type { LinkStream } from "@selvedge/eve-api";

/**
 * The channels of a link stream as Node streams. Back-pressure goes through: a reader that stops makes the
 * link's delivery wait, so no credit goes back, so the node stops sending.
 */
export class IncomingChannel {
  readonly readable: Readable;
  #resume: (() => void) | undefined;
  #ended = false;

  constructor(onDestroy: () => void = () => undefined) {
    this.readable = new Readable({
      highWaterMark: bufferedMax,
      read: () => this.#release(),
      destroy: (error, done) => {
        this.#release();
        onDestroy();
        done(error);
      },
    });
  }

  /**
   * Resolves when the reader has room again. Nobody reading any more counts as room: the bytes are dropped.
   */
  async deliver(bytes: Uint8Array): Promise<void> {
    const { readable } = this;
    if (this.#ended || readable.destroyed || readable.push(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      if (readable.destroyed) resolve();
    });
  }

  end(): void {
    if (this.#ended || this.readable.destroyed) return;
    this.#ended = true;
    this.readable.push(null);
  }

  fail(error: Error): void {
    this.readable.destroy(error);
  }

  #release(): void {
    this.#resume?.();
    this.#resume = undefined;
  }
}

/** Bytes that may wait in memory for a reader, beyond the link's own window. */
const bufferedMax = 64 * 1024;

/** Bytes towards the node on one channel; ending it half-closes. */
export function outgoingChannel(stream: LinkStream, channel: number): Writable {
  return new Writable({
    highWaterMark: bufferedMax,
    write(chunk: Uint8Array, _encoding, done) {
      stream.write(channel, chunk).then(() => done(), done);
    },
    final(done) {
      stream.end(channel);
      done();
    },
  });
}

/** Both directions as one: what a forwarded connection is. Either may end before the other. */
export function duplexChannels(stream: LinkStream, outgoing: number, incoming: number): Duplex {
  let resume: (() => void) | undefined;
  let ended = false;
  const end = (): void => {
    if (ended || duplex.destroyed) return;
    ended = true;
    duplex.push(null);
  };
  const release = (): void => {
    resume?.();
    resume = undefined;
  };
  const duplex = new Duplex({
    allowHalfOpen: true,
    highWaterMark: bufferedMax,
    read: release,
    write(chunk: Uint8Array, _encoding, done) {
      stream.write(outgoing, chunk).then(() => done(), done);
    },
    final(done) {
      stream.end(outgoing);
      done();
    },
    destroy(error, done) {
      release();
      stream.reset(error === null ? "" : error.message);
      done(error);
    },
  });
  stream.onData(async (channel, bytes) => {
    if (channel !== incoming || ended || duplex.destroyed || duplex.push(bytes)) return;
    await new Promise<void>((resolve) => {
      resume = resolve;
      if (duplex.destroyed) resolve();
    });
  });
  stream.onEnd((channel) => {
    if (channel === incoming) end();
  });
  void stream.closed.then((error) => {
    if (error !== undefined) duplex.destroy(error);
    else end();
  });
  return duplex;
}
