/**
 * The links of all nodes that are connected to this controller. One node has one link: a newer one replaces
 * the older, which is most often a connection whose end nobody has noticed yet.
 */
import { type Clock, type Instant, type Log, LruMap } from "@selvedge/base";
import { LinkClosedError, LinkMux, type LinkSocket, type LinkStream } from "@selvedge/eve-api";
import type { ConfigBook, LinkHub, NodeId } from "../ports.ts";

export interface NodeLinksOptions {
  readonly book: ConfigBook;
  readonly clock: Clock;
  readonly log: Log;
  /** A node asks for a stream; throwing refuses it. */
  readonly onOpen: (node: NodeId, stream: LinkStream) => void;
}

export type LinkState =
  | { readonly connected: true; readonly since: Instant }
  /** `since` is undefined when the node has not been linked to this process yet. */
  | { readonly connected: false; readonly since: Instant | undefined; readonly reason: string | undefined };

export type TerminalSize = NonNullable<Parameters<LinkMux["open"]>[1]>;
/** What can be asked of a node over its link. */
export type StreamRequest = Parameters<LinkMux["open"]>[0];

/** Streams to one node at once: a support team's worth, and 50 MiB of windows at most. */
const streamsMax = 100;
/** How many nodes' last disconnections are remembered for messages. */
const rememberedMax = 20_000;

interface Link {
  readonly mux: LinkMux;
  readonly since: Instant;
}

export class NodeLinks implements LinkHub, Disposable {
  readonly #options: NodeLinksOptions;
  readonly #links = new Map<NodeId, Link>();
  readonly #lost = new LruMap<NodeId, { readonly at: Instant; readonly reason: string }>(rememberedMax);
  readonly #listeners = new Set<(node: NodeId) => void>();
  readonly #stopListening: () => void;
  #over = false;

  constructor(options: NodeLinksOptions) {
    this.#options = options;
    this.#stopListening = options.book.onChange((node) => this.#changed(node));
  }

  attach(node: NodeId, socket: LinkSocket): void {
    const { clock, log, onOpen } = this.#options;
    if (this.#over) {
      socket.close();
      return;
    }
    const mux = new LinkMux({ socket, clock, end: "controller", onOpen: (stream) => onOpen(node, stream) });
    const link: Link = { mux, since: clock.now() };
    const older = this.#links.get(node);
    this.#links.set(node, link);
    older?.mux.close("the node has dialled again");
    log.info("link up", { node, links: this.#links.size });
    void mux.closed.then((reason) => {
      log.info("link down", { node, reason });
      if (this.#links.get(node) !== link) return;
      this.#links.delete(node);
      this.#lost.set(node, { at: clock.now(), reason });
      this.#tell(node);
    });
    this.#tell(node);
  }

  detach(node: NodeId): void {
    this.#links.get(node)?.mux.close("the node was removed");
  }

  /**
   * Opens a stream to a node. Rejects with LinkClosedError, whose reason is ServiceUnavailable without a
   * link.
   */
  async open(node: NodeId, request: StreamRequest, size?: TerminalSize): Promise<LinkStream> {
    const link = this.#links.get(node);
    if (link === undefined) throw new LinkClosedError("the node has no link", "ServiceUnavailable");
    if (link.mux.ownCount >= streamsMax) {
      throw new LinkClosedError(`the node has ${streamsMax} streams open; close one`, "TooManyRequests");
    }
    return await link.mux.open(request, size);
  }

  state(node: NodeId): LinkState {
    const link = this.#links.get(node);
    if (link !== undefined) return { connected: true, since: link.since };
    const lost = this.#lost.get(node);
    return { connected: false, since: lost?.at, reason: lost?.reason };
  }

  get size(): number {
    return this.#links.size;
  }

  /** Called with a node whose link came or went. Returns how to stop. */
  onChange(listener: (node: NodeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#stopListening();
    for (const { mux } of [...this.#links.values()]) mux.close("the controller stops");
  }

  #changed(node: NodeId): void {
    const hash = this.#options.book.current(node)?.hash;
    if (hash !== undefined) this.#links.get(node)?.mux.changed(hash);
  }

  #tell(node: NodeId): void {
    for (const listener of this.#listeners) listener(node);
  }
}
