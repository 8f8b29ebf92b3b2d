/**
 * A TLS connection that sends one prepared HTTP request again and again and looks at nothing but the
 * status.
 */
import { connect, type TLSSocket } from "node:tls";

export interface PollTarget {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

export class PollConnection implements Disposable {
  readonly #socket: TLSSocket;
  #session: Buffer | undefined;
  #received = "";
  #answered: ((status: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.setNoDelay(true);
    socket.on("session", (session: Buffer) => {
      this.#session = session;
    });
    socket.on("data", (text: string) => this.#read(text));
    const fail = (error: Error): void => {
      this.#failed?.(error);
      this.#answered = undefined;
      this.#failed = undefined;
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the controller closed the connection")));
  }

  static open(target: PollTarget, session?: Buffer): Promise<PollConnection> {
    return new Promise((resolve, reject) => {
      const { host, port, ca } = target;
      const socket = connect({ host, port, ca, ...(session === undefined ? {} : { session }) });
      const connection = new PollConnection(socket);
      socket.once("secureConnect", () => resolve(connection));
      socket.once("error", reject);
    });
  }

  /** For the next connection; TLS 1.3 sends it after the handshake. */
  get session(): Buffer | undefined {
    return this.#session;
  }

  get isResumed(): boolean {
    return this.#socket.isSessionReused();
  }

  /** Bytes both ways, TLS included. */
  get bytes(): number {
    return this.#socket.bytesRead + this.#socket.bytesWritten;
  }

  poll(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(request);
    });
  }

  [Symbol.dispose](): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return;
    const status = Number(this.#received.slice(9, 12));
    this.#received = "";
    this.#answered?.(status);
  }
}

/** A whole HTTP/1.1 request. */
export function rawRequest(host: string, path: string, body: Uint8Array): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: ${host}`,
    "content-type: application/x-proto-binary",
    `content-length: ${body.length}`,
    "",
    "",
  ].join("\r\n");
  return Buffer.concat([Buffer.from(head), body]);
}
