import type { WebSocket } from "ws";
import type { TunnelSocket } from "../screens/screen-tunnel.ts";
import { websocketSides } from "./websocket-sides.ts";

/** A `ws` connection as what a tunnel to screens runs over. */
export function websocketTunnel(socket: WebSocket): TunnelSocket {
  return {
    ...websocketSides(socket),
    send: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, { binary: true }, (error) => (error ? reject(error) : resolve())),
      ),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}
