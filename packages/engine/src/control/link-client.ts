/**
 * Keeps the link up: dials, proves who we are to a fresh challenge, then serves what the controller opens and
 * polls when it says "changed". Without a link nothing is lost but speed: the engine polls, as EVE does.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import { ext, LinkClosedError, LinkMux, type LinkSocket, type LinkStream, linkPath } from "@selvedge/eve-api";
import { Cell } from "../engine-store.ts";
import { type ApiLink, type AppStreams, type LinkDialer, LinkUnsupportedError } from "../ports.ts";
import { Alarm } from "./alarm.ts";
import type { ControllerClient } from "./controller-client.ts";
import type { EnrolmentConfig } from "./enrolment-config.ts";

export interface LinkClientParts {
  readonly dialer: LinkDialer;
  readonly client: ControllerClient;
  readonly config: EnrolmentConfig;
  readonly streams: AppStreams | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly engineVersion: string;
  readonly node: () => string;
  /** The controller has a configuration with this hash. */
  readonly onConfigHash: (hash: string) => void;
  readonly onUp: () => void;
  readonly onDown: () => void;
}

/** Version of the frames that this engine speaks. */
const protocolVersion = 1;
/** Challenge and welcome are a round trip each. */
const helloTimeout = seconds(30);
const backoff: BackoffPolicy = { first: seconds(2), max: minutes(5) };
/** A controller that has no link may have one after its next update. */
const unsupportedPause = minutes(60);
/** A link that held this long was a good one: the next failure is the first. */
const goodAfter = minutes(1);

export class LinkClient {
  readonly #parts: LinkClientParts;
  readonly #alarm = new Alarm();
  /** While it takes what apps say to the API. */
  readonly #api = new Cell<LinkMux | undefined>(undefined);
  #up = false;
  #unsupported = false;
  #dials = 0n;

  constructor(parts: LinkClientParts) {
    this.#parts = parts;
  }

  /** The controller can be reached again: dial now. A controller without a link still has none. */
  retry(): void {
    if (!this.#up && !this.#unsupported) this.#alarm.ring();
  }

  get isUp(): boolean {
    return this.#up;
  }

  /** The way of apps to the controller's API: there while the link is, where the controller takes their streams. */
  get api(): ApiLink {
    const link = this.#api;
    return {
      get isOpen() {
        return link.get() !== undefined;
      },
      onChange: (listener) => link.subscribe(listener),
      async open(app) {
        const mux = link.get();
        if (mux === undefined) throw new LinkClosedError("there is no link", "ServiceUnavailable");
        return await mux.open({ appId: app, what: { case: "api", value: {} } });
      },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#parts;
    for (let failures = 0; ; ) {
      const from = clock.monotonic();
      let pause: Millis;
      try {
        const reason = await this.#once(signal);
        failures = clock.monotonic() - from >= goodAfter ? 1 : failures + 1;
        log.info("the link ended", { reason });
        pause = backoffDelay(backoff, failures, random);
      } catch (error) {
        signal.throwIfAborted();
        failures++;
        const none = error instanceof LinkUnsupportedError;
        this.#unsupported = none;
        if (failures === 1)
          log.info(none ? "no link here: polling, as EVE does" : "no link yet", {
            error: describeError(error),
          });
        pause = none
          ? millis(unsupportedPause * (0.7 + 0.6 * random.next()))
          : backoffDelay(backoff, failures, random);
      }
      await this.#alarm.wait(clock, pause, signal);
    }
  }

  /** One link from dial to end; resolves with why it ended. */
  async #once(signal: AbortSignal): Promise<string> {
    const { dialer, config, node, log, clock, onConfigHash, onUp, onDown } = this.#parts;
    const url = config.baseUrl.replace(/^https/, "wss") + linkPath(node());
    const socket = new StagedSocket(await dialer.dial(url, config.roots, signal));
    let mux: LinkMux | undefined;
    const abort = (): void => (mux === undefined ? socket.close() : mux.close("the engine stops"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      const welcome = await this.#hello(socket);
      mux = new LinkMux({
        ...{ socket, clock, end: "engine", onChanged: onConfigHash },
        onOpen: (stream) => this.#serve(stream),
      });
      this.#up = true;
      if (welcome.takesStreams) this.#api.set(mux);
      log.info("the link is up");
      onUp();
      onConfigHash(welcome.configHash);
      return await mux.closed;
    } finally {
      const wasUp = this.#up;
      this.#up = false;
      this.#api.set(undefined);
      signal.removeEventListener("abort", abort);
      socket.close();
      if (wasUp) onDown();
    }
  }

  async #serve(stream: LinkStream): Promise<void> {
    const { streams } = this.#parts;
    if (streams === undefined) throw new LinkClosedError("this node runs no apps", "ServiceUnavailable");
    await streams.open(stream);
  }

  /** Answers the controller's challenge; resolves with its welcome. */
  async #hello(socket: StagedSocket): Promise<ext.LinkWelcome> {
    const { clock, client, engineVersion, node } = this.#parts;
    const done = Promise.withResolvers<ext.LinkWelcome>();
    const fail = (why: string): void => done.reject(new LinkClosedError(why));
    const timer = clock.setTimer(helloTimeout, () => fail("the controller does not greet"));
    const answer = async ({ nonce, version }: ext.LinkChallenge): Promise<void> => {
      const hello = create(ext.LinkHelloSchema, {
        nonce,
        nodeId: node(),
        version: Math.min(version, protocolVersion),
        engineVersion,
        connection: ++this.#dials,
      });
      const signed = await client.envelope(toBinary(ext.LinkHelloSchema, hello));
      const frame = create(ext.LinkFrameSchema, { body: { case: "hello", value: signed } });
      socket.send(toBinary(ext.LinkFrameSchema, frame));
    };
    socket.onClose(() => fail("the connection ended before the welcome"));
    socket.onMessage((message) => {
      let frame: ext.LinkFrame;
      try {
        frame = fromBinary(ext.LinkFrameSchema, message);
      } catch {
        return fail("a frame that is none");
      }
      if (frame.body.case === "challenge") answer(frame.body.value).catch(done.reject);
      else if (frame.body.case === "welcome") {
        // Whatever comes right behind the welcome is the mux's.
        socket.hold();
        done.resolve(frame.body.value);
      } else fail(`unexpected ${frame.body.case ?? "empty"} frame before the welcome`);
    });
    try {
      return await done.promise;
    } finally {
      timer.cancel();
    }
  }
}

/**
 * One connection, listened to by the greeting first and by the mux then, without a message lost in between.
 */
class StagedSocket implements LinkSocket {
  readonly #socket: LinkSocket;
  readonly #held: Uint8Array[] = [];
  #take: ((message: Uint8Array) => void) | undefined;
  #onClose: () => void = () => undefined;
  #closed = false;

  constructor(socket: LinkSocket) {
    this.#socket = socket;
    socket.onMessage((message) => {
      if (this.#take === undefined) this.#held.push(message);
      else this.#take(message);
    });
    socket.onClose(() => {
      this.#closed = true;
      this.#onClose();
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  send(message: Uint8Array): void {
    this.#socket.send(message);
  }

  close(): void {
    this.#socket.close();
  }

  hold(): void {
    this.#take = undefined;
  }

  onMessage(take: (message: Uint8Array) => void): void {
    this.#take = take;
    // What was held may make the listener hold again.
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) this.#take?.(next);
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
    if (this.#closed) listener();
  }
}
