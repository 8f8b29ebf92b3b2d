/** How HTTP is spoken, as a port: fetch in a browser, node:https where client certificates are needed. */
export interface HttpTransport {
  /** Resolves with the head of the answer; the body comes as it is read. Rejects when there is no answer. */
  send(request: HttpRequest): Promise<HttpResponse>;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The part of `fetch` that is used, so that any implementation will do. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly signal?: AbortSignal;
  },
) => Promise<{ readonly status: number; readonly body: AsyncIterable<Uint8Array> | null }>;

/** HTTP by `fetch`. */
export class FetchTransport implements HttpTransport {
  readonly #base: string;
  readonly #fetch: Fetch;
  readonly #headers: Readonly<Record<string, string>>;

  /** `headers` go with every request: a bearer token. */
  constructor(base: string, fetch: Fetch, headers: Readonly<Record<string, string>> = {}) {
    this.#base = base.replace(/\/+$/, "");
    this.#fetch = fetch;
    this.#headers = headers;
  }

  async send({ method, path, headers, body, signal }: HttpRequest): Promise<HttpResponse> {
    const answer = await this.#fetch(`${this.#base}${path}`, {
      method,
      headers: { ...this.#headers, ...headers },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
    return { status: answer.status, body: answer.body ?? nothing() };
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
