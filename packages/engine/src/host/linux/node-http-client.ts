/**
 * HttpClient over Node's own http and https: connections kept, TLS sessions resumed, own roots per request.
 */

import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { getCACertificates } from "node:tls";
import { type HttpClient, HttpError, type HttpRequest, type HttpResponse } from "../http.ts";
import { Agent as PlainAgent, request as plainRequest } from "./plain-http.ts";
import { TunnelAgent } from "./tunnel-agent.ts";

/** Roots differ per registry; a node talks to few. */
const agentsMax = 16;
/** A node is one client: more at once gain nothing and hold memory at both ends. */
const socketsMax = 8;
/** Idle connections kept per host: one for polls, one for reports. */
const freeSocketsMax = 2;
/** How long a TCP connection may be silent before the kernel asks whether the peer is still there. */
const keepAliveMs = 45_000;

export class NodeHttpClient implements HttpClient, Disposable {
  readonly #plain = new PlainAgent({ ...agentOptions });
  /** By the roots they trust; the one used last is the last. */
  readonly #agents = new Map<string, TlsAgent>();
  /** Who stands between us and a host; nobody until somebody knows. */
  proxyFor: (
    host: string,
  ) => { readonly server: string | undefined; readonly certificates: readonly string[] } | undefined = () =>
    undefined;

  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    try {
      return await this.#attempt(request);
    } catch (error) {
      // A kept connection may have been closed by the peer just as we used it: nobody has read the request
      // then.
      if (error instanceof StaleConnectionError) return await this.#attempt(request);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#plain.destroy();
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #attempt(request: HttpRequest): Promise<HttpResponse> {
    const { method, url, headers = {}, body, timeoutMs, connectMs = timeoutMs, signal } = request;
    return new Promise((resolve, reject) => {
      // The cause's words are in the message; as a cause of its own every log line would say them twice.
      const fail = (why: string): void => reject(new HttpError(`${method} ${url}: ${why}`));
      let outgoing: ClientRequest;
      try {
        outgoing = this.#open(request, {
          method,
          headers: body === undefined ? headers : { ...headers, "content-length": String(body.length) },
        });
      } catch (cause) {
        fail(`cannot be sent: ${asError(cause).message}`);
        return;
      }
      const abort = (): void => void outgoing.destroy(asError(signal?.reason));
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
      signal?.addEventListener("abort", abort, { once: true });
      limitConnecting(outgoing, connectMs);
      outgoing.on("error", (cause) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        if (signal?.aborted) return reject(signal.reason);
        if (outgoing.reusedSocket && isReset(cause)) return reject(new StaleConnectionError());
        fail(cause.message);
      });
      outgoing.on("response", (incoming) => {
        clearTimeout(timer);
        incoming.setTimeout(timeoutMs, () => incoming.destroy(new Error(`nothing for ${timeoutMs} ms`)));
        incoming.once("close", () => signal?.removeEventListener("abort", abort));
        resolve({
          status: incoming.statusCode ?? 0,
          headers: flatHeaders(incoming),
          body: bodyOf(incoming, `${method} ${url}`),
        });
      });
      outgoing.end(body);
    });
  }

  #open(
    { url, certificates = [], systemRoots = certificates.length === 0 }: HttpRequest,
    options: { method: string; headers: Record<string, string> | Readonly<Record<string, string>> },
  ): ClientRequest {
    if (url.startsWith("http:")) return plainRequest(url, { ...options, agent: this.#plain });
    const proxy = this.proxyFor(new URL(url).hostname);
    const roots = [...certificates, ...(proxy?.certificates ?? [])];
    return tlsRequest(url, { ...options, agent: this.#agent(roots, systemRoots, proxy?.server) });
  }

  #agent(certificates: readonly string[], systemRoots: boolean, proxy: string | undefined): TlsAgent {
    const key = [proxy ?? "", systemRoots ? "system" : "", ...certificates].join("\n");
    const known = this.#agents.get(key);
    this.#agents.delete(key);
    const agent = known ?? openAgent(certificates, systemRoots, proxy);
    this.#agents.set(key, agent);
    this.#forgetIdle();
    return agent;
  }

  /** Requests under way are never cut for this: an agent that works stays until it rests. */
  #forgetIdle(): void {
    for (const [key, agent] of [...this.#agents].slice(0, -1)) {
      if (this.#agents.size <= agentsMax) return;
      if (Object.keys(agent.sockets).length > 0) continue;
      agent.destroy();
      this.#agents.delete(key);
    }
  }
}

/** Ends a request whose connection does not come about; one that is there already has all its time. */
function limitConnecting(outgoing: ClientRequest, connectMs: number): void {
  outgoing.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no connection in ${connectMs} ms`)),
      connectMs,
    );
    const done = (): void => clearTimeout(timer);
    socket.once("connect", done).once("close", done);
  });
}

function openAgent(
  certificates: readonly string[],
  systemRoots: boolean,
  proxy: string | undefined,
): TlsAgent {
  const ca = [...certificates, ...(systemRoots ? readSystemRoots() : [])];
  if (proxy !== undefined) return new TunnelAgent(proxy, ca, agentOptions);
  return new TlsAgent({ ...agentOptions, minVersion: "TLSv1.2", ca });
}

/** The box's own, where its owner may have added some; those that came with Node where it has none. */
function readSystemRoots(): string[] {
  const own = getCACertificates("system");
  return own.length > 0 ? own : getCACertificates("bundled");
}

const agentOptions = {
  keepAlive: true,
  keepAliveMsecs: keepAliveMs,
  maxSockets: socketsMax,
  maxFreeSockets: freeSocketsMax,
} as const;

/** The connection was a kept one that had died meanwhile. */
class StaleConnectionError extends Error {
  override name = "StaleConnectionError";
}

function isReset(cause: Error): boolean {
  return "code" in cause && (cause.code === "ECONNRESET" || cause.code === "EPIPE");
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function flatHeaders({ headers }: IncomingMessage): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
  return flat;
}

async function* bodyOf(incoming: IncomingMessage, what: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of incoming) yield chunk as Uint8Array;
  } catch (cause) {
    throw new HttpError(`${what}: the answer broke off: ${asError(cause).message}`);
  }
}
