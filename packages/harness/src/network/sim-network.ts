/**
 * The network between nodes and servers, with the faults real ones have. Servers are functions under a host
 * name; every node has a cable of its own. What a node sees:
 *
 *   up            answers come after a delay
 *   cut           packets vanish: requests time out, open links fall silent and never come back
 *   no server     refused at once, as when the controller's process is gone
 *   answer lost   the server did it, the node never hears: the case that makes idempotence necessary
 *   body reset    the connection breaks in the middle of an answer
 */
import { type Millis, millis, type Random, seconds, sleep, type Timer } from "@selvedge/base";
import type { HttpClient, HttpRequest, LinkDialer } from "@selvedge/engine";
import { HttpError, type HttpResponse } from "@selvedge/engine";
import type { LinkSocket } from "@selvedge/eve-api";
import type { SimClock } from "../sim-clock.ts";
import { joinSockets, type SimSocket } from "./sim-socket.ts";

export interface SimRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The node that asks. */
  readonly remote: string;
}

export interface SimAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface SimServer {
  handle(request: SimRequest): Promise<SimAnswer>;
  /** A WebSocket was dialled. Undefined: this server has none. */
  readonly accept?: (target: string, socket: LinkSocket, remote: string) => void;
}

/** Odds of what may go wrong with one exchange; all 0 is a good network. */
export interface NetworkFaults {
  /** The server has done it, the answer never comes. */
  answerLost: number;
  /** The answer breaks off in the middle. */
  bodyReset: number;
  /** The connection cannot be made. */
  refused: number;
}

const delayMin = 5;
const delaySpan = 45;
/** The real dialer's patience with a handshake. */
const dialMs = seconds(30);
/** Answers come in pieces of this size, so that there is a middle to break in. */
const pieceBytes = 16 * 1024;

export class SimNetwork {
  readonly faults: NetworkFaults = { answerLost: 0, bodyReset: 0, refused: 0 };
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #servers = new Map<string, SimServer>();
  readonly #cut = new Set<string>();
  readonly #links = new Set<{
    readonly remote: string;
    readonly host: string;
    readonly sockets: SimSocket[];
  }>();
  /** Requests that reached a server, by host. */
  readonly requests: Map<string, number> = new Map<string, number>();

  constructor(clock: SimClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** `host` with its port, as URLs name it. */
  serve(host: string, server: SimServer): void {
    this.#servers.set(host, server);
  }

  /** Who answers there, for whoever stands between. */
  server(host: string): SimServer | undefined {
    return this.#servers.get(host);
  }

  /** The process is gone: connections break, new ones are refused. */
  stopServing(host: string): void {
    this.#servers.delete(host);
    for (const link of this.#links) {
      if (link.host !== host) continue;
      this.#links.delete(link);
      for (const socket of link.sockets) socket.breakOff();
    }
  }

  /** From now on the server answers requests and takes no WebSocket. */
  withoutLinks(host: string): void {
    const server = this.#servers.get(host);
    if (server === undefined) return;
    this.stopServing(host);
    this.#servers.set(host, { handle: (request) => server.handle(request) });
  }

  cut(remote: string): void {
    this.#cut.add(remote);
    for (const link of this.#links) {
      if (link.remote === remote) for (const socket of link.sockets) socket.silence();
    }
  }

  heal(remote: string): void {
    this.#cut.delete(remote);
  }

  isCut(remote: string): boolean {
    return this.#cut.has(remote);
  }

  /** The engine was killed: its kernel closes its connections. */
  closeLinks(remote: string): void {
    for (const link of this.#links) {
      if (link.remote !== remote) continue;
      this.#links.delete(link);
      for (const socket of link.sockets) socket.breakOff();
    }
  }

  /** Links that are open now. */
  get linkCount(): number {
    return this.#links.size;
  }

  /** What a node's engine gets: both ports, over the node's own cable. */
  plug(remote: string): { readonly http: HttpClient; readonly dialer: LinkDialer } {
    return {
      http: { send: (request) => this.#send(remote, request) },
      dialer: { dial: (url, _certificates, signal) => this.#dial(remote, url, signal) },
    };
  }

  async #send(remote: string, request: HttpRequest): Promise<HttpResponse> {
    const { signal, timeoutMs } = request;
    const patience = new Patience(this.#clock, millis(timeoutMs), signal);
    try {
      return await this.#exchange(remote, request, patience);
    } catch (error) {
      signal?.throwIfAborted();
      if (patience.isOver) throw new HttpError(`no answer within ${timeoutMs} ms`);
      throw error;
    } finally {
      patience.end();
    }
  }

  async #exchange(remote: string, request: HttpRequest, patience: Patience): Promise<HttpResponse> {
    const url = new URL(request.url);
    await this.#travel(remote, patience);
    const server = this.#servers.get(url.host);
    if (server === undefined || this.#chance(this.faults.refused)) {
      throw new HttpError(`connect ECONNREFUSED ${url.host}`);
    }
    this.requests.set(url.host, (this.requests.get(url.host) ?? 0) + 1);
    const headers = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
    const answer = await this.#clock.outside(
      server.handle({
        method: request.method,
        target: url.pathname + url.search,
        headers: Object.fromEntries(headers),
        body: request.body?.slice() ?? new Uint8Array(),
        remote,
      }),
    );
    if (this.#chance(this.faults.answerLost)) await patience.wait();
    await this.#travel(remote, patience);
    if (this.#servers.get(url.host) !== server) throw new HttpError(`read ECONNRESET ${url.host}`);
    return {
      status: answer.status,
      headers: answer.headers,
      body: this.#pieces(remote, answer.body, request.signal),
    };
  }

  async *#pieces(remote: string, body: Uint8Array, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const breaksAt = this.#chance(this.faults.bodyReset) ? Math.floor(this.#random.next() * body.length) : -1;
    for (let at = 0; at < body.length; at += pieceBytes) {
      // A cut in the middle of an answer: the client waits for bytes that do not come, then gives up.
      if (this.isCut(remote)) throw new HttpError("the connection fell silent");
      if (signal?.aborted) throw new HttpError("the connection was closed");
      if (breaksAt >= 0 && breaksAt < at + pieceBytes) {
        if (breaksAt > at) yield body.slice(at, breaksAt);
        throw new HttpError("read ECONNRESET");
      }
      yield body.slice(at, at + pieceBytes);
      await sleep(this.#clock, millis(1));
    }
  }

  async #dial(remote: string, address: string, signal: AbortSignal): Promise<LinkSocket> {
    const patience = new Patience(this.#clock, dialMs, signal);
    try {
      return await this.#shakeHands(remote, address, patience);
    } finally {
      patience.end();
    }
  }

  async #shakeHands(remote: string, address: string, patience: Patience): Promise<LinkSocket> {
    const url = new URL(address);
    await this.#travel(remote, patience);
    const server = this.#servers.get(url.host);
    if (server?.accept === undefined || this.#chance(this.faults.refused)) {
      throw new HttpError(`connect ECONNREFUSED ${url.host}`);
    }
    const [near, far] = joinSockets(this.#clock, () => this.#delay());
    const link = { remote, host: url.host, sockets: [near, far] };
    this.#links.add(link);
    near.onClose(() => this.#links.delete(link));
    server.accept(url.pathname + url.search, far, remote);
    await this.#travel(remote, patience);
    return near;
  }

  /** One way through the network; while the cable is cut there is no end to it. */
  async #travel(remote: string, patience: Patience): Promise<void> {
    await patience.sleep(millis(this.#delay()));
    if (this.isCut(remote)) await patience.wait();
  }

  #delay(): number {
    return delayMin + this.#random.next() * delaySpan;
  }

  #chance(odds: number): boolean {
    return odds > 0 && this.#random.next() < odds;
  }
}

/**
 * How long an exchange is waited for: until its time is over or its caller gives up. A signal of its own for
 * each would cost more than the exchange.
 */
class Patience {
  isOver = false;
  readonly #clock: SimClock;
  readonly #timer: Timer;
  readonly #signal: AbortSignal | undefined;
  readonly #giveUp = (): void => this.#end();
  #sleeping: Timer | undefined;
  #reject: ((error: HttpError) => void) | undefined;

  constructor(clock: SimClock, span: Millis, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#signal = signal;
    this.#timer = clock.setTimer(span, this.#giveUp);
    if (signal?.aborted) this.isOver = true;
    else signal?.addEventListener("abort", this.#giveUp, { once: true });
  }

  /** Rejects when the patience ends first. */
  async sleep(span: Millis): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      if (this.isOver) return reject(silence());
      this.#reject = reject;
      this.#sleeping = this.#clock.setTimer(span, resolve);
    });
  }

  /** Waits for what never comes. */
  async wait(): Promise<never> {
    return await new Promise<never>((_resolve, reject) => {
      if (this.isOver) reject(silence());
      else this.#reject = reject;
    });
  }

  /** The exchange is over. */
  end(): void {
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this.#giveUp);
  }

  #end(): void {
    this.isOver = true;
    this.#sleeping?.cancel();
    this.#reject?.(silence());
  }
}

function silence(): HttpError {
  return new HttpError("the connection fell silent");
}
