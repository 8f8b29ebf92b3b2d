/** The API server as the console reaches it: with the credentials of a kubeconfig, which no page ever sees. */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import type { ClusterCredentials } from "@selvedge/client";

/** Of a page's request, what the API hears. No page speaks as somebody else or with credentials of its own. */
const passedOn: readonly string[] = ["accept", "content-type", "content-length"];
const passedOnUpgrade: readonly string[] = ["sec-websocket-key", "sec-websocket-version"];
/** Nobody waits longer for the first word of an answer. */
const silenceMax = 30_000;
/** Each request has one; streams have their own. */
const socketsMax = 64;

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** For a connection that is upgraded: the subprotocols to offer. */
  readonly offered?: readonly string[];
}

export class Upstream implements Disposable {
  readonly server: string;
  readonly #base: URL;
  readonly #agent: Agent;
  readonly #headers: OutgoingHttpHeaders;

  constructor({ server, ca, cert, key, token }: ClusterCredentials) {
    this.server = server;
    this.#base = new URL(server);
    const pair = cert === undefined ? {} : { cert, key };
    this.#agent = new Agent({ ca, ...pair, keepAlive: true, maxSockets: socketsMax });
    this.#headers = {
      "user-agent": "selvedge-console",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** A request that is not ended yet. It fails when nothing comes back for long; an answer may take its time. */
  open({ method, path, headers, offered }: Asked): ClientRequest {
    const upgrading = offered === undefined ? {} : upgradeHeaders(headers, offered);
    const { pathname } = this.#base;
    const outgoing = request({
      ...{ hostname: this.#base.hostname.replace(/^\[|\]$/g, ""), port: this.#base.port || 443 },
      ...{ method, path: pathname.replace(/\/$/, "") + path, agent: this.#agent },
      headers: { ...picked(headers, passedOn), ...upgrading, ...this.#headers },
      timeout: silenceMax,
    });
    const gone = (): void => {
      outgoing.destroy(new Error(`${this.server} has said nothing for ${silenceMax / 1000} s`));
    };
    outgoing.on("timeout", gone);
    const begun = (): void => void outgoing.setTimeout(0);
    return outgoing.once("response", begun).once("upgrade", begun);
  }

  /** The answer to a GET, or a failure to get one. */
  get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = this.open({ method: "GET", path, headers: { accept: "application/json, */*" } });
      const stop = (): void => void outgoing.destroy(new Error("nobody listens any more"));
      signal.addEventListener("abort", stop, { once: true });
      outgoing.on("error", reject).on("response", resolve).end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function upgradeHeaders(headers: IncomingHttpHeaders, offered: readonly string[]): OutgoingHttpHeaders {
  return {
    ...{ connection: "Upgrade", upgrade: "websocket", ...picked(headers, passedOnUpgrade) },
    ...(offered.length === 0 ? {} : { "sec-websocket-protocol": offered.join(", ") }),
  };
}

function picked(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
}
