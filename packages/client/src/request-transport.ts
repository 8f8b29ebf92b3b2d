import { type Millis, seconds } from "@selvedge/base";
import type { HttpRequest, HttpResponse, HttpTransport } from "./http-transport.ts";

/** The part of node:https's `request` that is used; whoever gives it also gives the certificates. */
export type Request = (
  url: string,
  options: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
    readonly timeout?: number;
  },
) => Outgoing;

export interface Outgoing {
  on(event: "response", listener: (incoming: Incoming) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "timeout", listener: () => void): unknown;
  end(body?: Uint8Array): unknown;
  destroy(error?: Error): unknown;
}

export interface Incoming extends AsyncIterable<Uint8Array> {
  readonly statusCode?: number | undefined;
}

/** So long nothing may come. A list of everything takes less; a server that is gone takes for ever. */
const silenceMax: Millis = seconds(30);

/** HTTP by node:https, where a browser's fetch has no client certificates. */
export class RequestTransport implements HttpTransport {
  readonly #base: string;
  readonly #request: Request;

  constructor(base: string, request: Request) {
    this.#base = base.replace(/\/+$/, "");
    this.#request = request;
  }

  /** A request with a signal lasts until that ends it: a watch may have nothing to say for long. */
  send({ method, path, headers, body, signal }: HttpRequest): Promise<HttpResponse> {
    const bytes = body === undefined ? undefined : new TextEncoder().encode(body);
    // Node leaves it out of a DELETE, whose body then has no end.
    const length = bytes === undefined ? {} : { "content-length": String(bytes.length) };
    const patience = signal === undefined ? { timeout: silenceMax } : { signal };
    return new Promise((resolve, reject) => {
      const outgoing = this.#request(`${this.#base}${path}`, {
        ...{ method, headers: { ...headers, ...length } },
        ...patience,
      });
      const silence = `${this.#base} has said nothing for ${silenceMax / 1000} s`;
      outgoing.on("timeout", () => outgoing.destroy(new Error(silence)));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => resolve({ status: incoming.statusCode ?? 0, body: incoming }));
      outgoing.end(bytes);
    });
  }
}
