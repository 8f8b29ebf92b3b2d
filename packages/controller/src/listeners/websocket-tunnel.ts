import type { WebSocket } from "ws";
import type { TunnelSocket } from "../screens/screen-tunnel.ts";

/** A `ws` connection as what a tunnel to screens runs over. */
export function websocketTunnel(socket: WebSocket): TunnelSocket {
  socket.binaryType = "nodebuffer";
  // An error is always followed by close, which is what ends it.
  socket.on("error", () => undefined);
  return {
    send: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, { binary: true }, (error) => (error ? reject(error) : resolve())),
      ),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    // A box ends what it has at guacd when it is told. ws gives up by itself on one that does not answer.
    close: () => {
      socket.resume();
      socket.close();
    },
    onMessage(take) {
      socket.on("message", (data: Uint8Array, isBinary: boolean) => take(data, !isBinary));
    },
    onSign(heard) {
      for (const sign of ["message", "ping", "pong"]) socket.on(sign, heard);
    },
    onClose: (gone) => void socket.on("close", gone),
  };
}
