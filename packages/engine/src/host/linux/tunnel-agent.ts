import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { request } from "./plain-http.ts";

/** For a proxy to come to a decision; it has to connect to somebody itself. */
const tunnelMs = 30_000;

/** TLS to whom it is for, through a proxy that is asked for a connection and sees no more than where to. */
export class TunnelAgent extends Agent {
  readonly #proxy: string;
  readonly #ca: readonly string[];

  /** `proxy` is host:port. */
  constructor(proxy: string, ca: readonly string[], options: AgentOptions) {
    super(options);
    this.#proxy = proxy;
    this.#ca = ca;
  }

  override createConnection(
    target: RequestOptions & { readonly servername?: string },
    done: (error: Error | null, stream: Duplex) => void = () => {},
  ): undefined {
    // Whoever waits looks at the error first; with one there is no stream.
    const fail = (error: Error): void => done(error, undefined as unknown as Duplex);
    const [, proxyHost = "", proxyPort = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(this.#proxy) ?? [];
    const host = target.host ?? "";
    const port = target.port ?? 443;
    const place = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const asked = request({
      ...{ host: proxyHost, port: Number(proxyPort), method: "CONNECT", path: place, agent: false },
      ...{ headers: { host: place }, timeout: tunnelMs },
    });
    asked.once("timeout", () => asked.destroy(new Error(`proxy ${this.#proxy} does not answer`)));
    asked.once("error", fail);
    asked.once("response", ({ statusCode }) => {
      asked.destroy();
      fail(new Error(`proxy ${this.#proxy} answers ${statusCode} for ${place}`));
    });
    asked.once("connect", ({ statusCode }, socket) => {
      if (statusCode !== 200) {
        socket.destroy();
        fail(new Error(`proxy ${this.#proxy} answers ${statusCode} for ${place}`));
        return;
      }
      const { servername = host } = target;
      const secured = connectTls({
        socket,
        servername: /^[\d.:]+$/.test(servername) ? "" : servername,
        host,
        ca: [...this.#ca],
        minVersion: "TLSv1.2",
      });
      secured.once("secureConnect", () => done(null, secured));
      secured.once("error", fail);
    });
    asked.end();
    return undefined;
  }
}
