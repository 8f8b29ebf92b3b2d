/** The Kubernetes API as the CLI reaches it: what a kubeconfig says, over node:https. */
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { type Clock, describeError, type Millis, millis, seconds, sleep } from "@selvedge/base";
import { accessOf, type ClusterAccess, HttpObjects, type Objects, RequestTransport } from "@selvedge/client";
import { parse } from "yaml";

/** What a client needs for TLS with a client certificate, as PEM. */
export type ClientTls = Omit<ClusterAccess, "server">;

/** The objects of a controller, and its address and our certificates for what is no object. */
export class KubeConnection implements Disposable {
  readonly server: URL;
  readonly tls: ClientTls;
  readonly objects: Objects;
  readonly #agent: Agent;
  readonly #transport: RequestTransport;

  constructor({ server, ...tls }: ClusterAccess) {
    this.server = new URL(server);
    this.tls = tls;
    this.#agent = new Agent({ ...tls, keepAlive: true });
    this.#transport = new RequestTransport(server, (url, options) =>
      request(url, { ...options, agent: this.#agent }),
    );
    this.objects = new HttpObjects(this.#transport);
  }

  /** Whether the controller says that it can work. */
  async isReady(): Promise<boolean> {
    const { status, body } = await this.#transport.send({ method: "GET", path: "/readyz", headers: {} });
    // Read to its end, for the connection is used again.
    for await (const _part of body);
    return status === 200;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

export interface WaitOptions {
  readonly limit?: Millis;
  /** Hears why an attempt failed, each time. */
  readonly onReason?: (reason: string) => void;
}

/** Asks until there is an answer or the signal ends it; the last failure becomes part of the error. */
export async function waitFor<T>(
  clock: Clock,
  signal: AbortSignal,
  what: string,
  attempt: () => Promise<T | undefined>,
  { limit = seconds(300), onReason }: WaitOptions = {},
): Promise<T> {
  const deadline = clock.monotonic() + limit;
  let reason = "";
  while (clock.monotonic() < deadline) {
    signal.throwIfAborted();
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      reason = describeError(error);
      onReason?.(reason);
    }
    await sleep(clock, millis(200), signal);
  }
  throw new Error(`gave up waiting for ${what} after ${limit / 1000} s${reason && `: ${reason}`}`);
}

/** Reads a kubeconfig whose current context holds its certificates inline, as the controller writes it. */
export async function connect(path: string): Promise<KubeConnection> {
  return new KubeConnection(accessOf(parse(await readFile(path, "utf8")), path));
}
