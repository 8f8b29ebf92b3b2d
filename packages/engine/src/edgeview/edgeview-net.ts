/** What remote access needs of the network, as a port: the real one is ws and net, in `linux/`. */
export interface EdgeviewNet {
  /** Dials the dispatcher; rejects when it does not take us. */
  dispatcher(
    url: string,
    headers: Readonly<Record<string, string>>,
    certificates: readonly string[],
    signal: AbortSignal,
  ): Promise<DispatcherSocket>;
  /** A TCP connection from the node; what is written before it is open is kept. */
  connect(target: NetTarget, listener: TcpListener): TcpConnection;
  /** An address of IPv4; `server` is asked instead of the node's own. */
  lookup(name: string, server: string | undefined): Promise<string>;
  /** What passes a card, a line a packet. */
  capture(wish: CaptureWish): Promise<string>;
}

/** Bounded by all three: a card may be busy, and somebody may forget that he looks. */
export interface CaptureWish {
  readonly card: string;
  /** In tcpdump's own words; empty: everything. */
  readonly filter: string;
  readonly seconds: number;
  readonly packets: number;
}

/** An address, or a socket of the node's own. */
export type NetTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface DispatcherSocket {
  /** Text or bytes, as the dispatcher's peers tell commands from data. */
  send(data: string | Uint8Array): void;
  /** Keeps the line open where somebody on the way closes those that are silent. */
  ping(): void;
  onMessage(take: (data: Uint8Array, isText: boolean) => void): void;
  /** Resolves once the connection is gone. */
  readonly closed: Promise<void>;
  close(): void;
  readonly bufferedBytes: number;
}

export interface TcpListener {
  opened?(): void;
  data(bytes: Uint8Array): void;
  closed(): void;
}

export interface TcpConnection {
  write(bytes: Uint8Array): void;
  close(): void;
  readonly bufferedBytes: number;
}
