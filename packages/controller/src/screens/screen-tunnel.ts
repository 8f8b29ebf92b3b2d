/**
 * One tunnel that a node holds, and the one connection to its guacd that it is good for: a box never says that guacd
 * has ended it, and keeps it for as long as it has the tunnel. So whoever has looked leaves no tunnel behind, and the
 * box dials the next.
 *
 *   waiting ──take──► taken ──said something to the node──► used
 *      ▲                │                                     │
 *      └──────left──────┘           closed ◄──────left────────┘
 */
import { Duplex } from "node:stream";
import { type Clock, type Millis, minutes, seconds } from "@selvedge/base";
import { ScreenGuard } from "./guacamole.ts";
import { TunnelError, TunnelFrames, tunnelFrame } from "./tunnel-frames.ts";

/** The WebSocket under a tunnel. */
export interface TunnelSocket {
  /** Resolves when it has left; rejects when it cannot. */
  send(message: Uint8Array): Promise<void>;
  /** What comes waits outside until `resume`. */
  pause(): void;
  resume(): void;
  close(): void;
  onMessage(take: (message: Uint8Array, isText: boolean) => void): void;
  /** Called for all that comes, also for what only says that it is there. */
  onSign(heard: () => void): void;
  onClose(gone: () => void): void;
}

/** A box says each ten seconds that it is there, and gives a tunnel up after thirty. */
const silenceMax: Millis = seconds(45);
/** A viewer asks every few seconds whether the other end is there. */
const idleMax: Millis = minutes(5);
/** What a box is sent at once: it reads a message whole before it hands it on. */
const pieceMax = 64 * 1024;
/** What waits for a viewer beside the one message that is read. */
const waitingMax = 64 * 1024;

export class ScreenTunnel {
  readonly #socket: TunnelSocket;
  readonly #clock: Clock;
  readonly #frames = new TunnelFrames();
  readonly #closed = Promise.withResolvers<string>();
  #viewer: Duplex | undefined;
  #guard: ScreenGuard | undefined;
  #sent = 0;
  #heardAt: number;
  #carriedAt: number;
  #over = false;

  constructor(socket: TunnelSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#heardAt = this.#carriedAt = clock.monotonic();
    socket.onSign(() => {
      this.#heardAt = clock.monotonic();
    });
    socket.onMessage((message, isText) => this.#take(message, isText));
    socket.onClose(() => this.close("the node closed it"));
  }

  /** Why it ended. */
  get closed(): Promise<string> {
    return this.#closed.promise;
  }

  get isTaken(): boolean {
    return this.#viewer !== undefined;
  }

  /** Its one connection, to the screen at this port. Nobody may have it already. */
  take(port: number): Duplex {
    const guard = new ScreenGuard(port);
    const viewer = new Duplex({
      allowHalfOpen: true,
      highWaterMark: waitingMax,
      read: () => this.#socket.resume(),
      write: (bytes: Uint8Array, _encoding, done) => {
        this.#say(guard, bytes).then(() => done(), done);
      },
      // Nobody says more after a half of such a connection has ended.
      final: (done) => {
        this.#leave();
        viewer.push(null);
        done();
      },
      destroy: (error, done) => {
        this.#leave();
        done(error);
      },
    });
    // Whoever reads it is told by its end.
    viewer.on("error", () => undefined);
    this.#viewer = viewer;
    this.#guard = guard;
    this.#carriedAt = this.#clock.monotonic();
    return viewer;
  }

  /** Ends what is silent for too long. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#heardAt > silenceMax) this.close("nothing was heard of the node");
    else if (this.isTaken && now - this.#carriedAt > idleMax) this.close("nobody said anything for long");
  }

  close(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#viewer?.destroy(new TunnelError(`the tunnel was closed: ${why}`));
    this.#socket.close();
    this.#closed.resolve(why);
  }

  async #say(guard: ScreenGuard, bytes: Uint8Array): Promise<void> {
    const said = guard.toNode(bytes);
    this.#carriedAt = this.#clock.monotonic();
    for (let at = 0; at < said.length; at += pieceMax)
      await this.#socket.send(tunnelFrame(this.#sent++, said.subarray(at, at + pieceMax)));
  }

  #take(message: Uint8Array, isText: boolean): void {
    if (this.#over) return;
    const [viewer, guard] = [this.#viewer, this.#guard];
    // It has no connection yet from which anything could come.
    if (viewer === undefined || guard === undefined || this.#sent === 0) {
      this.close("the node spoke unasked");
      return;
    }
    try {
      if (isText) throw new TunnelError("a tunnel carries binary messages");
      const bytes = this.#frames.read(message);
      guard.noteFromNode(bytes);
      this.#carriedAt = this.#clock.monotonic();
      if (!viewer.push(bytes)) this.#socket.pause();
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.close(error.message);
    }
  }

  /** The viewer has left: a connection that was begun is not for the next. */
  #leave(): void {
    this.#viewer = undefined;
    this.#guard = undefined;
    if (this.#sent > 0) this.close("who looked has left");
  }
}
