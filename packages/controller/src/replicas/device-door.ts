import type { Socket } from "node:net";
import type { Log } from "@selvedge/base";
import { join, type LeaderConnections } from "./leader-connections.ts";
import { SocketDoor } from "./socket-door.ts";

export interface DeviceDoorOptions {
  /** Serves a node here; undefined while this replica does not lead. */
  readonly serve: () => ((socket: Socket) => void) | undefined;
  /** Where nodes are passed on to meanwhile. */
  readonly leader: Pick<LeaderConnections, "open">;
  readonly log: Log;
}

/**
 * The device port of a replica. Who leads serves nodes; another passes their bytes on to it, TLS and all, so that a
 * node may dial whichever it finds. While nobody leads nodes are cut off, and come back by themselves.
 */
export function deviceDoor(options: DeviceDoorOptions): SocketDoor {
  return new SocketDoor({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const serve = options.serve();
    if (serve === undefined) void passOn(socket, options);
    else serve(socket);
  });
}

async function passOn(socket: Socket, { leader, log }: DeviceDoorOptions): Promise<void> {
  socket.on("error", () => undefined);
  try {
    const upstream = await leader.open("device");
    if (upstream === undefined) socket.destroy();
    else join(socket, upstream);
  } catch (error) {
    log.debug("a node could not be passed on to the leader", { error });
    socket.destroy();
  }
}
