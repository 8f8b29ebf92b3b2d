import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline, Readable } from "node:stream";
import { constants, gzip } from "node:zlib";
import { inForm } from "../rest/answer-forms.ts";
import type { LongAnswers } from "../rest/long-answers.ts";
import { protobufType } from "../rest/media-types.ts";
import { encodeAnswer } from "../rest/protobuf-answer.ts";
import type { StatusError } from "../status-error.ts";
import type { Exchange } from "./exchange.ts";
import { type Encoding, encodingOf } from "./negotiation.ts";
import { isGoTrue } from "./query.ts";

/** Upstream's: smaller answers cost more to pack than to send. */
const gzipFrom = 128 * 1024;
/** What is encrypted in one go, about a millisecond: of a longer body others have their turn between two. */
const pieceMax = 256 * 1024;

export interface AnswerHeaders {
  readonly [name: string]: string | string[];
}

/** Sends JSON text as it is, indented or as YAML where that is wanted. */
export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  code: number,
  text: string,
  headers: AnswerHeaders = {},
  answers?: LongAnswers,
): Promise<void> | undefined {
  const asYaml =
    headers["content-type"] === undefined && encodingOf(request.headers.accept, false) === "yaml";
  return sendEncoded(request, response, code, text, asYaml ? "yaml" : "json", headers, answers);
}

function sendEncoded(
  request: IncomingMessage,
  response: ServerResponse,
  code: number,
  text: string,
  encoding: "json" | "yaml",
  headers: AnswerHeaders,
  answers?: LongAnswers,
): Promise<void> | undefined {
  const asYaml = encoding === "yaml";
  const form = asYaml ? "yaml" : isForPeople(request) ? "indented" : undefined;
  const made = form === undefined ? text : (answers?.form(text, form) ?? inForm(text, form));
  const type = asYaml ? "application/yaml" : "application/json";
  return sendMade(request, response, code, made, { "content-type": type, ...headers });
}

/** Sends a body that a thread may still be making. */
function sendMade(
  request: IncomingMessage,
  response: ServerResponse,
  code: number,
  made: ReturnType<LongAnswers["form"]>,
  headers: AnswerHeaders,
): Promise<void> | undefined {
  const send = (body: string | Uint8Array): void => {
    // Meanwhile the client may have gone, or its time been up.
    if (!response.destroyed && !response.headersSent) sendBody(request, response, code, body, headers);
  };
  if (made instanceof Promise) return made.then(send);
  send(made);
  return undefined;
}

/** Sends a body, packed when it is large and the client can unpack it. */
export function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  code: number,
  body: string | Uint8Array,
  headers: AnswerHeaders,
): void {
  const head = { vary: "Accept", "cache-control": "no-cache, private", ...headers };
  const packs = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  if (body.length < gzipFrom || !packs) {
    // Text goes out in one piece with its headers; bytes would be a second one.
    response.writeHead(code, { ...head, "content-length": Buffer.byteLength(body) });
    end(response, request.method === "HEAD" ? undefined : body);
    return;
  }
  gzip(body, { level: constants.Z_BEST_SPEED }, (error, packed) => {
    if (response.destroyed) return;
    if (error !== null) {
      response.destroy(error);
      return;
    }
    response.writeHead(code, {
      ...head,
      ...{ "content-encoding": "gzip", vary: "Accept, Accept-Encoding", "content-length": packed.length },
    });
    end(response, packed);
  });
}

function end(response: ServerResponse, body: string | Uint8Array | undefined): void {
  if (body === undefined || body.length <= pieceMax) {
    response.end(body);
    return;
  }
  // Of a client that goes away in the middle there is nothing to say.
  pipeline(Readable.from(piecesOf(body), { objectMode: false }), response, () => undefined);
}

function* piecesOf(body: string | Uint8Array): Generator<Uint8Array> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  for (let at = 0; at < bytes.length; at += pieceMax) yield bytes.subarray(at, at + pieceMax);
}

/** Answers a request with JSON text, which the audit log may want too, in the encoding that was agreed on. */
export function answer(
  exchange: Exchange,
  encoding: Encoding,
  code: number,
  json: string,
): Promise<void> | undefined {
  const { request, response, target, answers } = exchange;
  exchange.audit?.answered(json);
  if (encoding !== "protobuf")
    return sendEncoded(request, response, code, asLine(json), encoding, {}, answers);
  const made = answers.form(json, "protobuf", target.kind);
  return sendMade(request, response, code, made, { "content-type": protobufType });
}

/** An object's text ends its line, unless it is indented for people: so Go writes it. */
export function asLine(json: string): string {
  return `${json}\n`;
}

/** As upstream: whoever asks with a browser or by hand reads the answer, as does who says `pretty`. */
function isForPeople({ url = "", headers }: IncomingMessage): boolean {
  const at = url.indexOf("?");
  const pretty = at < 0 ? null : new URLSearchParams(url.slice(at)).get("pretty");
  if (pretty !== null) return isGoTrue(pretty);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers["user-agent"] ?? "");
}

export function sendStatus(request: IncomingMessage, response: ServerResponse, refusal: StatusError): void {
  const { retryAfterSeconds } = refusal.details ?? {};
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": `${retryAfterSeconds}` };
  // A body that was not read to its end leaves the connection in no state to be used again.
  const close = request.httpVersionMajor < 2 && !request.complete ? { connection: "close" } : {};
  const encoding = encodingOf(request.headers.accept, true);
  const [status, more] = [refusal.toStatus(), { ...headers, ...close }];
  if (encoding !== "protobuf") {
    void sendEncoded(request, response, refusal.code, asLine(JSON.stringify(status)), encoding, more);
    return;
  }
  const type = { "content-type": protobufType };
  sendBody(request, response, refusal.code, encodeAnswer(status, undefined), { ...type, ...more });
}

/** `299 - "unknown field \"spec.foo\""`, as clients print it. */
export function warningText(text: string): string {
  const clean = text.replace(/\p{Cc}/gu, " ").replace(/["\\]/g, "\\$&");
  return `299 - "${encodeHeader(clean)}"`;
}

/** What clients take in headers. */
const warningsMax = 8 * 1024;

/** Of an answer whose headers are not yet written: whatever comes of it, a refusal too. */
export function warn(response: ServerResponse, text: string): void {
  const said = response.getHeader("warning");
  const before = Array.isArray(said) ? said : [];
  const room = warningsMax - before.reduce((sum, line) => sum + line.length, 0);
  if (room <= 0) return;
  response.setHeader("warning", [...new Set([...before, warningText(text.slice(0, room))])]);
}

/** What is written to a connection that was to speak something else. */
export function refusedUpgrade(status: StatusError, warnings: readonly string[]): Buffer {
  const body = Buffer.from(asLine(JSON.stringify(status.toStatus())));
  const lines = [
    ...[`HTTP/1.1 ${status.code} ${status.reason}`, "Content-Type: application/json"],
    ...[`Content-Length: ${body.length}`, "Connection: close"],
  ];
  let room = warningsMax;
  for (const text of warnings) {
    if (room > 0) lines.push(`Warning: ${warningText(text.slice(0, room))}`);
    room -= text.length;
  }
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

/** Headers are Latin-1: what lies beyond is sent as its UTF-8 bytes. */
function encodeHeader(text: string): string {
  return Buffer.from(text).toString("latin1");
}
