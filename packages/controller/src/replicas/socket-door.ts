import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type ServerOpts, type Socket } from "node:net";
import type { Address } from "../address.ts";

/** As many as the port of the leader takes. */
const connectionsMax = 40_000;

/** A port whose connections end with it. */
export class SocketDoor implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ServerOpts, take: (socket: Socket) => void) {
    this.#server = createServer(options, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      take(socket);
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
}
