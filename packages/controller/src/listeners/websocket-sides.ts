import type { WebSocket } from "ws";

/** What both who look into boxes and tunnels to screens need of a `ws` connection. */
export interface WebsocketSides {
  close(): void;
  onMessage(take: (data: Uint8Array, isText: boolean) => void): void;
  /** Anything that shows that the peer is there. */
  onSign(heard: () => void): void;
  onClose(gone: () => void): void;
}

export function websocketSides(socket: WebSocket): WebsocketSides {
  socket.binaryType = "nodebuffer";
  // An error is always followed by close, which is what ends it.
  socket.on("error", () => undefined);
  return {
    // At once: what the peer has not read is of no use to it, and one that means ill does not stay for a farewell.
    close: () => socket.terminate(),
    onMessage(take) {
      socket.on("message", (data: Uint8Array, isBinary: boolean) => take(data, !isBinary));
    },
    onSign(heard) {
      for (const sign of ["message", "ping", "pong"]) socket.on(sign, heard);
    },
    onClose: (gone) => void socket.on("close", gone),
  };
}
