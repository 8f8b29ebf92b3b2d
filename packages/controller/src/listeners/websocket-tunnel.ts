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
    // At once: a box ends what it has at guacd either way, and one that means ill does not stay for a farewell.
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
