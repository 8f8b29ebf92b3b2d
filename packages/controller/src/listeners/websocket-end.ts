import type { WebSocket } from "ws";
import type { SessionEnd } from "../remote-access/dispatcher.ts";
import { websocketSides } from "./websocket-sides.ts";

/** A `ws` connection as one end of a remote session. */
export function websocketEnd(socket: WebSocket): SessionEnd {
  return {
    ...websocketSides(socket),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send(data, isText) {
      if (socket.readyState === socket.OPEN) socket.send(data, { binary: !isText });
    },
  };
}
