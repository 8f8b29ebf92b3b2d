import { createReadStream } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { describeError, type Log } from "@selvedge/base";
import { AddressServers } from "../../host/linux/address-servers.ts";
import { createServer } from "../../host/linux/plain-http.ts";
import type { MetadataAnswer, MetadataRequest } from "../exchange.ts";
import type { MetadataListener } from "../metadata-domain.ts";

/** Requests under way at once, of all apps together, and how long one may take. */
const connectionsMax = 128;
const requestMs = 30_000;
/** Of headers; apps send few. */
const headersMax = 16_384;

/** HTTP on the addresses of bridges. */
export class MetadataServer implements MetadataListener {
  readonly #log: Log;
  readonly #servers: AddressServers<Server>;

  constructor(log: Log) {
    this.#log = log.child("metadata");
    this.#servers = new AddressServers(this.#log, (server) => server.closeAllConnections());
  }

  async listen(
    addresses: readonly string[],
    port: number,
    answer: (request: MetadataRequest) => Promise<MetadataAnswer>,
  ): Promise<void> {
    await this.#servers.listen(addresses, port, () => {
      const options = { requestTimeout: requestMs, maxHeaderSize: headersMax, keepAliveTimeout: 1000 };
      const server = createServer(
        options,
        (incoming, response) => void this.#serve(incoming, response, answer),
      );
      server.maxConnections = connectionsMax;
      return server;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers[Symbol.asyncDispose]();
  }

  async #serve(
    incoming: IncomingMessage,
    response: ServerResponse,
    answer: (request: MetadataRequest) => Promise<MetadataAnswer>,
  ): Promise<void> {
    try {
      await send(response, incoming.method === "HEAD", await answer(requestOf(incoming)));
    } catch (error) {
      this.#log.warn("a request of an app failed", { path: incoming.url, error: describeError(error) });
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "Content-Type": "text/plain" }).end("Internal Server Error\n");
    }
  }
}

function requestOf(incoming: IncomingMessage): MetadataRequest {
  const { method = "", url = "/", headers, socket } = incoming;
  return {
    method: method === "HEAD" ? "GET" : method,
    path: url.split("?", 1)[0] ?? "/",
    contentType: headers["content-type"] ?? "",
    address: (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    port: socket.remotePort ?? 0,
    async body(bytesMax) {
      const parts: Buffer[] = [];
      let length = 0;
      for await (const part of incoming as AsyncIterable<Buffer>) {
        length += part.length;
        if (length > bytesMax) return undefined;
        parts.push(part);
      }
      return new Uint8Array(Buffer.concat(parts));
    },
  };
}

async function send(response: ServerResponse, headOnly: boolean, answer: MetadataAnswer): Promise<void> {
  const { status, type, headers = {}, body = "", file } = answer;
  const length = file?.sizeBytes ?? Buffer.byteLength(body);
  response.writeHead(status, {
    ...headers,
    ...(type === undefined ? {} : { "Content-Type": type }),
    ...(status === 204 ? {} : { "Content-Length": length }),
  });
  if (headOnly || status === 204) response.end();
  else if (file === undefined) response.end(body);
  else await pipeline(createReadStream(file.path, { end: Math.max(0, file.sizeBytes - 1) }), response);
}
