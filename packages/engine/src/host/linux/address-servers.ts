import type { Server } from "node:net";
import { describeError, type Log } from "@selvedge/base";

/** One server an address: nothing listens on any other. */
export class AddressServers<S extends Server> implements AsyncDisposable {
  readonly #log: Log;
  readonly #cut: (server: S) => void;
  readonly #servers = new Map<string, S>();

  /** `cut` ends the connections of one that is to close. */
  constructor(log: Log, cut: (server: S) => void) {
    this.#log = log;
    this.#cut = cut;
  }

  async listen(addresses: readonly string[], port: number, make: () => S): Promise<void> {
    for (const [address, server] of this.#servers) {
      if (addresses.includes(address) && server.listening) continue;
      this.#servers.delete(address);
      await this.#close(server);
    }
    for (const address of addresses) {
      if (this.#servers.has(address)) continue;
      const server = make();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: address, port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
      server.on("error", (error) => this.#log.warn("listener", { address, error: describeError(error) }));
      this.#servers.set(address, server);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => this.#close(server)));
    this.#servers.clear();
  }

  #close(server: S): Promise<void> {
    this.#cut(server);
    return new Promise((resolve) => server.close(() => resolve()));
  }
}
