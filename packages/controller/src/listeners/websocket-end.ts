import type { WebSocket } from "ws";
import type { SessionEnd } from "../remote-access/dispatcher.ts";

/** A `ws` connection as one end of a remote session. */
export function websocketEnd(socket: WebSocket): SessionEnd {
  socket.binaryType = "nodebuffer";
  // An error is always followed by close, which is what ends it.
  socket.on("error", () => undefined);
  return {
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send(data, isText) {
      if (socket.readyState === socket.OPEN) socket.send(data, { binary: !isText });
    },
    // At once: what the peer has not read is of no use to it.
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
