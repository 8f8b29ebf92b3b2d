/** The link's connection: a WebSocket over TLS. */
import type { LinkSocket } from "@selvedge/eve-api";
import { WebSocket } from "ws";
import { type LinkDialer, LinkUnsupportedError } from "../../ports.ts";

/** Frames of the link are at most 32 KiB of data and a command line. */
const payloadMax = 256 * 1024;
const handshakeMs = 30_000;
/** What a server says that knows the address of a node and nothing of links. */
const noLink: ReadonlySet<number> = new Set([400, 404, 405, 426, 501]);

export class WsLinkDialer implements LinkDialer {
  async dial(url: string, certificates: readonly string[], signal: AbortSignal): Promise<LinkSocket> {
    signal.throwIfAborted();
    const socket = new WebSocket(url, {
      maxPayload: payloadMax,
      handshakeTimeout: handshakeMs,
      perMessageDeflate: false,
      ...(certificates.length === 0 ? {} : { ca: [...certificates] }),
    });
    const adapted = adapt(socket);
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        socket.terminate();
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      socket.once("open", () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      socket.once("unexpected-response", (request, { statusCode = 0 }) => {
        signal.removeEventListener("abort", abort);
        request.destroy();
        const message = `the controller answers ${statusCode} to the link`;
        reject(noLink.has(statusCode) ? new LinkUnsupportedError(message) : new Error(message));
      });
      socket.once("error", (cause) => {
        signal.removeEventListener("abort", abort);
        reject(cause);
      });
    });
    return adapted;
  }
}

/** Messages that come before somebody listens are kept: the controller speaks first. */
function adapt(socket: WebSocket): LinkSocket {
  const early: Uint8Array[] = [];
  let listener: ((message: Uint8Array) => void) | undefined;
  let onClose: (() => void) | undefined;
  let closed = false;
  socket.on("message", (data: Buffer) => {
    if (listener === undefined) early.push(data);
    else listener(data);
  });
  // A connection that breaks ends with "close" as well.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
    onClose?.();
  });
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    // A peer that is gone never answers a close; nothing is lost by not waiting for it.
    close: () => socket.terminate(),
    onMessage(take) {
      listener = take;
      for (const message of early.splice(0)) take(message);
    },
    onClose(take) {
      onClose = take;
      if (closed) take();
    },
  };
}
