import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { StatusError } from "../status-error.ts";

/** As upstream. kubectl sends 32 KiB at once; whoever uses a library sends a file as one message. */
const messageMax = 32 * 1024 * 1024;

const server = new WebSocketServer({ noServer: true, maxPayload: messageMax, perMessageDeflate: false });

export function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/** The sub-protocols a client offers, in its order of preference. */
export function offeredProtocols(request: IncomingMessage): string[] {
  return list(request.headers["sec-websocket-protocol"]);
}

export function list(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** The first of ours that the client offers too. */
export function negotiate(offered: readonly string[], ours: readonly string[]): string {
  const chosen = ours.find((protocol) => offered.includes(protocol));
  if (chosen !== undefined) return chosen;
  const message = `unable to upgrade: the client offers [${offered.join(" ")}], the server [${ours.join(" ")}]`;
  throw new StatusError(400, "BadRequest", message);
}

/**
 * Shakes hands and gives the connection; undefined when the request was no proper handshake, which has then
 * been answered. `protocol` may be any text: `ws` itself refuses Kubernetes' "SPDY/3.1+portforward.k8s.io",
 * whose slash is no character of an HTTP token, so we keep the header from it and write the answer's
 * ourselves.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  protocol: string,
): WebSocket | undefined {
  delete request.headers["sec-websocket-protocol"];
  let accepted: WebSocket | undefined;
  const name = (headers: string[], asked: IncomingMessage): void => {
    if (asked === request && protocol !== "") headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  };
  server.on("headers", name);
  try {
    server.handleUpgrade(request, socket, Buffer.from(head), (webSocket) => {
      accepted = webSocket;
    });
  } finally {
    server.off("headers", name);
  }
  return accepted;
}
