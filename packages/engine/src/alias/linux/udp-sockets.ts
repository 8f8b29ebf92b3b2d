import { createSocket, type Socket } from "node:dgram";
import { NODATA, NOTFOUND } from "node:dns";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { isIP } from "node:net";
import { describeError, type Log } from "@selvedge/base";
import { parseAddress } from "../../network/address.ts";
import type { Found, NameSockets } from "../alias-door.ts";

/** Less than the resolver that asks waits itself. */
const timeoutMs = 4000;

/** UDP on the addresses of bridges. */
export class UdpSockets implements NameSockets {
  readonly #log: Log;
  readonly #sockets = new Map<string, Socket>();

  constructor(log: Log) {
    this.#log = log.child("aliases");
  }

  async listen(
    addresses: readonly string[],
    port: number,
    answer: Parameters<NameSockets["listen"]>[2],
  ): Promise<void> {
    for (const [address, socket] of this.#sockets) {
      if (addresses.includes(address)) continue;
      this.#sockets.delete(address);
      socket.close();
    }
    for (const address of addresses) {
      if (this.#sockets.has(address)) continue;
      const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
      socket.bind({ address, port, exclusive: true });
      await once(socket, "listening");
      // One that fails is gone: the next look opens it anew.
      socket.on("error", (error) => {
        this.#log.warn("names cannot be answered", { address, error: describeError(error) });
        this.#sockets.delete(address);
        socket.close();
      });
      socket.on("message", (question, { address: from, port: to }) => {
        answer(address, question).then(
          (bytes) => {
            if (bytes !== undefined && this.#sockets.get(address) === socket) socket.send(bytes, to, from);
          },
          (error: unknown) => this.#log.warn("a name is not answered", { error: describeError(error) }),
        );
      });
      this.#sockets.set(address, socket);
    }
  }

  async find(resolver: string, name: string, family: "A" | "AAAA"): Promise<Found> {
    const asked = new Resolver({ timeout: timeoutMs, tries: 1 });
    asked.setServers([resolver]);
    try {
      const records =
        family === "A"
          ? await asked.resolve4(name, { ttl: true })
          : await asked.resolve6(name, { ttl: true });
      const addresses = records.map(({ address, ttl }) => ({ bytes: addressBytes(address), ttl }));
      return { kind: "addresses", addresses };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === NODATA) return { kind: "none" };
      return { kind: code === NOTFOUND ? "unknown" : "failed" };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}

function addressBytes(address: string): Uint8Array {
  const digits = isIP(address) === 6 ? 32 : 8;
  return Buffer.from(parseAddress(address).toString(16).padStart(digits, "0"), "hex");
}
