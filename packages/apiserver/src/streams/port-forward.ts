/**
 * port-forward as kubectl speaks it: SPDY, in a WebSocket or bare. For each connection the client opens an
 * error stream and a data stream that carry the same request id.
 */
import type { IncomingMessage } from "node:http";
import { type Duplex, finished } from "node:stream";
import { type Clock, describeError, seconds, type Timer } from "@selvedge/base";
import { createWebSocketStream } from "ws";
import type { PodRef, PodStreams } from "./pod-streams.ts";
import { SpdyConnection } from "./spdy/connection.ts";
import type { Headers } from "./spdy/headers.ts";
import { acceptSpdy, negotiateSpdy } from "./spdy-upgrade.ts";
import { acceptWebSocket } from "./websocket.ts";

export const portForwardTunnel = "SPDY/3.1+portforward.k8s.io";
const protocol = "portforward.k8s.io";
/** How long the second stream of a pair may take. */
const pairTimeout = seconds(30);
/**
 * What a client may still have to say to an app that has said all. kubectl before 1.32 closes its own end only
 * when it hears that the connection is over.
 */
const lastWords = seconds(1);

export interface PortForwardOptions {
  readonly pod: PodRef;
  readonly streams: PodStreams;
  readonly clock: Clock;
}

export async function serveTunnelledPortForward(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: PortForwardOptions,
): Promise<void> {
  const webSocket = acceptWebSocket(request, socket, head, portForwardTunnel);
  if (webSocket === undefined) return;
  const pairs = new Pairs(options);
  const connection = new SpdyConnection(createWebSocketStream(webSocket), pairs.onStream);
  await pairs.until(connection);
}

export async function serveSpdyPortForward(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: PortForwardOptions,
): Promise<void> {
  const pairs = new Pairs(options);
  const connection = acceptSpdy(socket, head, negotiateSpdy(request, [protocol]), pairs.onStream);
  await pairs.until(connection);
}

interface Pair {
  readonly port: number;
  data?: Duplex;
  error?: Duplex;
  readonly timer: Timer;
}

class Pairs {
  readonly #options: PortForwardOptions;
  readonly #waiting = new Map<string, Pair>();
  readonly #stop = new AbortController();
  #withoutId = 0;

  constructor(options: PortForwardOptions) {
    this.#options = options;
  }

  async until(connection: SpdyConnection): Promise<void> {
    await connection.closed;
    this.#stop.abort(new Error("the client is gone"));
    for (const { timer } of this.#waiting.values()) timer.cancel();
  }

  readonly onStream = (stream: Duplex, headers: Headers): void => {
    const port = Number(headers["port"]);
    const type = headers["streamtype"];
    if (!Number.isInteger(port) || port < 1 || port > 65_535 || (type !== "data" && type !== "error")) {
      stream.destroy();
      return;
    }
    // Clients older than request ids open the streams of a pair one right after the other.
    const id = headers["requestid"] ?? `${Math.floor(this.#withoutId++ / 2)} without id`;
    const pair = this.#waiting.get(id) ?? this.#begin(id, port);
    pair[type] = stream;
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    pair.timer.cancel();
    this.#waiting.delete(id);
    void forward(data, error, pair.port, this.#options, this.#stop.signal);
  };

  #begin(id: string, port: number): Pair {
    const timer = this.#options.clock.setTimer(pairTimeout, () => {
      this.#waiting.delete(id);
      pair.data?.destroy();
      pair.error?.end(`the data stream of request ${id} did not come`);
    });
    const pair: Pair = { port, timer };
    this.#waiting.set(id, pair);
    return pair;
  }
}

/** One connection. Its error stream ends without a word when all went well: the client waits for that. */
async function forward(
  client: Duplex,
  errors: Duplex,
  port: number,
  { pod, streams, clock }: PortForwardOptions,
  signal: AbortSignal,
): Promise<void> {
  errors.resume();
  try {
    const app = await streams.portForward(pod, port, signal);
    await join(client, app, clock);
    errors.end();
  } catch (error) {
    const where = `error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}`;
    errors.end(`${where}: ${describeError(error)}`);
    client.destroy();
  }
}

/**
 * Joins two connections. Resolves when both directions have ended, or the app's has for a while; what the
 * client still sends goes on to the app. Rejects when the app's broke.
 */
function join(client: Duplex, app: Duplex, clock: Clock): Promise<void> {
  client.pipe(app);
  app.pipe(client);
  let patience: Timer | undefined;
  app.once("end", () => {
    patience = clock.setTimer(lastWords, () => over.resolve());
  });
  const over = Promise.withResolvers<void>();
  finished(client, () => {
    // Cut or done: without a client nobody is left to talk to the app.
    app.destroy();
    patience?.cancel();
    over.resolve();
  });
  finished(app, (error) => {
    // Ended in the middle by the node: what has arrived is true, and the client is told.
    if (error && app.errored) over.reject(app.errored);
    else if (error && !client.writableEnded) client.end();
  });
  return over.promise;
}
