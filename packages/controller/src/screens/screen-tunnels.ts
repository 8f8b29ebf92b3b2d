/**
 * The tunnels that boxes with EVE hold for their screens, one a node: the newest, as an older is most often one whose
 * end nobody has noticed yet.
 */
import type { Duplex } from "node:stream";
import { StatusError } from "@selvedge/apiserver";
import { type Clock, type Log, type Millis, seconds, type Timer } from "@selvedge/base";
import type { KnownNode, NodeDirectory } from "../gateway/node-directory.ts";
import type { ConfigBook, NodeId } from "../ports.ts";
import { decodeConfig } from "../render/node-config.ts";
import { ScreenTunnel, type TunnelSocket } from "./screen-tunnel.ts";

export interface ScreenTunnelsOptions {
  readonly book: ConfigBook;
  readonly directory: Pick<NodeDirectory, "byId" | "onGone">;
  readonly clock: Clock;
  readonly log: Log;
}

/** A box dials anew within thirty seconds. */
const comesWithin: Millis = seconds(40);
/** Who waits for one node's next tunnel: more than one is somebody whose page was loaded again. */
const waitersMax = 8;
const checkEvery: Millis = seconds(15);
/** Where VNC is by custom, one port a screen. */
const vncPort = 5900;

type Waiter = (tunnel: ScreenTunnel) => void;

export class ScreenTunnels implements Disposable {
  readonly #options: ScreenTunnelsOptions;
  readonly #tunnels = new Map<NodeId, ScreenTunnel>();
  readonly #waiters = new Map<NodeId, Set<Waiter>>();
  readonly #stopListening: (() => void)[];
  #timer: Timer | undefined;

  constructor(options: ScreenTunnelsOptions) {
    this.#options = options;
    const { book, directory } = options;
    this.#stopListening = [
      directory.onGone(({ id }) => this.#tunnels.get(id)?.close("the node was removed")),
      // A box that has no such app any more leaves its tunnel as it is.
      book.onChange((node) => {
        if (this.#tunnels.has(node) && !this.isWanted(node))
          this.#tunnels.get(node)?.close("no app of the node has a screen for it");
      }),
    ];
  }

  /** Whether the node has been told to hold one. */
  isWanted(node: NodeId): boolean {
    return this.#screens(node).size > 0;
  }

  /** Whether the app has a screen that a tunnel leads to. */
  leadsTo(node: NodeId, app: string): boolean {
    return this.#screens(node).has(app);
  }

  attach({ id: node, name }: KnownNode, socket: TunnelSocket): void {
    const { clock, log } = this.#options;
    const tunnel = new ScreenTunnel(socket, clock);
    const older = this.#tunnels.get(node);
    this.#tunnels.set(node, tunnel);
    older?.close("the node has dialled again");
    log.info("a tunnel to screens has come", { node, name });
    void tunnel.closed.then((why) => {
      log.info("a tunnel to screens has ended", { node, name, why });
      if (this.#tunnels.get(node) === tunnel) this.#tunnels.delete(node);
    });
    this.#timer ??= clock.setTimer(checkEvery, () => this.#check());
    const [waiter] = this.#waiters.get(node) ?? [];
    waiter?.(tunnel);
  }

  /** A connection to the app's screen, as a client of guacd makes it. */
  async open(node: NodeId, app: string, signal: AbortSignal): Promise<Duplex> {
    const tunnel = this.#tunnels.get(node) ?? (await this.#next(node, signal));
    if (tunnel.isTaken)
      throw new StatusError(409, "Conflict", "somebody looks at a screen of this node; one can at a time");
    const number = this.#screens(node).get(app);
    if (number === undefined) throw new StatusError(404, "NotFound", "the app has no screen any more");
    const viewer = tunnel.take(vncPort + number);
    const hangUp = (): void => void viewer.destroy();
    if (signal.aborted) hangUp();
    signal.addEventListener("abort", hangUp, { once: true });
    viewer.once("close", () => signal.removeEventListener("abort", hangUp));
    return viewer;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    for (const stop of this.#stopListening) stop();
    for (const tunnel of this.#tunnels.values()) tunnel.close("the controller stops");
  }

  /** The numbers of screens by app. */
  #screens(node: NodeId): ReadonlyMap<string, number> {
    const current = this.#options.book.current(node);
    if (current === undefined || this.#options.directory.byId(node) === undefined) return new Map();
    const screens = decodeConfig(current.config).apps.filter(({ remoteConsole }) => remoteConsole);
    return new Map(
      screens.map(({ uuidandversion: id, fixedresources: machine }) => [
        id?.uuid ?? "",
        machine?.vncDisplay ?? 0,
      ]),
    );
  }

  async #next(node: NodeId, signal: AbortSignal): Promise<ScreenTunnel> {
    const { clock } = this.#options;
    const waiters = this.#waiters.get(node) ?? new Set();
    if (waiters.size >= waitersMax)
      throw new StatusError(429, "TooManyRequests", `${waitersMax} wait for the node's next tunnel already`);
    const { promise, resolve, reject } = Promise.withResolvers<ScreenTunnel>();
    const giveUp = (): void =>
      reject(
        new StatusError(
          503,
          "ServiceUnavailable",
          "the node holds no tunnel to its screens: it dials one when it gets the app, or anew within half a minute",
        ),
      );
    const timer = clock.setTimer(comesWithin, giveUp);
    this.#waiters.set(node, waiters.add(resolve));
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      return await promise;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", giveUp);
      waiters.delete(resolve);
      if (waiters.size === 0) this.#waiters.delete(node);
    }
  }

  #check(): void {
    for (const tunnel of this.#tunnels.values()) tunnel.check();
    const { clock } = this.#options;
    this.#timer = this.#tunnels.size === 0 ? undefined : clock.setTimer(checkEvery, () => this.#check());
  }
}
