import { createServer, type Server, type Socket } from "node:net";
import { describeError, type Log } from "@selvedge/base";
import type { ApiListener, AppConnection } from "../api-door.ts";

/** At once, before anybody has looked whose they are. */
const connectionsMax = 256;
/** An app that lost its machine says nothing more: only this finds out. */
const probeAfterMs = 60_000;

/** One server an address of a bridge: nothing listens on any other. */
export class TcpListener implements ApiListener {
  readonly #log: Log;
  readonly #servers = new Map<string, Listening>();

  constructor(log: Log) {
    this.#log = log.child("api door");
  }

  async listen(
    addresses: readonly string[],
    port: number,
    serve: (connection: AppConnection) => void,
  ): Promise<void> {
    for (const [address, listening] of this.#servers) {
      if (addresses.includes(address) && listening.server.listening) continue;
      this.#servers.delete(address);
      await close(listening);
    }
    for (const address of addresses) {
      if (this.#servers.has(address)) continue;
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
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: address, port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
      server.on("error", (error) => this.#log.warn("listener", { address, error: describeError(error) }));
      this.#servers.set(address, { server, sockets });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#servers.values()].map(close));
    this.#servers.clear();
  }
}

interface Listening {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
}

function close({ server, sockets }: Listening): Promise<void> {
  for (const socket of sockets) socket.resetAndDestroy();
  return new Promise((resolve) => server.close(() => resolve()));
}
