/**
 * The server behind the page, on loopback alone:
 *
 *   browser ──► door (who asks?) ──► page's files
 *                              ├───► secret for session
 *                              └───► API, with the kubeconfig's credentials: requests, streams, upgrades
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { text } from "node:stream/consumers";
import { type Clock, describeError, type Log, type Random } from "@selvedge/base";
import type { Assets } from "./assets.ts";
import { type House, judge, type Verdict } from "./door.ts";
import { writeHead } from "./raw-head.ts";
import { Sessions } from "./sessions.ts";
import { Streams, splice } from "./streams.ts";
import type { Upstream } from "./upstream.ts";

export interface ConsoleOptions {
  readonly assets: Assets;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told that the address was used, and that there is another one. */
  readonly onOpened: (address: string) => void;
}

const loopback = "127.0.0.1";
/** A page sends a patch or a review; nothing that a person types is longer. */
const bodyMax = 256 * 1024;
/** A secret in its JSON. */
const secretMax = 1024;
/** Some browsers with all their streams; a program that opens more is none. */
const connectionsMax = 256;
/** For a request to be there in full. */
const requestTimeout = 30_000;

/** Of an answer of the API, what the page gets. */
const passedBack: readonly string[] = ["content-type", "warning", "retry-after"];

/** In force for every answer. */
const always: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-frame-options": "DENY",
};
/** For what is never a document: should a browser take it for one all the same, it is an empty one. */
const inert: Readonly<Record<string, string>> = {
  ...always,
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "cache-control": "no-store",
};

export class ConsoleServer implements AsyncDisposable {
  readonly #options: ConsoleOptions;
  readonly #sessions: Sessions;
  readonly #streams: Streams;
  readonly #server: Server;
  #house: House | undefined;

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#sessions = new Sessions(options.random, options.clock);
    this.#streams = new Streams(options.upstream);
    this.#server = createServer({ requestTimeout, keepAliveTimeout: 60_000 });
    this.#server.maxConnections = connectionsMax;
    this.#server.on("request", (request, response) => this.#answer(request, response));
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Resolves with the port. */
  async listen(port: number): Promise<number> {
    const listening = Promise.withResolvers<void>();
    this.#server.once("error", listening.reject).listen(port, loopback, listening.resolve);
    await listening.promise;
    const { port: bound } = this.#server.address() as AddressInfo;
    this.#house = {
      host: `${loopback}:${bound}`,
      // Consoles on other ports of this machine have cookies of their own.
      cookieName: `selvedge-console-${bound}`,
      knows: (cookie, key) => this.#sessions.knows(cookie, key),
    };
    return bound;
  }

  /** Where the page is, with the secret that works once. It is behind the #, which no browser sends or logs. */
  get address(): string {
    return `http://${this.#house?.host}/#secret=${this.#sessions.secret}`;
  }

  #judge(request: IncomingMessage, isUpgrade: boolean): Verdict {
    const { method = "", url = "", headers } = request;
    if (this.#house === undefined) return { is: "refused", status: 503, why: "not yet" };
    return judge({ method, url, headers, isUpgrade }, this.#house);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => request.destroy());
    const verdict = this.#judge(request, false);
    switch (verdict.is) {
      case "page":
        this.#sendPage(verdict.path, request, response);
        return;
      case "exchange":
        this.#exchange(request, response).catch(() => response.destroy());
        return;
      case "api":
        this.#passOn(verdict.path, request, response);
        return;
      case "stream":
        refuse(response, 426, "a stream is a WebSocket");
        return;
      case "refused":
        this.#options.log.debug("refused", { status: verdict.status, why: verdict.why });
        refuse(response, verdict.status, verdict.why);
        return;
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const verdict = this.#judge(request, true);
    if (verdict.is === "stream") this.#streams.follow(verdict.path, request, socket, head);
    else if (verdict.is === "api") splice(this.#options.upstream, request, socket, verdict.offered);
    else if (verdict.is === "refused") writeHead(socket, verdict.status, {}, verdict.why);
    else writeHead(socket, 400, {}, "nothing to upgrade here");
  }

  #sendPage(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { assets, random } = this.#options;
    if (path === "/") {
      const nonce = random.bytes(16).toBase64();
      response.writeHead(200, {
        ...{ ...always, "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
        "content-security-policy": policyOf(assets.importMapHash, nonce),
      });
      response.end(request.method === "HEAD" ? undefined : assets.page(nonce));
      return;
    }
    const asset = assets.files.get(path);
    if (asset === undefined) {
      refuse(response, 404, "no such page");
      return;
    }
    const isKnown = request.headers["if-none-match"] === asset.tag;
    const headers = { ...inert, "content-type": asset.type, "cache-control": "no-cache", etag: asset.tag };
    response.writeHead(isKnown ? 304 : 200, headers);
    response.end(isKnown || request.method === "HEAD" ? undefined : asset.body);
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!(Number(request.headers["content-length"]) <= secretMax)) {
      refuse(response, 413, `a secret has at most ${secretMax} bytes`);
      return;
    }
    const session = this.#sessions.exchange(secretIn(await text(request)));
    if (session === undefined) {
      refuse(response, 401, "this address was used already, or is of a console that has ended");
      return;
    }
    const cookie = `${this.#house?.cookieName}=${session.cookie}; HttpOnly; SameSite=Strict; Path=/`;
    response.writeHead(200, { ...inert, "content-type": "application/json", "set-cookie": cookie });
    response.end(JSON.stringify({ key: session.key }));
    this.#options.onOpened(this.address);
  }

  #passOn(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", headers } = request;
    const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
    // Without a length nobody knows beforehand whether it is too long; browsers always say one.
    if (hasBody && !(Number(headers["content-length"]) <= bodyMax)) {
      refuse(response, 413, `a request has at most ${bodyMax} bytes`);
      return;
    }
    const outgoing = this.#options.upstream.open({ method, path, headers });
    response.on("close", () => outgoing.destroy());
    outgoing.on("error", (error) => {
      if (response.headersSent) response.destroy();
      else sayUnreachable(response, `${this.#options.upstream.server}: ${describeError(error)}`);
    });
    outgoing.on("response", (answer) => {
      const named = passedBack.flatMap((name) =>
        answer.headers[name] === undefined ? [] : [[name, answer.headers[name]] as const],
      );
      response.writeHead(answer.statusCode ?? 502, { ...Object.fromEntries(named), ...inert });
      pipeline(answer, response, () => undefined);
    });
    pipeline(request, outgoing, () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#streams[Symbol.dispose]();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Nothing comes from elsewhere, nothing is written into the page as code, and nobody frames it. */
function policyOf(importMapHash: string, nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'self' ${importMapHash}`,
    `style-src 'self' 'nonce-${nonce}'`,
    ...["img-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'"],
    ...["frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types lit-html"],
  ].join("; ");
}

function secretIn(body: string): string {
  try {
    const { secret } = JSON.parse(body) as { secret?: unknown };
    return typeof secret === "string" ? secret : "";
  } catch {
    return "";
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  // What was not read of the request is not waited for.
  const headers = { ...inert, "content-type": "text/plain; charset=utf-8", connection: "close" };
  response.writeHead(status, headers).end(`${why}\n`);
}

/** In the API's own words for what failed, so that a page has one way to read a refusal. */
function sayUnreachable(response: ServerResponse, message: string): void {
  const status = {
    ...{ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" },
    ...{ reason: "ServiceUnavailable", code: 502, message: `the API does not answer: ${message}` },
  };
  response.writeHead(502, { ...inert, "content-type": "application/json" }).end(JSON.stringify(status));
}
