import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Log } from "@selvedge/base";
import type { Address } from "../address.ts";
import { join, type LeaderConnections } from "./leader-connections.ts";

/** As many as the port of the leader takes. */
const connectionsMax = 40_000;

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
export class DeviceDoor implements AsyncDisposable {
  readonly #options: DeviceDoorOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: DeviceDoorOptions) {
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      const serve = options.serve();
      if (serve === undefined) void this.#passOn(socket);
      else serve(socket);
    });
    this.#server.maxConnections = connectionsMax;
  }

  async listen({ host, port }: Address): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #passOn(socket: Socket): Promise<void> {
    socket.on("error", () => undefined);
    try {
      const upstream = await this.#options.leader.open("device");
      if (upstream === undefined) socket.destroy();
      else join(socket, upstream);
    } catch (error) {
      this.#options.log.debug("a node could not be passed on to the leader", { error });
      socket.destroy();
    }
  }
}
