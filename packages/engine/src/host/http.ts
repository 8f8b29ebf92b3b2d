/**
 * One HTTP exchange with a controller or a registry, as a port: the real one is node:https, the simulated
 * one a network that can be cut.
 */
import { collectBytes } from "@selvedge/base";

export interface HttpClient {
  send(request: HttpRequest): Promise<HttpResponse>;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Roots to trust, as PEM; none means the system's. */
  readonly certificates?: readonly string[];
  /**
   * Trust the system's roots besides: a registry of one's own may send us on to a store of somebody else's.
   */
  readonly systemRoots?: boolean;
  readonly timeoutMs: number;
  /** Of that, how long a connection may take to come about; the whole when it is not said. */
  readonly connectMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Read at most once. Ends early with an error when the connection breaks. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** No answer at all: refused, timed out, broken, not trusted. */
export class HttpError extends Error {
  override name = "HttpError";
}

/** Reads a whole body; throws HttpError past `limit` bytes. */
export async function readBody(response: HttpResponse, limit: number): Promise<Uint8Array> {
  return await collectBytes(
    response.body,
    limit,
    () => new HttpError(`answer is larger than ${limit} bytes`),
  );
}
