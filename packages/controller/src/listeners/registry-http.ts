import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Log } from "@selvedge/base";
import type { RegistryDoor } from "../registry/metered-registry.ts";
import type { RegistryIdentity } from "../registry/registry.ts";

/** Whether a request belongs to the registry. */
export function isRegistryTarget(target: string | undefined): boolean {
  return target !== undefined && /^\/v2(?:\/|\?|$)/.test(target);
}

/** What of a refused upload is read and dropped, so that the client hears the answer; then it is cut off. */
const drainMax = 16 * 1024 * 1024;

/**
 * Answers one HTTP request by the registry, whatever happens: a failure is a 500, or a cut when the answer
 * has begun.
 */
export async function serveRegistry(
  registry: RegistryDoor,
  request: IncomingMessage,
  response: ServerResponse,
  identity: RegistryIdentity | undefined,
  log: Log,
): Promise<void> {
  try {
    const answer = await registry.handle({
      method: request.method ?? "GET",
      target: request.url ?? "/",
      headers: request.headers as Record<string, string | undefined>,
      // Giving up in the middle of a body must leave a connection to answer on.
      body: request.iterator({ destroyOnReturn: false }),
      identity,
    });
    response.writeHead(answer.status, answer.headers);
    if (answer.body instanceof Uint8Array) response.end(answer.body);
    else await pipeline(Readable.from(answer.body, { objectMode: false }), response);
    drain(request);
  } catch (error) {
    // A client that goes away in the middle is no fault of ours.
    if (request.destroyed || response.destroyed) return;
    log.error("registry request failed", { method: request.method, target: request.url, error });
    if (response.headersSent) response.destroy();
    else {
      response.writeHead(500, { "content-type": "application/json" });
      response.end('{"errors":[{"code":"UNKNOWN","message":"the registry failed; its log says why"}]}');
      drain(request);
    }
  }
}

/** What the registry did not want to read must not be taken for the next request on this connection. */
function drain(request: IncomingMessage): void {
  if (request.readableEnded) return;
  let dropped = 0;
  request.on("data", (part: Uint8Array) => {
    dropped += part.length;
    if (dropped > drainMax) cut(request);
  });
  request.resume();
}

/** Over HTTP/2 a request is one stream of a connection that others share. */
function cut(request: IncomingMessage & { readonly stream?: { close(): void } }): void {
  if (request.stream === undefined) request.socket.destroy();
  else request.stream.close();
}
