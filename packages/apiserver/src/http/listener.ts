/**
 * The TLS port: HTTP/2 for clients that offer it, so that their hundreds of watches share a connection,
 * HTTP/1.1 for others and for upgrades. Both come as the requests of node:http.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";

export interface ListenerHandlers {
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Uint8Array) => void;
}

/** Selectors make long URLs; nothing makes longer ones. */
const headerBytesMax = 64 * 1024;
/** As many requests on one connection as upstream allows. */
const streamsMax = 250;
/** What one connection's streams may buffer together, in MB: a few large lists at once. */
const sessionMegabytes = 128;
/**
 * Longer than clients keep idle connections, so that it is they who close them, not we under their next
 * request.
 */
const keepAliveMs = 180_000;
const probeAfterMs = 60_000;
/** A few for each person and tool of a large fleet; each costs some tens of kilobytes. */
const connectionsMax = 8_192;
/** For the handshake and the headers; a client that takes longer is none. */
const headersMs = 30_000;

export class Listener {
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<Duplex>();

  constructor(tls: Pick<TlsOptions, "cert" | "key" | "ca">, { onRequest, onUpgrade }: ListenerHandlers) {
    this.#server = createSecureServer({
      ...tls,
      ...{ allowHTTP1: true, requestCert: true, rejectUnauthorized: false, handshakeTimeout: headersMs },
      ...{ maxHeaderSize: headerBytesMax, maxHeaderListPairs: 256, maxSessionMemory: sessionMegabytes },
      settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: headerBytesMax },
    });
    this.#tune();
    // The compatible API of node:http2 has what we use of node:http.
    this.#server.on("request", (request, response) =>
      onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse),
    );
    this.#server.on("upgrade", onUpgrade);
    this.#server.maxConnections = connectionsMax;
    this.#server.on("connection", (socket: Duplex) => {
      if (socket instanceof Socket) {
        // A client that lost its power says nothing more: only this finds out.
        socket.setKeepAlive(true, probeAfterMs);
        // A small answer must not wait for the client to confirm the one before.
        socket.setNoDelay(true);
      }
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    // A connection that breaks ends its requests, which are told by themselves.
    this.#server.on("sessionError", () => undefined);
    this.#server.on("tlsClientError", () => undefined);
  }

  /** Serves a connection that came in elsewhere. */
  accept(connection: Duplex): void {
    this.#server.emit("connection", connection);
  }

  /** Listens and tells the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Shows this certificate to whoever connects from now on. */
  renew(tls: Pick<TlsOptions, "cert" | "key" | "ca">): void {
    this.#server.setSecureContext(tls);
  }

  /** Stops, and ends what is under way: watches would otherwise go on for an hour. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #tune(): void {
    // Uploads to other services on this port take their time; bodies of our own are timed with their request.
    const http1 = { requestTimeout: 0, headersTimeout: headersMs, keepAliveTimeout: keepAliveMs };
    Object.assign(this.#server, http1);
    this.#server.setTimeout(0);
  }
}
