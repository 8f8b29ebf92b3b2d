/** A log over a WebSocket, as consoles of clusters read it: what is read at once is one message. */
import type { IncomingMessage } from "node:http";
import { type Duplex, type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WebSocket } from "ws";
import { acceptWebSocket, negotiate, offeredProtocols } from "./websocket.ts";

const base64 = "base64.binary.k8s.io";

/** `open` is asked once the client's protocol is known, and its refusal is an ordinary answer. */
export async function serveLogMessages(
  request: IncomingMessage,
  { socket, head }: { readonly socket: Duplex; readonly head: Uint8Array },
  open: () => Promise<Readable>,
): Promise<void> {
  const offered = offeredProtocols(request);
  const protocol = offered.length === 0 ? "" : negotiate(offered, ["binary.k8s.io", base64]);
  const lines = await open();
  const webSocket = acceptWebSocket(request, socket, head, protocol);
  if (webSocket === undefined) {
    lines.destroy();
    return;
  }
  webSocket.on("error", () => undefined);
  webSocket.once("close", () => lines.destroy());
  try {
    await pipeline(lines, messagesTo(webSocket, protocol === base64));
    webSocket.close(1000);
  } catch {
    // Half a log must not look like a whole one.
    webSocket.close(1011, "the log broke off");
  }
}

function messagesTo(webSocket: WebSocket, isText: boolean): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      webSocket.send(isText ? chunk.toString("base64") : chunk, done);
    },
  });
}
