import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Log } from "@selvedge/base";
import type { Registry, RegistryIdentity } from "../registry/registry.ts";

/** Whether a request belongs to the registry. */
export function isRegistryTarget(target: string | undefined): boolean {
  return target !== undefined && /^\/v2(?:\/|\?|$)/.test(target);
}

/** Answers one HTTP request by the registry, whatever happens: a failure is a 500, or a cut when the answer has
 * begun. */
export async function serveRegistry(
  registry: Registry,
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
      body: request as AsyncIterable<Uint8Array>,
      identity,
    });
    response.writeHead(answer.status, answer.headers);
    if (answer.body instanceof Uint8Array) response.end(answer.body);
    else await pipeline(Readable.from(answer.body, { objectMode: false }), response);
    // What the registry did not want to read must not be taken for the next request on this connection.
    if (!request.readableEnded) request.resume();
  } catch (error) {
    // A client that goes away in the middle is no fault of ours.
    if (request.destroyed || response.destroyed) return;
    log.error("registry request failed", { method: request.method, target: request.url, error });
    if (response.headersSent) response.destroy();
    else {
      response.writeHead(500, { "content-type": "application/json", connection: "close" });
      response.end('{"errors":[{"code":"UNKNOWN","message":"the registry failed; its log says why"}]}');
    }
  }
}
