import type { AppId, AppSpec, NicSpec } from "../desired.ts";
import type { NicStatus } from "../observed.ts";

/** What an app asks of the node. */
export interface MetadataRequest {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
  readonly contentType: string;
  /** The address it comes from; no plug can speak with another than its own. */
  readonly address: string;
  readonly port: number;
  /** Undefined when it has more bytes than these. */
  body(bytesMax: number): Promise<Uint8Array | undefined>;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Instead of a body: this file, as it is. */
  readonly file?: { readonly path: string; readonly sizeBytes: number };
}

/** Who asks. */
export interface Caller {
  readonly id: AppId;
  readonly app: AppSpec;
  readonly nic: NicSpec;
  readonly plug: Extract<NicStatus, { phase: "ready" }>;
}

/** As Go's http.Error writes it, which is what apps made for EVE have seen. */
export function refusal(status: number, message: string): MetadataAnswer {
  const headers = { "X-Content-Type-Options": "nosniff" };
  return { status, type: "text/plain; charset=utf-8", headers, body: `${message}\n` };
}

/** The other way in which EVE refuses: JSON that calls itself text. */
export function jsonRefusal(status: number, message: string): MetadataAnswer {
  return { status, type: "text/plain", body: JSON.stringify({ message }) };
}

export function json(value: unknown): MetadataAnswer {
  return { status: 200, type: "application/json", body: JSON.stringify(value) };
}

export const noContent: MetadataAnswer = { status: 204 };
