/**
 * How a device of EVE speaks HTTP: what it sends, which answers it takes, and what it makes of the others.
 * Every request is a new connection; nothing is remembered between two but TLS sessions.
 */
import { verify } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { auth, common } from "@selvedge/eve-api";
import type { ControllerCerts } from "./controller-certs.ts";
import { envelopeOf, type KeyPair } from "./pillar-keys.ts";
import type { Strictness } from "./strictness.ts";

export interface WireAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** One exchange over a connection of its own; rejects when there was no answer. */
export type Wire = (
  method: "GET" | "POST",
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
) => Promise<WireAnswer>;

export type Sent =
  | { readonly type: "ok"; readonly status: number; readonly body: Uint8Array }
  /** No answer at all, or a body that broke off. */
  | { readonly type: "silence" }
  /** 503: the controller is being updated; never held against anybody. */
  | { readonly type: "unavailable"; readonly status: 503 }
  /** 404 or 400. */
  | { readonly type: "not-found"; readonly status: number }
  | { readonly type: "forbidden"; readonly status: 403 }
  | { readonly type: "error"; readonly status: number };

const protobuf = "application/x-proto-binary";

export interface ConnectionOptions {
  readonly wire: Wire;
  readonly strict: Strictness;
  readonly requestId: () => string;
}

export class PillarConnection {
  readonly #options: ConnectionOptions;
  /** Answers by endpoint and status, so that a test can see what really happened. */
  readonly answers: Map<string, number> = new Map<string, number>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get(action: string): Promise<Sent> {
    return this.#send("GET", action, new Uint8Array());
  }

  post(action: string, pair: KeyPair, payload: Uint8Array, senderCert?: Uint8Array): Promise<Sent> {
    return this.#send("POST", action, envelopeOf(pair, payload, senderCert));
  }

  async #send(method: "GET" | "POST", action: string, body: Uint8Array): Promise<Sent> {
    const { wire, strict, requestId } = this.#options;
    const headers = {
      "x-request-id": requestId(),
      ...(method === "POST" && { "content-type": protobuf, "content-length": `${body.length}` }),
    };
    let answer: WireAnswer;
    try {
      answer = await wire(method, `/api/v2/edgedevice/${action}`, headers, body);
    } catch {
      return { type: "silence" };
    }
    const { status } = answer;
    const name = `${action.replace(/id\/[^/]*\//, "").replace(/instanceid\/[^/]*/, "instanceid")} ${status}`;
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
    if (![200, 201, 204, 304].includes(status)) return refusedAs(status, action, strict);
    // `client` wants one even where there is nothing to read; the others only where there is.
    if (answer.body.length > 0 || action === "register") {
      const type = answer.headers["content-type"];
      strict.require(type === protobuf, `${action}: ${status} with content type ${type}`);
    }
    return { type: "ok", status, body: answer.body };
  }
}

function refusedAs(status: number, action: string, strict: Strictness): Sent {
  const isOdd = status < 300 || (status >= 300 && status < 400) || status === 500 || status === 501;
  if (isOdd) strict.fault(`${action}: ${status} is no answer a device knows what to do with`);
  if (status === 503) return { type: "unavailable", status };
  if (status === 404 || status === 400) return { type: "not-found", status };
  if (status === 403) return { type: "forbidden", status };
  return { type: "error", status };
}

/** Statuses of which a queued message is sent again. Any other 4xx drops it for good. */
export function isRetried(sent: Sent): boolean {
  if (sent.type === "silence" || sent.type === "unavailable" || sent.type === "forbidden") return true;
  const { status } = sent;
  return [401, 407, 408, 429].includes(status) || status >= 500;
}

export type Opened =
  | { readonly type: "payload"; readonly payload: Uint8Array }
  /** Signed by a certificate we do not know: fetch the list. */
  | { readonly type: "cert-miss" }
  | { readonly type: "bad"; readonly why: string };

/** Opens what the controller enveloped, in the order a device checks it. */
export function openAnswer(body: Uint8Array, { signing, signingHash }: ControllerCerts): Opened {
  let container: auth.AuthContainer;
  try {
    container = fromBinary(auth.AuthContainerSchema, body);
  } catch (error) {
    return { type: "bad", why: `no envelope: ${error}` };
  }
  const { senderCertHash, algo, signatureHash, protectedPayload } = container;
  const length = algo === common.HashAlgorithm.SHA256_16BYTES ? 16 : 32;
  if (senderCertHash.length !== length) {
    return { type: "bad", why: `senderCertHash has ${senderCertHash.length} bytes, algo says ${length}` };
  }
  if (senderCertHash.toHex() !== signingHash.subarray(0, length).toHex()) return { type: "cert-miss" };
  const payload = protectedPayload?.payload ?? new Uint8Array();
  const key = { key: signing.publicKey, dsaEncoding: "ieee-p1363" } as const;
  if (!verify("sha256", payload, key, signatureHash)) return { type: "bad", why: "the signature is wrong" };
  return { type: "payload", payload };
}
