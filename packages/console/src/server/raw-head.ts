import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** Answers on a connection that node:http has handed over. With a text it is the whole answer, and the end. */
export function writeHead(
  socket: Duplex,
  status: number,
  headers: Readonly<Record<string, string>>,
  text?: string,
): void {
  if (socket.destroyed) return;
  const body = text === undefined ? undefined : Buffer.from(`${text}\n`);
  const more = body === undefined ? {} : bodyHeaders(body);
  const lines = Object.entries({ ...headers, ...more }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n`);
  if (body !== undefined) socket.end(body);
}

function bodyHeaders(body: Buffer): Record<string, string> {
  return {
    ...{ "content-type": "text/plain; charset=utf-8", "content-length": String(body.length) },
    ...{ "x-content-type-options": "nosniff", connection: "close" },
  };
}
