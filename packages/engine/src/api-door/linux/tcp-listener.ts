import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "@selvedge/base";
import { AddressServers } from "../../host/linux/address-servers.ts";
import type { ApiListener, AppConnection } from "../api-door.ts";

/** At once, before anybody has looked whose they are. */
const connectionsMax = 256;
/** An app that lost its machine says nothing more: only this finds out. */
const probeAfterMs = 60_000;

/** TCP on the addresses of bridges. */
export class TcpListener implements ApiListener {
  readonly #sockets = new WeakMap<Server, Set<Socket>>();
  readonly #servers: AddressServers<Server>;

  constructor(log: Log) {
    this.#servers = new AddressServers(log.child("api door"), (server) => {
      for (const socket of this.#sockets.get(server) ?? []) socket.resetAndDestroy();
    });
  }

  async listen(
    addresses: readonly string[],
    port: number,
    serve: (connection: AppConnection) => void,
  ): Promise<void> {
    await this.#servers.listen(addresses, port, () => {
      const sockets = new Set<Socket>();
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        socket.setKeepAlive(true, probeAfterMs);
        // Whoever reads it is told as well.
        socket.on("error", () => undefined);
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        const remote = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
        serve({ address: remote, socket, refuse: () => void socket.resetAndDestroy() });
      });
      server.maxConnections = connectionsMax;
      this.#sockets.set(server, sockets);
      return server;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers[Symbol.asyncDispose]();
  }
}
