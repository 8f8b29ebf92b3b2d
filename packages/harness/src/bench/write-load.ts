/** Many writers over kept TLS connections that cost little themselves, so that what is measured is the other side. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { SystemClock } from "@selvedge/base";
import type { ClusterAccess } from "@selvedge/client";
import { configMap } from "./config-map.ts";

const clock = new SystemClock();

/** Writers that each have a connection of their own. */
export class Writers implements Disposable {
  readonly #connections: readonly Connection[];

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections;
  }

  static async open(access: ClusterAccess, count: number): Promise<Writers> {
    return new Writers(await Promise.all(Array.from({ length: count }, () => Connection.open(access))));
  }

  /** Creates as many ConfigMaps in a namespace. Returns how many milliseconds each took. */
  async create(namespace: string, count: number): Promise<number[]> {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const spans: number[] = [];
    let next = 0;
    const write = async (connection: Connection): Promise<void> => {
      for (let index = next++; index < count; index = next++) {
        const began = clock.monotonic();
        const status = await connection.post(path, JSON.stringify(configMap(`bench-${index}`, namespace)));
        if (status !== 201) throw new Error(`creating an object of ${namespace} was answered with ${status}`);
        spans.push(clock.monotonic() - began);
      }
    };
    await Promise.all(this.#connections.map(write));
    return spans;
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection[Symbol.dispose]();
  }
}

/** One HTTP/1.1 connection, one request at a time. */
class Connection implements Disposable {
  readonly #socket: TLSSocket;
  #answered: PromiseWithResolvers<number> | undefined;
  #received: Buffer = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (part: Buffer) => this.#take(part));
    socket.on("error", (error) => this.#answered?.reject(error));
    socket.on("close", () => this.#answered?.reject(new Error("the controller closed the connection")));
  }

  static async open({ server, ...tls }: ClusterAccess): Promise<Connection> {
    const { hostname: host, port } = new URL(server);
    const socket = connect({ ...tls, host, port: Number(port), ALPNProtocols: ["http/1.1"] });
    await once(socket, "secureConnect");
    return new Connection(socket);
  }

  /** Sends a JSON body; resolves with the status of the answer once all of it is here. */
  post(path: string, body: string): Promise<number> {
    this.#answered = Promise.withResolvers();
    const head = ["Host: bench", "Accept: application/json", "Content-Type: application/json"];
    const length = `Content-Length: ${Buffer.byteLength(body)}`;
    this.#socket.write(`POST ${path} HTTP/1.1\r\n${[...head, length].join("\r\n")}\r\n\r\n${body}`);
    return this.#answered.promise;
  }

  #take(part: Buffer): void {
    const all = this.#received.length === 0 ? part : Buffer.concat([this.#received, part]);
    this.#received = all;
    const end = all.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = all.toString("latin1", 0, end);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    if (all.length < end + 4 + length) return;
    this.#received = all.subarray(end + 4 + length);
    this.#answered?.resolve(Number(head.slice(9, 12)));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
