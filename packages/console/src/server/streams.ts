/**
 * Answers without an end, over WebSockets. A browser opens six connections to a server and no more, and every
 * watch and followed log takes one for good; of WebSockets it opens hundreds.
 *
 *   page ◄── text: {"status":200} ── bytes: the body as it comes ── close 1000: it ended; else why it broke
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { describeError } from "@selvedge/base";
import { type WebSocket, WebSocketServer } from "ws";
import { writeHead } from "./raw-head.ts";
import type { Upstream } from "./upstream.ts";

/** The page sends nothing. */
const messageMax = 128;
/** What the API says may break off for reasons that are no part of HTTP; any code of an application's would do. */
const brokenOff = 4000;
/** What fits in a frame of a close. */
const reasonMax = 100;

export class Streams implements Disposable {
  readonly #upstream: Upstream;
  readonly #server: WebSocketServer;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
    this.#server = new WebSocketServer({
      ...{ noServer: true, perMessageDeflate: false, maxPayload: messageMax },
      // The key is among what was offered; a browser wants one of them answered.
      handleProtocols: (offered) => [...offered][0] ?? false,
    });
  }

  /** Sends a page what the API says to a GET, as it says it, until either has enough. */
  follow(path: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      void this.#send(path, webSocket);
    });
  }

  async #send(path: string, webSocket: WebSocket): Promise<void> {
    const gone = new AbortController();
    webSocket.on("close", () => gone.abort()).on("error", () => gone.abort());
    try {
      const answer = await this.#upstream.get(path, gone.signal);
      await send(webSocket, JSON.stringify({ status: answer.statusCode ?? 0 }));
      for await (const bytes of answer) await send(webSocket, bytes as Buffer);
      webSocket.close(1000);
    } catch (error) {
      webSocket.close(
        brokenOff,
        Buffer.from(describeError(error))
          .toString("latin1", 0, reasonMax)
          .replace(/[^ -~]/g, "?"),
      );
    }
  }

  [Symbol.dispose](): void {
    for (const webSocket of this.#server.clients) webSocket.terminate();
    this.#server.close();
  }
}

/** Resolves when the kernel has it: a slow page slows the API's answer, and nothing piles up. */
function send(webSocket: WebSocket, data: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    webSocket.send(data, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Joins a page's upgraded connection with one of ours to the API: exec, attach. Neither is read faster than
 * the other takes.
 */
export function splice(
  upstream: Upstream,
  request: IncomingMessage,
  socket: Duplex,
  offered: readonly string[],
): void {
  const path = request.url ?? "/";
  const outgoing = upstream.open({ method: "GET", path, headers: request.headers, offered });
  const refuse = (status: number, text: string): void => {
    writeHead(socket, status, {}, text);
  };
  socket.on("error", () => outgoing.destroy()).on("close", () => outgoing.destroy());
  outgoing.on("error", (error) => refuse(502, describeError(error)));
  outgoing.on("response", (answer) => {
    answer.resume();
    refuse(answer.statusCode ?? 502, "the API does not open this stream");
  });
  outgoing.on("upgrade", (answer, far, head) => {
    const headers: Record<string, string> = { connection: "Upgrade", upgrade: "websocket" };
    for (const name of ["sec-websocket-accept", "sec-websocket-protocol"]) {
      const value = answer.headers[name];
      if (typeof value === "string") headers[name] = value;
    }
    writeHead(socket, 101, headers);
    socket.write(head);
    far.on("error", () => socket.destroy()).on("close", () => socket.end());
    socket.on("close", () => far.destroy());
    far.pipe(socket).pipe(far);
  });
  outgoing.end();
}
