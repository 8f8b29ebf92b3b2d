/** Request bodies: read within bounds. */
import type { IncomingMessage } from "node:http";
import { concatBytes } from "@selvedge/base";
import { badRequest } from "../rest/refusals.ts";
import { StatusError } from "../status-error.ts";

/** Upstream's bound. */
const bodyMax = 3 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const tooLarge = (): StatusError =>
    new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${bodyMax}`, {});
  if (Number(request.headers["content-length"] ?? 0) > bodyMax) throw tooLarge();
  const parts: Uint8Array[] = [];
  // A small one came with its headers: nothing need be waited for.
  if (request.httpVersionMajor === 1 && request.complete && !request.destroyed) {
    for (let part = nextPart(request); part !== null; part = nextPart(request)) parts.push(part);
    return concatBytes(parts);
  }
  return await new Promise((resolve, reject) => {
    let length = 0;
    let isWhole = false;
    // The client went away in the middle: nobody will read this, and nothing here is broken.
    const early = (cause?: unknown): void => {
      if (!isWhole) reject(badRequest("the body of the request ended too early", cause));
    };
    // Events, since an iterator over one small part costs more than all else that is done with it.
    request.on("data", (part: Uint8Array) => {
      length += part.length;
      if (length <= bodyMax) parts.push(part);
      else reject(tooLarge());
    });
    request.once("end", () => {
      isWhole = true;
      resolve(concatBytes(parts));
    });
    request.once("error", early);
    request.once("close", early);
    if (request.destroyed) early();
  });
}

function nextPart(request: IncomingMessage): Uint8Array | null {
  return request.read();
}

export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}
