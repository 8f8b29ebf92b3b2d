import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, gzip } from "node:zlib";
import { formatYaml } from "@selvedge/apimachinery";
import type { StatusError } from "../status-error.ts";
import type { Exchange } from "./exchange.ts";
import { wantsYaml } from "./negotiation.ts";
import { isTrue } from "./query.ts";

/** Upstream's: smaller answers cost more to pack than to send. */
const gzipFrom = 128 * 1024;

export interface AnswerHeaders {
  readonly [name: string]: string | string[];
}

/** Sends JSON text, as YAML where that is wanted, packed when it is large and the client can unpack it. */
export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  code: number,
  text: string,
  headers: AnswerHeaders = {},
): void {
  const asYaml = headers["content-type"] === undefined && wantsYaml(request.headers.accept);
  const json = asYaml ? formatYaml(JSON.parse(text)) : isForPeople(request) ? indented(text) : text;
  const head = {
    "content-type": asYaml ? "application/yaml" : "application/json",
    vary: "Accept",
    "cache-control": "no-cache, private",
    ...headers,
  };
  const packs = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  if (json.length < gzipFrom || !packs) {
    // Text goes out in one piece with its headers; bytes would be a second one.
    response.writeHead(code, { ...head, "content-length": Buffer.byteLength(json) });
    response.end(request.method === "HEAD" ? undefined : json);
    return;
  }
  gzip(json, { level: constants.Z_BEST_SPEED }, (error, packed) => {
    if (response.destroyed) return;
    if (error !== null) {
      response.destroy(error);
      return;
    }
    response.writeHead(code, {
      ...head,
      ...{ "content-encoding": "gzip", vary: "Accept, Accept-Encoding", "content-length": packed.length },
    });
    response.end(packed);
  });
}

/** Answers a request with JSON text, which the audit log may want too. */
export function answer(exchange: Exchange, code: number, json: string, headers: AnswerHeaders = {}): void {
  exchange.audit?.answered(json);
  sendJson(exchange.request, exchange.response, code, json, headers);
}

function indented(json: string): string {
  return `${JSON.stringify(JSON.parse(json), undefined, 2)}\n`;
}

/** As upstream: whoever asks with a browser or by hand reads the answer, as does who says `pretty`. */
function isForPeople({ url = "", headers }: IncomingMessage): boolean {
  const at = url.indexOf("?");
  const pretty = at < 0 ? null : new URLSearchParams(url.slice(at)).get("pretty");
  if (pretty !== null) return isTrue(pretty);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers["user-agent"] ?? "");
}

export function sendStatus(request: IncomingMessage, response: ServerResponse, refusal: StatusError): void {
  const { retryAfterSeconds } = refusal.details ?? {};
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": `${retryAfterSeconds}` };
  // A body that was not read to its end leaves the connection in no state to be used again.
  const close = request.httpVersionMajor < 2 && !request.complete ? { connection: "close" } : {};
  sendJson(request, response, refusal.code, JSON.stringify(refusal.toStatus()), { ...headers, ...close });
}

/** `299 - "unknown field \"spec.foo\""`, as clients print it. */
export function warningHeader(texts: readonly string[]): AnswerHeaders {
  if (texts.length === 0) return {};
  const clean = (text: string): string => text.replace(/\p{Cc}/gu, " ").replace(/["\\]/g, "\\$&");
  return { warning: [...new Set(texts)].map((text) => `299 - "${encodeHeader(clean(text))}"`) };
}

/** For an answer whose headers are not yet written. */
export function warn(response: ServerResponse, text: string): void {
  for (const [name, value] of Object.entries(warningHeader([text]))) response.setHeader(name, value);
}

/** Headers are Latin-1: what lies beyond is sent as its UTF-8 bytes. */
function encodeHeader(text: string): string {
  return Buffer.from(text).toString("latin1");
}
