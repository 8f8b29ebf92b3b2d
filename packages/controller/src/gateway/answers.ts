import type { DeviceResponse } from "../ports.ts";
import type { RefusalReason } from "./refusals.ts";

/** A request that is not answered as asked: which status, and why. */
export interface Refused {
  readonly status: number;
  readonly reason: RefusalReason;
  readonly message: string;
  /** Seconds after which to try again. */
  readonly retryAfter?: number;
}

/** What a node is told when the fault is ours, or it has had its share: it tries again. */
export const retrySeconds = 10;

/** A 4xx would be more to the letter, but nodes drop what they were told one for often enough. */
export const tooMuch: Refused = {
  ...{ status: 503, reason: "share", message: "this is more than one may ask for; come back later" },
  retryAfter: retrySeconds,
};

/** The node signed it, so it is not a fault of the way: sent again it would be the same. */
export function unusable(text: string): Refused {
  return { status: 422, reason: "payload", message: text };
}

export function unreadable(what: string): Refused {
  return unusable(`the payload is no ${what}`);
}

export function notFound(path: string): Refused {
  return { status: 404, reason: "path", message: `there is no ${path.slice(0, 100)}` };
}

const protobuf = "application/x-proto-binary";
const noBody = new Uint8Array(0);

/** Nodes refuse a body without this content type. */
export function message(status: number, body: Uint8Array): DeviceResponse {
  return { status, headers: { "content-type": protobuf }, body };
}

export function empty(status: number, headers: Readonly<Record<string, string>> = {}): DeviceResponse {
  return { status, headers, body: noBody };
}

/** Says in a line of text what was wrong: people read it in a node's log. */
export function refusal(refused: Refused): DeviceResponse {
  const { status, message: text, retryAfter } = refused;
  return {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      ...(retryAfter === undefined ? {} : { "retry-after": `${retryAfter}` }),
    },
    body: new TextEncoder().encode(`${text}\n`),
  };
}
