import { createHash } from "node:crypto";
import { type Clock, type Instant, millis, sleep } from "@selvedge/base";

/** A file that whoever asked is to get. */
export interface SentFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface SendingParts {
  readonly clock: Clock;
  /** Bytes of the session, proved. */
  readonly send: (bytes: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/** The other end has made a place for the file. */
const startMessage = "+++Start-Copy+++";
const startMs = 30_000;
const chunkBytes = 32_768;
/** What apps say goes over the same line: EVE's own 5 Mbit/s, and a fifth above. */
const bytesPerSecond = 5 * 1.2 * 131_072;
/** Reports of a node are a few MiB at most. */
const fileMax = 32 << 20;

/** One file on its way, as EVE's client takes it: what it is, a word that it may come, and its pieces. */
export class FileSender {
  readonly #parts: SendingParts;
  readonly #started = Promise.withResolvers<void>();

  constructor(parts: SendingParts) {
    this.#parts = parts;
    // Nobody may be waiting when the other end says no.
    this.#started.promise.catch(() => {});
  }

  /** What the other end says meanwhile. */
  take(message: Uint8Array): void {
    const text = new TextDecoder().decode(message);
    if (text.includes(startMessage)) this.#started.resolve();
    else this.#started.reject(new Error("the client does not take the file"));
  }

  /** Returns when it has gone out; rejects when nobody takes it, or nobody is there any more. */
  async send({ name, bytes }: SentFile, madeAt: Instant): Promise<void> {
    const { clock, send, signal } = this.#parts;
    if (bytes.length > fileMax) throw new Error(`${name} is larger than ${fileMax >> 20} MiB`);
    const about = {
      ...{ name, size: bytes.length, modtsec: Math.floor(madeAt / 1000) },
      sha256: createHash("sha256").update(bytes).digest("hex"),
    };
    send(new TextEncoder().encode(JSON.stringify(about)));
    const late = clock.setTimer(millis(startMs), () =>
      this.#started.reject(new Error(`the client has not asked for the file within ${startMs / 1000} s`)),
    );
    const gone = (): void => this.#started.reject(signal.reason);
    signal.addEventListener("abort", gone, { once: true });
    try {
      signal.throwIfAborted();
      await this.#started.promise;
    } finally {
      late.cancel();
      signal.removeEventListener("abort", gone);
    }
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      if (at > 0) await sleep(clock, millis((chunkBytes / bytesPerSecond) * 1000), signal);
      send(bytes.subarray(at, at + chunkBytes));
    }
  }
}
