import { describeError } from "@selvedge/base";
import type { EdgeviewNet, NetTarget, TcpConnection, TcpListener } from "./edgeview-net.ts";

/** Where a browser may go from the node: an address, or why not. */
export type Reach = (
  host: string,
  port: number,
) => Promise<{ readonly target: NetTarget } | { readonly why: string }>;

/** A request's head; browsers send a few KiB. */
const headMax = 64 * 1024;

/**
 * One connection of a browser to a proxy that the node seems to be: it says where it wants to go, and is led
 * there if it may. What is asked for in clear is asked for once a connection, so that each is judged.
 */
export class ProxyConnection implements TcpConnection {
  readonly #net: EdgeviewNet;
  readonly #reach: Reach;
  readonly #listener: TcpListener;
  #head = "";
  #opening = false;
  #closed = false;
  #upstream: TcpConnection | undefined;

  constructor(net: EdgeviewNet, reach: Reach, listener: TcpListener) {
    this.#net = net;
    this.#reach = reach;
    this.#listener = listener;
  }

  get bufferedBytes(): number {
    return this.#upstream?.bufferedBytes ?? this.#head.length;
  }

  write(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#upstream !== undefined) {
      this.#upstream.write(bytes);
      return;
    }
    this.#head += Buffer.from(bytes).toString("latin1");
    if (this.#head.length > headMax) this.#refuse(431, "the request's head is too large");
    else if (!this.#opening && this.#head.includes(headEnd)) {
      this.#opening = true;
      this.#open().catch((error: unknown) => this.#refuse(503, describeError(error)));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#upstream?.close();
    this.#listener.closed();
  }

  async #open(): Promise<void> {
    const request = readRequest(this.#head.slice(0, this.#head.indexOf(headEnd)));
    if (request === undefined) return this.#refuse(400, "this is a proxy: ask it by CONNECT or for http://");
    const reached = await this.#reach(request.host, request.port);
    if (this.#closed) return;
    if ("why" in reached) return this.#refuse(503, reached.why);
    let opened = false;
    const upstream = this.#net.connect(reached.target, {
      opened: () => {
        opened = true;
        if (request.head === undefined) this.#say("HTTP/1.1 200 Connection Established\r\n\r\n");
      },
      data: (bytes) => this.#listener.data(bytes),
      closed: () => (opened ? this.close() : this.#refuse(503, `${request.host} does not answer`)),
    });
    const rest = this.#head.slice(this.#head.indexOf(headEnd) + headEnd.length);
    this.#head = "";
    this.#upstream = upstream;
    const first = `${request.head ?? ""}${rest}`;
    if (first !== "") upstream.write(Buffer.from(first, "latin1"));
  }

  #refuse(status: number, why: string): void {
    if (this.#closed) return;
    const text = `${why}\n`;
    const head = `HTTP/1.1 ${status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\n`;
    this.#say(`${head}Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`);
    this.close();
  }

  #say(text: string): void {
    this.#listener.data(new TextEncoder().encode(text));
  }
}

const headEnd = "\r\n\r\n";

interface ProxyRequest {
  readonly host: string;
  readonly port: number;
  /** What is said to the other end first; undefined: nothing of the browser's own. */
  readonly head: string | undefined;
}

/** Undefined when it asks for nothing that a proxy can do. */
function readRequest(head: string): ProxyRequest | undefined {
  const [line = "", ...headers] = head.split("\r\n");
  const [, method = "", where = "", version = ""] = /^([A-Z]+) (\S+) (HTTP\/1\.[01])$/.exec(line) ?? [];
  if (method === "CONNECT") {
    const [, host = "", port = ""] = /^([\w.-]+):(\d{1,5})$/.exec(where) ?? [];
    return host === "" ? undefined : { host, port: Number(port), head: undefined };
  }
  const url = URL.parse(where);
  if (url?.protocol !== "http:" || !/^[\w.-]+$/.test(url.hostname)) return undefined;
  const kept = headers.filter((it) => !/^(proxy-[\w-]+|connection|keep-alive):/i.test(it));
  const lines = [`${method} ${url.pathname}${url.search} ${version}`, ...kept, "Connection: close"];
  return { host: url.hostname, port: Number(url.port || 80), head: `${lines.join("\r\n")}${headEnd}` };
}
