/**
 * One exchange with a registry: authentication, redirects and timeouts, so that the push itself reads as
 * one.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { seconds } from "@selvedge/base";
import type { RegistryTarget } from "./registry-target.ts";

export interface RegistryAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

export interface RegistryCall {
  readonly method: "GET" | "HEAD" | "POST" | "PATCH" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** A function, because an answer of 401 means sending it again. */
  readonly body?: (() => Readable) | Uint8Array;
}

/** The registry answered with something that a retry cannot mend. */
export class RegistryError extends Error {
  override name = "RegistryError";
}

/** A registry that neither takes nor sends a byte for so long is gone. */
const silenceMax = seconds(60);
/** Answers are documents; layers are only ever sent. */
const answerMax = 4 * 1024 * 1024;

export class RegistryHttp implements Disposable {
  readonly #target: RegistryTarget;
  readonly #signal: AbortSignal;
  readonly #agents: { readonly "http:": HttpAgent; readonly "https:": HttpsAgent };
  #authorization: string | undefined;

  constructor(target: RegistryTarget, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
    this.#agents = {
      "http:": new HttpAgent({ keepAlive: true }),
      "https:": new HttpsAgent({ keepAlive: true, ...target.tls }),
    };
  }

  /** Sends, and once more with what a 401 asks for. */
  async send(call: RegistryCall): Promise<RegistryAnswer> {
    // An upload may be sent to another host, which must not learn our credentials.
    const ours = call.url.origin === this.#target.base.origin;
    const first = await this.#exchange(call, ours ? this.#authorization : undefined);
    if (first.status !== 401 || !ours) return first;
    this.#authorization = await this.#authorize(first.headers["www-authenticate"] ?? "");
    const second = await this.#exchange(call, this.#authorization);
    if (second.status === 401) {
      throw new RegistryError(`${call.url.host} does not accept these credentials`);
    }
    return second;
  }

  [Symbol.dispose](): void {
    this.#agents["http:"].destroy();
    this.#agents["https:"].destroy();
  }

  async #authorize(challenge: string): Promise<string> {
    const { credentials, repository, base } = this.#target;
    const basic =
      credentials === undefined
        ? undefined
        : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64")}`;
    if (/^basic\b/i.test(challenge)) {
      if (basic !== undefined) return basic;
      throw new RegistryError(`${base.host} wants a user; give --user and --password-stdin`);
    }
    const realm = /realm="([^"]+)"/.exec(challenge)?.[1];
    if (!/^bearer\b/i.test(challenge) || realm === undefined) {
      throw new RegistryError(`${base.host} refuses us and does not say what it wants`);
    }
    const url = new URL(realm, base);
    if (url.protocol !== "https:" && base.protocol === "https:") {
      throw new RegistryError(`the token service ${url.href} is not https; credentials do not go there`);
    }
    const service = /service="([^"]+)"/.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", `repository:${repository}:pull,push`);
    const { status, text } = await this.#exchange({ method: "GET", url }, basic);
    if (status !== 200) throw new RegistryError(`the token service ${url.host} answers ${status}`);
    const answer = JSON.parse(text) as { token?: string; access_token?: string };
    return `Bearer ${answer.token ?? answer.access_token ?? ""}`;
  }

  #exchange(call: RegistryCall, authorization: string | undefined): Promise<RegistryAnswer> {
    const { method, url, body } = call;
    const secure = url.protocol === "https:";
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsRequest : httpRequest)(url, {
        agent: this.#agents[secure ? "https:" : "http:"],
        method,
        timeout: silenceMax,
        signal: this.#signal,
        headers: {
          ...call.headers,
          ...(authorization === undefined ? {} : { authorization }),
          ...(body instanceof Uint8Array ? { "content-length": body.length } : {}),
        },
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`${url.host} is silent`)));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        readText(incoming).then(
          (text) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
          reject,
        );
      });
      if (typeof body !== "function") outgoing.end(body);
      else {
        const content = body();
        content.on("error", (error) => outgoing.destroy(error));
        outgoing.on("close", () => content.destroy());
        content.pipe(outgoing);
      }
    });
  }
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > answerMax) throw new RegistryError(`the answer is larger than ${answerMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
