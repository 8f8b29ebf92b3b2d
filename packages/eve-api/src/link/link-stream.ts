import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type LinkFrame,
  type LinkFrameSchema,
  type LinkOpen,
  LinkResetSchema,
} from "../gen/selvedge/ext_pb.ts";

/** The stream or the link under it ended before the work was done. */
export class LinkClosedError extends Error {
  override name = "LinkClosedError";
  /** A Kubernetes reason, when the peer gave one. */
  readonly reason: string;

  constructor(message: string, reason = "") {
    super(message);
    this.reason = reason;
  }
}

/** How many bytes of one stream may be under way in one direction before the receiver says it took some. */
export const streamWindow: number = 256 * 1024;
/** The most bytes in one frame, so that one stream cannot hold up the others for long. */
export const frameBytesMax: number = 32 * 1024;

export type FrameBody = NonNullable<MessageInitShape<typeof LinkFrameSchema>["body"]>;

/** What a stream needs of the link it runs on. */
export interface StreamCarrier {
  send(stream: number, body: FrameBody): void;
  /** The stream has ended: forget its number. */
  forget(stream: number): void;
}

interface Waiting {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * One stream of a link: an exec session, a log, a forwarded connection. Channels share the stream's credit.
 *
 * Back-pressure: `write` resolves when the bytes have left within the window; the receiver gives credit
 * back once its `onData` listener's promise resolves, so a slow reader at one end slows the writer at the
 * other and nothing piles up.
 */
export class LinkStream {
  readonly id: number;
  readonly open: LinkOpen;
  readonly #carrier: StreamCarrier;
  readonly #waiting: Waiting[] = [];
  readonly #closed = Promise.withResolvers<LinkClosedError | undefined>();
  #sendCredit = streamWindow;
  #receiveCredit = streamWindow;
  #over = false;
  /** Nothing is delivered before somebody listens: the first bytes may come with the answer to the open. */
  readonly #listened = Promise.withResolvers<void>();
  #isListened = false;
  #held = 0;
  #delivering: Promise<void> = this.#listened.promise;
  #onData: (channel: number, bytes: Uint8Array) => Promise<void> | void = () => undefined;
  #onEnd: (channel: number) => void = () => undefined;
  #onResize: ((width: number, height: number) => void) | undefined;
  /** The last size that came, for who listens later: it may come together with the open. */
  #size: { readonly width: number; readonly height: number } | undefined;
  #onExit: (code: number) => void = () => undefined;

  constructor(id: number, open: LinkOpen, carrier: StreamCarrier) {
    this.id = id;
    this.open = open;
    this.#carrier = carrier;
  }

  /**
   * Resolves when the stream is over: with the error that ended it, or undefined when it ended as it
   * should.
   */
  get closed(): Promise<LinkClosedError | undefined> {
    return this.#closed.promise;
  }

  /** What has come meanwhile is delivered from now on, so set the other listeners first or at once. */
  onData(listener: (channel: number, bytes: Uint8Array) => Promise<void> | void): void {
    this.#onData = listener;
    this.#isListened = true;
    this.#listened.resolve();
  }

  onEnd(listener: (channel: number) => void): void {
    this.#onEnd = listener;
  }

  onResize(listener: (width: number, height: number) => void): void {
    this.#onResize = listener;
    if (this.#size !== undefined) listener(this.#size.width, this.#size.height);
  }

  onExit(listener: (code: number) => void): void {
    this.#onExit = listener;
  }

  async write(channel: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += frameBytesMax) {
      const part = bytes.subarray(at, at + frameBytesMax);
      await this.#credit(part.length);
      this.#carrier.send(this.id, { case: "data", value: { channel, bytes: part } });
    }
  }

  /** No more data on this channel from this end. */
  end(channel: number): void {
    if (!this.#over) this.#carrier.send(this.id, { case: "end", value: { channel } });
  }

  resize(width: number, height: number): void {
    if (!this.#over) this.#carrier.send(this.id, { case: "resize", value: { width, height } });
  }

  exit(exitCode: number): void {
    if (!this.#over) this.#carrier.send(this.id, { case: "exit", value: { exitCode } });
  }

  /** Ends the stream at both ends; without an error it ended as it should. */
  reset(error = "", reason = ""): void {
    if (this.#over) return;
    this.#carrier.send(this.id, { case: "reset", value: create(LinkResetSchema, { error, reason }) });
    this.finish(error === "" ? undefined : new LinkClosedError(error, reason));
  }

  /**
   * A frame for this stream has come. Returns what is wrong with it, if anything: then the peer is not to
   * be trusted.
   */
  receive({ body }: LinkFrame): string | undefined {
    switch (body.case) {
      case "data":
        return this.#receiveData(body.value.channel, body.value.bytes);
      case "credit":
        this.#sendCredit += body.value.bytes;
        if (this.#sendCredit > streamWindow) return "more credit than the window";
        this.#release();
        return undefined;
      case "end": {
        const { channel } = body.value;
        this.#deliver(() => this.#onEnd(channel));
        return undefined;
      }
      case "resize":
        this.#size = body.value;
        this.#onResize?.(body.value.width, body.value.height);
        return undefined;
      case "exit": {
        const { exitCode } = body.value;
        this.#deliver(() => this.#onExit(exitCode));
        return undefined;
      }
      case "reset": {
        const { error, reason } = body.value;
        const finish = (): void => this.finish(error === "" ? undefined : new LinkClosedError(error, reason));
        // What came before the end is delivered before the end. A stream that was refused has nothing to
        // deliver.
        if (!this.#isListened && this.#held === 0) finish();
        else this.#deliver(finish);
        return undefined;
      }
      default:
        return `a stream does not carry ${body.case ?? "nothing"}`;
    }
  }

  /** The stream is over without a frame of its own: the link broke. */
  finish(error: LinkClosedError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#carrier.forget(this.id);
    const cause = error ?? new LinkClosedError("the stream has ended");
    for (const waiting of this.#waiting.splice(0)) waiting.reject(cause);
    this.#closed.resolve(error);
  }

  #receiveData(channel: number, bytes: Uint8Array): string | undefined {
    this.#receiveCredit -= bytes.length;
    if (this.#receiveCredit < 0) return "more data than the window";
    this.#deliver(async () => {
      await this.#onData(channel, bytes);
      this.#receiveCredit += bytes.length;
      if (!this.#over) this.#carrier.send(this.id, { case: "credit", value: { bytes: bytes.length } });
    });
    return undefined;
  }

  /** One after the other, in the order the frames came. */
  #deliver(step: () => Promise<void> | void): void {
    this.#held++;
    this.#delivering = this.#delivering.then(async () => {
      if (this.#over) return;
      try {
        await step();
      } catch (error) {
        this.reset(`the receiver failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  }

  async #credit(bytes: number): Promise<void> {
    if (this.#over) throw new LinkClosedError("the stream has ended");
    if (this.#waiting.length === 0 && this.#sendCredit >= bytes) {
      this.#sendCredit -= bytes;
      return;
    }
    await new Promise<void>((resolve, reject) => this.#waiting.push({ bytes, resolve, reject }));
  }

  #release(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && next.bytes <= this.#sendCredit;
      next = this.#waiting[0]
    ) {
      this.#sendCredit -= next.bytes;
      this.#waiting.shift();
      next.resolve();
    }
  }
}
