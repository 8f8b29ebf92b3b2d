/**
 * HTTP to the API through the console: an ordinary request by fetch, one that goes on (it has a signal) over a
 * WebSocket, because a browser has few connections to a server and a watch keeps one. Reports how it went.
 */
import type { HttpRequest, HttpResponse, HttpTransport } from "@selvedge/client";

/** Hears of every answer and every lack of one. */
export interface ReachListener {
  answered(): void;
  failed(error: unknown): void;
  locked(): void;
  /** A stream broke off: nobody knows whether there is an API. */
  doubt(): void;
}

/** A page of a list of a busy API takes seconds. */
const patience = 30_000;
/** What is read ahead of who reads; then the connection is given up, for a page cannot slow one down. */
const aheadMax = 64 * 1024 * 1024;
const keyHeader = "x-selvedge-key";

export class PageTransport implements HttpTransport {
  readonly #key: string;
  readonly #listener: ReachListener;

  constructor(key: string, listener: ReachListener) {
    this.#key = key;
    this.#listener = listener;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    return request.signal === undefined
      ? await this.#ask(request)
      : await this.#follow(request, request.signal);
  }

  /** A connection that both ends speak on. */
  open(path: string, protocol: string): WebSocket {
    return new WebSocket(addressOf(path), [protocol, `key.${this.#key}`]);
  }

  async #ask({ method, path, headers, body }: HttpRequest): Promise<HttpResponse> {
    let answer: Response;
    try {
      answer = await fetch(path, {
        ...{ method, headers: { ...headers, [keyHeader]: this.#key }, signal: AbortSignal.timeout(patience) },
        ...(body === undefined ? {} : { body }),
        ...{ cache: "no-store", credentials: "same-origin", redirect: "error" },
      });
    } catch (error) {
      this.#listener.failed(consoleGone(error));
      throw error;
    }
    await this.#tell(answer);
    return { status: answer.status, body: answer.body === null ? nothing() : chunksOf(answer.body) };
  }

  async #tell(answer: Response): Promise<void> {
    const { status } = answer;
    // The console's own refusals are plain text; what the API refuses is a Status.
    const isOurs = !answer.headers.get("content-type")?.startsWith("application/json");
    if (status === 401 && isOurs) this.#listener.locked();
    else if (status === 502 || status === 503)
      this.#listener.failed(new Error(await reasonIn(answer.clone())));
    else this.#listener.answered();
  }

  async #follow({ path }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    signal.throwIfAborted();
    const query = new URLSearchParams({ path });
    const socket = this.open(`/console/stream?${query}`, "stream");
    socket.binaryType = "arraybuffer";
    const stream = new SocketStream(socket, this.#listener);
    signal.addEventListener("abort", () => stream.stop(signal.reason), { once: true });
    return { status: await stream.status, body: stream };
  }
}

/** The body that comes over a WebSocket, after one message with the status. */
class SocketStream implements AsyncIterable<Uint8Array> {
  readonly status: Promise<number>;
  readonly #socket: WebSocket;
  readonly #ready: Uint8Array[] = [];
  #ahead = 0;
  #end: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket, listener: ReachListener) {
    this.#socket = socket;
    const head = Promise.withResolvers<number>();
    this.status = head.promise;
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      listener.answered();
      if (typeof data === "string") head.resolve((JSON.parse(data) as { status: number }).status);
      else this.#take(new Uint8Array(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      const error = code === 1000 ? undefined : new Error(reason || "the stream broke off");
      if (error !== undefined && this.#end === undefined) listener.doubt();
      head.reject(error ?? new Error("the stream ended before it began"));
      this.#finish(error);
    });
    // A rejection is seen by whoever waits for the status, if anybody still does.
    this.status.catch(() => undefined);
  }

  stop(reason: unknown): void {
    this.#finish(reason);
    this.#socket.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = this.#ready.shift();
        if (next !== undefined) {
          this.#ahead -= next.length;
          yield next;
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.stop(undefined);
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#ready.push(bytes);
    this.#ahead += bytes.length;
    if (this.#ahead > aheadMax) this.stop(new Error("more came than this page could take"));
    this.#wake();
  }

  #finish(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }
}

function addressOf(path: string): URL {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

function consoleGone(error: unknown): Error {
  const isLate = error instanceof DOMException && error.name === "TimeoutError";
  const why = isLate ? `no answer within ${patience / 1000} s` : "the console is not running any more";
  return new Error(why);
}

async function reasonIn(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => "");
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text.trim().slice(0, 200) || `it answers ${answer.status}`;
  }
}

/** A ReadableStream is no async iterable in every browser. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
