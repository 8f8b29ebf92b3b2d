/** Requests that only the leader can answer, passed on to it as the user that made them. */

import type { ServerResponse } from "node:http";
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Answer, StatusError, type User } from "@selvedge/apiserver";
import { join, type LeaderConnections } from "./leader-connections.ts";

export interface ForwardingOptions {
  readonly leader: Pick<LeaderConnections, "open">;
  /** What the leader's certificate is checked against, and who we are to it: somebody who may speak for others. */
  readonly tls: () => { readonly ca: string; readonly cert: string; readonly key: string };
}

/** Of one hop, or of the connection the request came on. */
const hopHeaders =
  /^(?::|(?:connection|keep-alive|proxy-.*|transfer-encoding|te|trailer|host|http2-settings)$)/;
/** Who asks is said by us. */
const identityHeaders = /^(?:authorization|impersonate-.*)$/;
export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** What replicas speak on a connection to an app: nothing of their own. */
export const plainProtocol = "selvedge-plain";
/** What every certificate of a replica is for. */
const serverName = "localhost";

export class Forwarding {
  readonly #options: ForwardingOptions;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** Answers with what the leader answers, in the name of `user`; in the request's own name without one. */
  async forward(incoming: IncomingMessage, answer: Answer, user: User | undefined): Promise<void> {
    const gone = new AbortController();
    (answer.type === "upgrade" ? answer.socket : answer.response).once("close", () => gone.abort());
    const socket = await this.#connect(user !== undefined);
    if (gone.signal.aborted) {
      socket.destroy();
      return;
    }
    const outgoing = request({
      ...{ createConnection: () => socket, method: incoming.method, path: incoming.url },
      headers: { ...headersFor(incoming, user), host: serverName },
    });
    if (answer.type === "upgrade") await upgrade(incoming, outgoing, answer.socket, answer.head);
    else await respond(incoming, outgoing, answer.response);
  }

  /** A connection to an app behind a Service, which only the leader reaches. */
  async openService({ namespace, name, port }: ServicePort, signal: AbortSignal): Promise<Duplex> {
    const socket = await this.#connect(true);
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
    if (signal.aborted) socket.destroy();
    const path = `/api/v1/namespaces/${namespace}/services/${encodeURIComponent(`${name}:${port}`)}/proxy`;
    const headers = { host: serverName, connection: "Upgrade", upgrade: plainProtocol };
    const outgoing = request({ createConnection: () => socket, path, headers });
    const opened = Promise.withResolvers<Duplex>();
    outgoing.on("error", (error) => opened.reject(unavailable("the replica that leads was lost", error)));
    outgoing.on("upgrade", (_answer, peer, rest) => {
      if (rest.length > 0) peer.unshift(rest);
      opened.resolve(peer);
    });
    outgoing.on("response", (refusal) => {
      refusal.resume();
      socket.destroy();
      opened.reject(unavailable(`the replica that leads answers ${refusal.statusCode}`));
    });
    outgoing.end();
    return await opened.promise;
  }

  async #connect(asOurselves: boolean): Promise<TLSSocket> {
    const peer = await this.#options.leader.open("api").catch((cause: unknown) => {
      throw unavailable("the replica that leads cannot be reached; try again in a few seconds", cause);
    });
    if (peer === undefined) throw unavailable("no replica leads now; try again in a few seconds");
    const { ca, cert, key } = this.#options.tls();
    const identity = asOurselves ? { cert, key } : {};
    const tls = { socket: peer, servername: serverName, ca, ALPNProtocols: ["http/1.1"], ...identity };
    return connectTls(tls).on("error", () => undefined);
  }
}

async function respond(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  response: ServerResponse,
): Promise<void> {
  const answered = Promise.withResolvers<IncomingMessage>();
  outgoing.on("response", answered.resolve);
  outgoing.on("error", (error) => answered.reject(unavailable("the replica that leads was lost", error)));
  outgoing.once("close", () => outgoing.socket?.destroy());
  response.once("close", () => outgoing.destroy());
  pipeline(incoming, outgoing).catch(() => undefined);
  const upstream = await answered.promise;
  const headers = Object.entries(upstream.headers).filter(([name]) => !hopHeaders.test(name));
  response.writeHead(upstream.statusCode ?? 502, Object.fromEntries(headers) as Record<string, string>);
  response.flushHeaders();
  // A stream that breaks ends the same way on both sides.
  await pipeline(upstream, response).catch(() => response.destroy());
}

async function upgrade(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  socket: Duplex,
  head: Uint8Array,
): Promise<void> {
  const opened = Promise.withResolvers<void>();
  outgoing.on("error", (error) => opened.reject(unavailable("the replica that leads was lost", error)));
  outgoing.on("upgrade", (upstream, peer, rest) => {
    socket.write(statusLines(upstream));
    socket.write(rest);
    peer.write(head);
    join(socket, peer);
    opened.resolve();
  });
  outgoing.on("response", (upstream) => {
    socket.write(statusLines(upstream));
    pipeline(upstream, socket).catch(() => socket.destroy());
    opened.resolve();
  });
  socket.once("close", () => outgoing.destroy());
  outgoing.end();
  await opened.promise;
  incoming.resume();
}

/** The head of an answer, as it came. A body without a length goes to the end of the connection. */
function statusLines({ statusCode = 502, statusMessage = "", rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
    if (!/^transfer-encoding$/i.test(name)) lines.push(`${name}: ${value}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function headersFor({ headers }: IncomingMessage, user: User | undefined): IncomingHttpHeaders {
  const kept = Object.entries(headers).filter(
    ([name]) =>
      (!hopHeaders.test(name) || name === "connection") &&
      !(user !== undefined && identityHeaders.test(name)),
  );
  const upgrades = headers.upgrade !== undefined;
  const own = Object.fromEntries(kept.filter(([name]) => name !== "connection" || upgrades));
  if (user === undefined) return own;
  const extra = Object.entries(user.extra ?? {}).map(
    ([name, values]) => [`impersonate-extra-${encodeURIComponent(name)}`, [...values]] as const,
  );
  return {
    ...own,
    ...{ "impersonate-user": user.name, "impersonate-group": [...user.groups] },
    ...(user.uid === undefined ? {} : { "impersonate-uid": user.uid }),
    ...Object.fromEntries(extra),
  } as unknown as IncomingHttpHeaders;
}

function unavailable(message: string, cause?: unknown): StatusError {
  return new StatusError(503, "ServiceUnavailable", message, { retryAfterSeconds: 1 }, { cause });
}
