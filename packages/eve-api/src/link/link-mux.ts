/**
 * Many streams over one connection between a controller and a node, after the hello. Whoever is asked for a
 * stream answers with `opened` or `reset`. See the drawing in proto/selvedge/ext.proto.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Clock, type Millis, millis, seconds, type Timer } from "@selvedge/base";
import { type LinkFrame, LinkFrameSchema, type LinkOpen, LinkOpenSchema } from "../gen/selvedge/ext_pb.ts";
import type { LinkSocket } from "./link-socket.ts";
import { type FrameBody, frameBytesMax, LinkClosedError, LinkStream } from "./link-stream.ts";

export interface LinkMuxOptions {
  readonly socket: LinkSocket;
  readonly clock: Clock;
  /** Which one this is. */
  readonly end: "controller" | "engine";
  /**
   * A stream is asked for; not there: nobody may ask. Throwing, or rejecting, refuses it with the error's message.
   */
  readonly onOpen?: (stream: LinkStream) => Promise<void> | void;
  /** The engine's side: the controller has a newer configuration. */
  readonly onChanged?: (configHash: string) => void;
}

/** More streams than this on one node are refused: each may hold a window of memory in both directions. */
const streamsMax = 200;
/** The engine's streams are numbered from here on, so that both ends can number theirs alone. */
const engineStreams = 2 ** 31;
/** A frame is its bytes and a few numbers; an open carries a command line. */
const frameMax = frameBytesMax + 64 * 1024;
/**
 * Silence after which an end asks whether the other is there: often enough to keep a NAT's entry (the
 * shortest that are common forget after 240 s), rare enough that an idle link costs a node 0.2 MB a day,
 * headers included. The node asks first, because what is between it and the world forgets first; its question
 * is an answer to the controller.
 */
const nodeAsksAfter: Millis = seconds(180);
const controllerAsksAfter: Millis = seconds(210);
/** No answer by then means that the connection is dead although nobody said so. */
const answerMax: Millis = seconds(20);
/** How long the other end may take to answer an open. */
const openTimeout: Millis = seconds(30);

interface Opening {
  readonly stream: LinkStream;
  readonly opened: PromiseWithResolvers<LinkStream>;
  readonly timer: Timer;
}

export class LinkMux {
  readonly #options: LinkMuxOptions;
  readonly #streams = new Map<number, LinkStream>();
  readonly #opening = new Map<number, Opening>();
  readonly #closed = Promise.withResolvers<string>();
  #nextStream: number;
  #lastHeard: number;
  #pings = 0n;
  #over = false;
  #timer: Timer | undefined;

  constructor(options: LinkMuxOptions) {
    this.#options = options;
    this.#nextStream = options.end === "controller" ? 1 : engineStreams;
    this.#lastHeard = options.clock.monotonic();
    options.socket.onMessage((message) => this.#receive(message));
    options.socket.onClose(() => this.#finish("the connection ended"));
    this.#keepAlive();
  }

  /** Resolves with the reason when the link is over. */
  get closed(): Promise<string> {
    return this.#closed.promise;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Those that this end asked for. */
  get ownCount(): number {
    let own = 0;
    for (const id of this.#streams.keys()) if (this.#isOwn(id)) own++;
    return own;
  }

  /**
   * Asks the other end for a stream; rejects with LinkClosedError when it refuses or the link ends. A
   * terminal's size goes along, so that it is there when the program starts.
   */
  async open(
    what: MessageInitShape<typeof LinkOpenSchema>,
    size?: { readonly width: number; readonly height: number },
  ): Promise<LinkStream> {
    if (this.#over) throw new LinkClosedError("the link is closed");
    if (this.#streams.size >= streamsMax) {
      throw new LinkClosedError(`the node has ${streamsMax} streams open; close one`, "TooManyRequests");
    }
    const open = create(LinkOpenSchema, what);
    const stream = this.#addStream(this.#nextStream++, open);
    const opened = Promise.withResolvers<LinkStream>();
    const timer = this.#options.clock.setTimer(openTimeout, () =>
      stream.reset("no answer to open", "Timeout"),
    );
    this.#opening.set(stream.id, { stream, opened, timer });
    void stream.closed.then((error) => {
      if (this.#opening.delete(stream.id))
        opened.reject(error ?? new LinkClosedError("the stream has ended"));
      timer.cancel();
    });
    this.#send(stream.id, { case: "open", value: open });
    if (size !== undefined) stream.resize(size.width, size.height);
    return await opened.promise;
  }

  /** Tells the node that a newer configuration waits. */
  changed(configHash: string): void {
    this.#send(0, { case: "changed", value: { configHash } });
  }

  close(reason = "closed"): void {
    this.#finish(reason);
  }

  #addStream(id: number, open: LinkOpen): LinkStream {
    const stream = new LinkStream(id, open, {
      send: (number, body) => this.#send(number, body),
      forget: (number) => void this.#streams.delete(number),
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #send(stream: number, body: FrameBody): void {
    if (this.#over) return;
    this.#options.socket.send(toBinary(LinkFrameSchema, create(LinkFrameSchema, { stream, body })));
  }

  #receive(message: Uint8Array): void {
    if (this.#over) return;
    this.#lastHeard = this.#options.clock.monotonic();
    if (message.length > frameMax) {
      this.#finish(`a frame of ${message.length} bytes is too long`);
      return;
    }
    let frame: LinkFrame;
    try {
      frame = fromBinary(LinkFrameSchema, message);
    } catch {
      this.#finish("a frame that is none");
      return;
    }
    const fault = frame.stream === 0 ? this.#receiveOwn(frame) : this.#receiveStream(frame);
    if (fault !== undefined) this.#finish(fault);
  }

  #receiveOwn({ body }: LinkFrame): string | undefined {
    switch (body.case) {
      case "changed":
        this.#options.onChanged?.(body.value.configHash);
        return undefined;
      case "ping":
        this.#send(0, { case: "pong", value: { id: body.value.id } });
        return undefined;
      case "pong":
        return undefined;
      default:
        return `unexpected ${body.case ?? "empty"} frame`;
    }
  }

  #receiveStream(frame: LinkFrame): string | undefined {
    const { stream: id, body } = frame;
    if (body.case === "open") return this.#receiveOpen(id, body.value);
    const stream = this.#streams.get(id);
    // A stream that just ended here: what the peer sent before it knew is dropped.
    if (stream === undefined) return undefined;
    if (body.case !== "opened") return stream.receive(frame);
    const opening = this.#opening.get(id);
    if (opening === undefined) return "opened, but nobody asked";
    this.#opening.delete(id);
    opening.timer.cancel();
    opening.opened.resolve(stream);
    return undefined;
  }

  #receiveOpen(id: number, open: LinkOpen): string | undefined {
    const { onOpen } = this.#options;
    if (onOpen === undefined) return "this end opens the streams";
    if (this.#isOwn(id)) return `stream ${id} is not yours to open`;
    if (this.#streams.has(id)) return `stream ${id} is open already`;
    const stream = this.#addStream(id, open);
    if (this.#streams.size > streamsMax) {
      stream.reset(`more than ${streamsMax} streams`, "TooManyRequests");
      return undefined;
    }
    const accept = async (): Promise<void> => {
      await onOpen(stream);
      this.#send(id, { case: "opened", value: {} });
    };
    accept().catch((error: unknown) => {
      const reason = error instanceof LinkClosedError ? error.reason : "";
      stream.reset(error instanceof Error ? error.message : String(error), reason);
    });
    return undefined;
  }

  #isOwn(id: number): boolean {
    return id < engineStreams === (this.#options.end === "controller");
  }

  #keepAlive(): void {
    const { clock, end } = this.#options;
    const asksAfter = end === "controller" ? controllerAsksAfter : nodeAsksAfter;
    const wait = asksAfter - (clock.monotonic() - this.#lastHeard);
    this.#timer = clock.setTimer(millis(wait), () => {
      if (clock.monotonic() - this.#lastHeard < asksAfter) return this.#keepAlive();
      const asked = this.#lastHeard;
      this.#send(0, { case: "ping", value: { id: this.#pings++ } });
      this.#timer = clock.setTimer(answerMax, () => {
        if (this.#lastHeard === asked) this.#finish("no answer to a ping");
        else this.#keepAlive();
      });
    });
  }

  #finish(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    for (const stream of [...this.#streams.values()])
      stream.finish(new LinkClosedError(`the link ended: ${reason}`));
    this.#options.socket.close();
    this.#closed.resolve(reason);
  }
}
