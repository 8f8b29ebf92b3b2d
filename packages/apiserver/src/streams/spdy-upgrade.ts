import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { StatusError } from "../status-error.ts";
import { SpdyConnection } from "./spdy/connection.ts";
import type { Headers } from "./spdy/headers.ts";
import { list, negotiate } from "./websocket.ts";

const versionHeader = "x-stream-protocol-version";

export function isSpdy(request: IncomingMessage): boolean {
  return list(request.headers.upgrade).some((name) => name.toLowerCase() === "spdy/3.1");
}

/** Which of our protocols the client wants over SPDY. */
export function negotiateSpdy(request: IncomingMessage, ours: readonly string[]): string {
  const offered = list(request.headers[versionHeader]);
  const message = `unable to upgrade: ${versionHeader} is missing; the server speaks [${ours.join(" ")}]`;
  if (offered.length === 0) throw new StatusError(400, "BadRequest", message);
  return negotiate(offered, ours);
}

/** Answers 101 and speaks SPDY from there on. */
export function acceptSpdy(
  socket: Duplex,
  head: Uint8Array,
  protocol: string,
  onStream: (stream: Duplex, headers: Headers) => void,
): SpdyConnection {
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n" +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return new SpdyConnection(socket, onStream);
}
