import type { Words } from "./look.ts";

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
  /** All that a program says, bounded; ended when nobody waits for it any more. */
  run(wish: ProgramWish, signal: AbortSignal): Promise<string>;
  /** What a server shows of itself, whoever it is signed by: `host` or `host:port`. */
  serverCertificates(address: NetTarget, name: string, signal: AbortSignal): Promise<string>;
}

/** A program that only looks: its words are ours, or checked by us. */
export interface ProgramWish {
  readonly words: Words;
  /** Then it is ended, and what it has said until then is the answer. */
  readonly seconds: number;
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
