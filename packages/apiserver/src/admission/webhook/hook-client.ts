/**
 * Asks webhooks: JSON over HTTPS, posted to an address or to a Service. Connections are kept for a while, for the next
 * write asks again. Nothing is asked in clear, and who answers is checked against what the configuration names.
 */

import { once } from "node:events";
import { Agent, type RequestOptions, request } from "node:https";
import { posix } from "node:path";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { jsonFault } from "@selvedge/apimachinery";
import { type Clock, describeError, LruMap, type Millis, millis, parseJson } from "@selvedge/base";
import { jsonOf } from "../../rest/lazy-object.ts";
import { HookError } from "./hook-error.ts";

export interface HookService {
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
  readonly port?: number;
}

/** Who is asked: one of the two. */
export interface HookTarget {
  readonly url?: string;
  readonly service?: HookService;
  /** PEM in base64; without it, whom this machine trusts. */
  readonly caBundle?: string;
}

/** Opens a connection to one of the Pods behind a Service. */
export type DialService = (
  service: { readonly namespace: string; readonly name: string; readonly port: number },
  signal: AbortSignal,
) => Promise<Duplex>;

export interface HookClientOptions {
  readonly clock: Clock;
  /** Services cannot be asked when not given. */
  readonly dial?: DialService | undefined;
}

export interface Question {
  readonly target: HookTarget;
  readonly body: unknown;
  readonly timeout: Millis;
  /** Bytes of the answer, at most. */
  readonly max?: number;
  /** Whether who answers is told, in the query, how long it has; true when not given. */
  readonly isTold?: boolean;
}

/** As much as an object may be, with the patch that makes it. */
const answerMax = 3 * 1024 * 1024;
/** Connections to one webhook at once, and those that wait for the next question. More questions wait. */
const [socketsMax, freeMax] = [64, 4];
const idleMax = millis(30_000);
/** Of webhooks whose connections are kept; upstream's. The one asked longest ago is forgotten first. */
const agentsMax = 200;

export class HookClient implements Disposable {
  readonly #options: HookClientOptions;
  readonly #agents = new LruMap<string, Agent>(
    agentsMax,
    () => 1,
    (agent) => agent.destroy(),
  );

  constructor(options: HookClientOptions) {
    this.#options = options;
  }

  /** The answer's JSON. */
  async ask({ target, body, timeout, max = answerMax, isTold = true }: Question): Promise<unknown> {
    const place = placeOf(target, isTold ? `?timeout=${Math.ceil(timeout / 1000)}s` : "");
    const agent = this.#agent(target, place);
    const until = this.#options.clock.monotonic() + timeout;
    const text = jsonOf(body);
    let posted = await this.#post(place, agent, text, { until, max });
    // A connection that was kept may have ended in the moment it was used again.
    if (posted.type === "failure" && posted.stale)
      posted = await this.#post(place, agent, text, { until, max });
    if (posted.type === "failure") throw new HookError(`Post "${place.url}": ${posted.why}`);
    return answerOf(posted);
  }

  [Symbol.dispose](): void {
    this.#agents.clear();
  }

  #agent({ caBundle = "", service }: HookTarget, { host, port }: Place): Agent {
    const key = JSON.stringify([host, port, caBundle, service?.namespace, service?.name]);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = this.#newAgent(caBundle, service, port);
    this.#agents.set(key, agent);
    return agent;
  }

  #newAgent(caBundle: string, service: HookService | undefined, port: number): Agent {
    const ca = caBundle === "" ? {} : { ca: Buffer.from(caBundle, "base64").toString() };
    const options = {
      keepAlive: true,
      maxSockets: socketsMax,
      maxFreeSockets: freeMax,
      timeout: idleMax,
      // As upstream's: one certificate of the chain is enough, be it the server's own or an authority's below the root.
      allowPartialTrustChain: true,
      ...ca,
    };
    if (service === undefined) return new Agent(options);
    const { dial, clock } = this.#options;
    return new ServiceAgent(
      options,
      async (signal) => {
        if (dial === undefined) throw new HookError("Services cannot be asked here");
        return await dial({ namespace: service.namespace, name: service.name, port }, signal);
      },
      clock,
    );
  }

  #post(
    { host, port, path }: Place,
    agent: Agent,
    body: string,
    { until, max }: { readonly until: number; readonly max: number },
  ): Promise<Posted> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Posted>();
    const headers = {
      ...{ "content-type": "application/json", accept: "application/json, */*" },
      ...{ "content-length": Buffer.byteLength(body), "user-agent": "kube-apiserver-admission" },
    };
    const asked = request({ method: "POST", host, port, path, agent, headers });
    const fail = (why: string, stale = false): void => {
      resolve({ type: "failure", why, stale });
      asked.destroy();
    };
    const left = millis(Math.max(0, until - clock.monotonic()));
    const timer = clock.setTimer(left, () => fail("context deadline exceeded"));
    asked.on("error", (error) => fail(whyOf(error, host, port), asked.reusedSocket));
    asked.on("response", (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on("data", (part: Buffer) => {
        parts.push(part);
        length += part.length;
        if (length > max) fail(`the answer is larger than ${max} bytes`);
      });
      response.on("error", (error) => fail(whyOf(error, host, port)));
      response.on("end", () =>
        resolve({ type: "answer", code: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
      );
    });
    asked.end(body);
    return promise.finally(() => timer.cancel());
  }
}

type Posted =
  | { readonly type: "answer"; readonly code: number; readonly text: string }
  | { readonly type: "failure"; readonly why: string; readonly stale: boolean };

interface Place {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** As errors name it. */
  readonly url: string;
}

const httpsPort = 443;

function placeOf({ url, service }: HookTarget, query: string): Place {
  if (service !== undefined) {
    const { namespace, name, path = "", port = httpsPort } = service;
    const host = `${name}.${namespace}.svc`;
    const whole = `${cleanPath(path)}${query}`;
    return { host, port, path: whole, url: `https://${host}:${port}${whole}` };
  }
  if (url === undefined || !URL.canParse(url))
    throw new HookError("webhook configuration must have either service or URL");
  const { host: authority, hostname, port, pathname } = new URL(url);
  const path = `${cleanPath(pathname)}${query}`;
  return {
    ...{ host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? httpsPort : Number(port), path },
    url: `https://${authority}${path}`,
  };
}

/** As upstream's client cleans it: one slash where there are more, and none at the end. */
function cleanPath(path: string): string {
  return posix.join("/", path).replace(/(?<=.)\/$/, "");
}

/** Enough to see what it is. */
const shownMax = 512;

function answerOf({ code, text }: Extract<Posted, { type: "answer" }>): unknown {
  if (code < 200 || code >= 300) throw new HookError(refusalText(code, text));
  try {
    return parseJson(text);
  } catch (error) {
    throw new HookError(`couldn't get version/kind; json parse error: ${jsonFault(text)}`, {
      cause: error,
    });
  }
}

function refusalText(code: number, text: string): string {
  if (code === 404) return "the server could not find the requested resource";
  if (code === 401) return "the server has asked for the client to provide credentials";
  if (code === 403) return "forbidden";
  const body = JSON.stringify(text.slice(0, shownMax));
  if (code >= 500) return `an error on the server (${body}) has prevented the request from succeeding`;
  return `the server responded with the status code ${code} but did not return more information (${body})`;
}

/** In Go's words where people look for them. */
function whyOf(error: Error, host: string, port: number): string {
  const { code: said, address = host } = error as { code?: unknown; address?: string };
  const code = typeof said === "string" ? said : "";
  const text = describeError(error);
  if (code === "ECONNREFUSED") return `dial tcp ${address}:${port}: connect: connection refused`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `dial tcp: lookup ${host}: no such host`;
  if (unknownSigner.has(code))
    return `tls: failed to verify certificate: x509: certificate signed by unknown authority (${text})`;
  if (code.startsWith("ERR_TLS_CERT") || code.startsWith("CERT_"))
    return `tls: failed to verify certificate: x509: ${text}`;
  return text;
}

const unknownSigner = new Set([
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_GET_ISSUER_CERT"],
  ...["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT"],
]);

/** TLS inside a connection that somebody else opens. */
class ServiceAgent extends Agent {
  readonly #dial: (signal: AbortSignal) => Promise<Duplex>;
  readonly #clock: Clock;
  readonly #opened = new Set<AbortController>();

  constructor(
    options: ConstructorParameters<typeof Agent>[0],
    dial: (signal: AbortSignal) => Promise<Duplex>,
    clock: Clock,
  ) {
    super(options);
    this.#dial = dial;
    this.#clock = clock;
  }

  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const done = callback ?? (() => undefined);
    this.#open(options).then(
      (socket) => done(null, socket),
      (error: unknown) =>
        done(error instanceof Error ? error : new Error(String(error)), undefined as unknown as Duplex),
    );
    return undefined;
  }

  override destroy(): void {
    super.destroy();
    for (const stop of this.#opened) stop.abort(new Error("nobody asks any more"));
  }

  /** What is opened below goes when this does, or when it takes longer than anybody waits. */
  async #open(options: RequestOptions): Promise<Duplex> {
    const { ca, servername, host } = options as { ca?: string; servername?: string; host?: string };
    const stop = new AbortController();
    const timer = this.#clock.setTimer(dialMax, () => stop.abort(new Error("context deadline exceeded")));
    this.#opened.add(stop);
    stop.signal.addEventListener("abort", () => {
      this.#opened.delete(stop);
      timer.cancel();
    });
    try {
      const connection = await this.#dial(stop.signal);
      connection.on("error", () => undefined);
      const name = servername || host || "";
      const socket = connect({ socket: connection, servername: name, ...(ca === undefined ? {} : { ca }) });
      socket.on("error", () => undefined);
      socket.once("close", () => {
        connection.destroy();
        stop.abort(new Error("the connection is closed"));
      });
      await once(socket, "secureConnect", { signal: stop.signal }).catch((error: unknown) => {
        socket.destroy();
        throw error;
      });
      timer.cancel();
      return socket;
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  }
}

/** As long as any webhook has to answer. */
const dialMax = millis(30_000);
