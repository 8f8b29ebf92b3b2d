/**
 * The port nodes dial: the EVE API, the link, and the registry. It only turns sockets into requests; who
 * asks, and whether they may, is the gateway's business. Everything a stranger can make it hold is bounded
 * here.
 */
import { hkdfSync } from "node:crypto";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions, TLSSocket, TlsOptions } from "node:tls";
import {
  type Clock,
  hours,
  type Instant,
  type Log,
  millis,
  minutes,
  type Random,
  seconds,
  type Timer,
} from "@selvedge/base";
import { matchEndpoint } from "@selvedge/eve-api";
import { WebSocketServer } from "ws";
import type { Address } from "../address.ts";
import { requestIdHeader, requestIdOf } from "../gateway/request-id.ts";
import type { TunnelDoor } from "../gateway/tunnel-door.ts";
import type { TlsPair } from "../pki/pki.ts";
import type { DeviceGateway, NodeId } from "../ports.ts";
import type { RegistryDoor } from "../registry/metered-registry.ts";
import type { Dispatcher } from "../remote-access/dispatcher.ts";
import type { ScreenTunnels } from "../screens/screen-tunnels.ts";
import { frameMax } from "../screens/tunnel-frames.ts";
import { isRegistryTarget, serveRegistry } from "./registry-http.ts";
import { websocketEnd } from "./websocket-end.ts";
import { WebSocketLink } from "./websocket-link.ts";
import { websocketTunnel } from "./websocket-tunnel.ts";

export interface DeviceListenerOptions {
  readonly gateway: DeviceGateway;
  readonly registry: RegistryDoor;
  /** Boxes that run EVE and those who look into them meet there; nobody does when unset. */
  readonly dispatcher?: Pick<Dispatcher, "knows" | "probe" | "join">;
  /** Where boxes that run EVE dial tunnels to their screens; there are none when unset. */
  readonly screens?: {
    readonly door: Pick<TunnelDoor, "isAwaited" | "judge">;
    readonly tunnels: Pick<ScreenTunnels, "attach">;
  };
  /** Asked at the start and after each renewal. */
  readonly tls: () => TlsPair;
  /** What the keys of session tickets are made from, so that a fleet that comes back resumes. */
  readonly ticketSecret: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Longer than EVE's poll of a minute, so that a node without a link pays for one handshake. One with a link
 * polls rarely: its connection is not worth the memory meanwhile, and a resumed handshake is cheap.
 */
const keepAlive = seconds(90);
/**
 * A bundle of logs over a bad mobile uplink takes minutes; a client that trickles for ever does not finish.
 */
const requestTimeout = minutes(10);
const headersTimeout = seconds(30);
/** How long a session ticket can be resumed: a node that was away for a day still comes back cheaply. */
const sessionSeconds = 86_400;
/** Whose sessions they are. Unset, it would be made of the command line, and those of other replicas foreign. */
const sessionIdContext = "selvedge devices";
const ticketWeek = hours(7 * 24);
/** Every node holds a link and a keep-alive connection; 10,000 nodes and as many strangers fit. */
const connectionsMax = 40_000;
/**
 * All request bodies being read at once; the next one is told to come back. Ordinary polls are under 1 KiB.
 */
const bodiesMax = 64 * 1024 * 1024;
/** Several times the largest body there is; who sends more is cut off. */
const drainMax = 16 * 1024 * 1024;
/** Of a name that somebody gives himself. */
const hostMax = 256;
/** A link frame is at most 64 KiB of data and an opening command line; EVE's pieces are of 32 KiB, wrapped. */
const linkMessageMax = 256 * 1024;

/** Where EVE's edge-view is told to dial, by custom. */
const sessionPath = "/edge-view";

/** What a node dials besides: its link, and what EVE's tunnel to screens asks for. */
const uuid = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const dialPattern = new RegExp(`^/api/v2/edgedevice/id/(${uuid})/(ext/link|connection/(?:ping|tunnel))$`);

export class DeviceListener implements AsyncDisposable {
  readonly #options: DeviceListenerOptions;
  readonly #server: Server;
  readonly #links = new WebSocketServer({
    noServer: true,
    maxPayload: linkMessageMax,
    perMessageDeflate: false,
    clientTracking: true,
  });
  readonly #tunnels = new WebSocketServer({
    noServer: true,
    maxPayload: frameMax,
    perMessageDeflate: false,
    clientTracking: true,
  });
  #bodyBytes = 0;
  #timer: Timer | undefined;

  constructor(options: DeviceListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        ...secured(options),
        keepAliveTimeout: keepAlive,
        requestTimeout,
        headersTimeout,
        // Whose certificate it is, is for who asks for one to say.
        rejectUnauthorized: false,
      },
      (request, response) => void this.#serve(request, response),
    );
    // Node reads it at each connection; a server has no other way to change its mind (docs/decisions/0374).
    const asks = (): boolean => options.screens?.door.isAwaited ?? false;
    Object.defineProperty(this.#server, "requestCert", { get: asks });
    this.#server.maxConnections = connectionsMax;
    // Node watches over how long requests take from this event on, which does not come where connections are given.
    this.#server.emit("listening");
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    // Broken handshakes and half requests are weather, not news.
    this.#server.on("tlsClientError", (error) => options.log.debug("TLS handshake failed", { error }));
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    this.#rotateTickets();
  }

  /** Takes new certificates for connections from now on. */
  renew(): void {
    this.#server.setSecureContext(secured(this.#options));
  }

  #rotateTickets(): void {
    const { clock, ticketSecret } = this.#options;
    const left = millis(ticketWeek - (clock.now() % ticketWeek));
    this.#timer = clock.setTimer(left, () => {
      this.#server.setTicketKeys(ticketKeys(ticketSecret, clock.now()));
      this.#rotateTickets();
    });
  }

  /** Serves a connection that came in elsewhere. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Listens and tells the port. */
  listen({ host, port }: Address): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.removeListener("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    const clients = [...this.#links.clients, ...this.#tunnels.clients];
    for (const client of clients) client.close(goingAway, "the controller stops");
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    for (const client of clients) client.terminate();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { gateway, registry, dispatcher, log } = this.#options;
    if (isRegistryTarget(request.url)) return serveRegistry(registry, request, response, undefined, log);
    if (dispatcher !== undefined && request.method === "GET" && request.url === sessionPath) {
      response.end(dispatcher.probe(sessionOf(request)));
      return;
    }
    try {
      const body = await this.#body(request);
      if (body === undefined) {
        this.#refuse(request, response, 503);
        return;
      }
      const answer = await gateway.handle({
        method: request.method ?? "GET",
        target: request.url ?? "/",
        headers: request.headers as Record<string, string | undefined>,
        body,
        remote: request.socket.remoteAddress ?? "",
      });
      response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
      response.end(answer.body);
    } catch (error) {
      // Cut off by the client, or by us for sending without end.
      if (!request.complete) {
        log.debug("device request broke off", { target: request.url, error });
        return;
      }
      log.error("device request failed", { method: request.method, target: request.url, error });
      if (!response.headersSent) this.#refuse(request, response, 500);
      else response.destroy();
    }
  }

  /**
   * The body, but never more than one byte beyond what the endpoint takes: the gateway then refuses and
   * counts it. What comes after is read and dropped, as a client hears no answer before it has sent
   * everything; `drainMax` ends that. Undefined when there is no room for the body now.
   */
  async #body(request: IncomingMessage): Promise<Uint8Array | undefined> {
    const limit = matchEndpoint((request.url ?? "/").split("?", 1)[0] ?? "/")?.endpoint.bodyMax ?? 0;
    const parts: Uint8Array[] = [];
    let [kept, size, full] = [0, 0, false];
    try {
      await eachPart(request, (part) => {
        size += part.length;
        if (size > drainMax) throw new Error(`a body of more than ${drainMax} bytes`);
        full ||= this.#bodyBytes + part.length > bodiesMax;
        if (full || kept > limit) return;
        parts.push(part);
        kept += part.length;
        this.#bodyBytes += part.length;
      });
    } finally {
      this.#bodyBytes -= kept;
    }
    if (full) return undefined;
    const [only] = parts;
    const whole = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    return kept > limit ? whole.subarray(0, limit + 1) : whole;
  }

  /** Answers without a body and ends the connection: what the client still sends is not read. */
  #refuse({ headers }: IncomingMessage, response: ServerResponse, status: number): void {
    const { random, log } = this.#options;
    const requestId = requestIdOf(headers, random);
    const again = status === 503 ? { "retry-after": "5" } : {};
    log.warn("answered", { status, requestId });
    response.writeHead(status, {
      ...{ connection: "close", "content-length": 0, [requestIdHeader]: requestId },
      ...again,
    });
    response.end();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url === sessionPath && this.#joins(request, socket, head)) return;
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const [, id, dialled] = dialPattern.exec(path) ?? [];
    const { screens, gateway } = this.#options;
    const node = id?.toLowerCase();
    const isLink = dialled === "ext/link";
    const isServed = isLink || screens !== undefined;
    if (node === undefined || !isServed || request.headers.upgrade?.toLowerCase() !== "websocket") {
      answerAtOnce(socket, 404);
      return;
    }
    if (isLink) {
      this.#links.handleUpgrade(request, socket, head, (webSocket) =>
        gateway.acceptLink(node, new WebSocketLink(webSocket)),
      );
    } else this.#dialsTunnel(node, path, request, socket, head);
  }

  #dialsTunnel(node: NodeId, path: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { screens, random } = this.#options;
    if (screens === undefined) return;
    const judged = screens.door.judge({
      ...{ node, path, requestId: requestIdOf(request.headers, random) },
      certificate: (socket as TLSSocket).getPeerX509Certificate()?.raw,
      remote: request.socket.remoteAddress ?? "",
    });
    if (!("id" in judged)) answerAtOnce(socket, judged.status, judged.retryAfter);
    // Given the WebSocket that it asks for here, its client would end with all of EVE's agents.
    else if (path.endsWith("/ping")) answerAtOnce(socket, 200);
    else {
      this.#tunnels.handleUpgrade(request, socket, head, (webSocket) =>
        screens.tunnels.attach(judged, websocketTunnel(webSocket)),
      );
    }
  }

  /** False: it is no session that anybody may have. */
  #joins(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const { dispatcher } = this.#options;
    const session = sessionOf(request);
    if (!dispatcher?.knows(session)) return false;
    const host = String(request.headers["x-hostname"] ?? "").slice(0, hostMax);
    const remote = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    this.#links.handleUpgrade(request, socket, head, (webSocket) =>
      dispatcher.join({ session, host, remote }, websocketEnd(webSocket)),
    );
    return true;
  }
}

/** Instead of the WebSocket that was asked for. */
function answerAtOnce(socket: Duplex, status: number, retryAfter?: number): void {
  const again = retryAfter === undefined ? "" : `Retry-After: ${retryAfter}\r\n`;
  const words = STATUS_CODES[status] ?? "";
  socket.end(`HTTP/1.1 ${status} ${words}\r\n${again}Connection: close\r\nContent-Length: 0\r\n\r\n`);
}

function sessionOf({ headers }: IncomingMessage): string {
  return String(headers["x-session-token"] ?? "");
}

/** All of it each time: what is not said again when certificates are renewed would be Node's own. */
function secured({ tls, ticketSecret, clock }: DeviceListenerOptions): SecureContextOptions & TlsOptions {
  return {
    ...tls(),
    ticketKeys: ticketKeys(ticketSecret, clock.now()),
    ...{ sessionIdContext, sessionTimeout: sessionSeconds, minVersion: "TLSv1.2" },
  };
}

/**
 * Hands on a body as it comes. Events instead of an iterator: it is on the way of every poll. What throws, or
 * a connection that breaks, ends it and the connection.
 */
function eachPart(request: IncomingMessage, take: (part: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      request.socket.destroy();
      reject(error);
    };
    request.on("data", (part: Uint8Array) => {
      try {
        take(part);
      } catch (error) {
        fail(error);
      }
    });
    request.once("end", resolve);
    request.once("error", fail);
    // It comes after the end as well, when the connection goes on; an error costs more than the rest of it.
    request.once("close", () => {
      if (!request.readableEnded) reject(new Error("the connection was closed"));
    });
  });
}

/** RFC 6455's code for a server that goes down. */
const goingAway = 1001;

/**
 * Ticket keys as TLS wants them. Made from a secret and the week, so that a restart does not end sessions,
 * and a key that leaks tells nothing of earlier weeks.
 */
function ticketKeys(secret: Uint8Array, now: Instant): Buffer {
  const week = Math.floor(now / ticketWeek);
  return Buffer.from(hkdfSync("sha256", secret, "", `tickets of week ${week}`, 48));
}
