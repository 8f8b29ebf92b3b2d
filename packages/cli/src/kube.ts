/** The Kubernetes API as the CLI reaches it: what a kubeconfig says, over node:https. */
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { type Clock, describeError, millis, seconds, sleep } from "@selvedge/base";
import { parse } from "yaml";

/** How long one request that is not a watch may take. */
const requestTimeout = seconds(30);

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** What a client needs for TLS with a client certificate, as PEM. */
export interface ClientTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * A connection with the certificates of a kubeconfig that names its current context's cluster and user
 * inline.
 */
export class KubeConnection implements Disposable {
  readonly server: URL;
  readonly tls: ClientTls;
  readonly #agent: Agent;

  constructor(server: string, tls: ClientTls) {
    this.server = new URL(server);
    this.tls = tls;
    this.#agent = new Agent({ ...tls, keepAlive: true });
  }

  async send(
    method: string,
    path: string,
    body?: string,
    contentType = "application/json",
  ): Promise<ApiAnswer> {
    return await new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.server), {
        agent: this.#agent,
        method,
        timeout: requestTimeout,
        headers: {
          accept: "application/json",
          ...(body === undefined
            ? {}
            : { "content-type": contentType, "content-length": Buffer.byteLength(body) }),
        },
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer from ${this.server.host}`)));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: text }));
        incoming.on("error", reject);
      });
      outgoing.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Asks until there is an answer or the signal ends it; the last failure becomes part of the error. */
export async function waitFor<T>(
  clock: Clock,
  signal: AbortSignal,
  what: string,
  attempt: () => Promise<T | undefined>,
  limit: number = seconds(300),
): Promise<T> {
  const deadline = clock.monotonic() + limit;
  let reason = "";
  while (clock.monotonic() < deadline) {
    signal.throwIfAborted();
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      reason = `: ${describeError(error)}`;
    }
    await sleep(clock, millis(200), signal);
  }
  throw new Error(`gave up waiting for ${what} after ${limit / 1000} s${reason}`);
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly clusters?: readonly { readonly name: string; readonly cluster: Record<string, string> }[];
  readonly contexts?: readonly { readonly name: string; readonly context: Record<string, string> }[];
  readonly users?: readonly { readonly name: string; readonly user: Record<string, string> }[];
}

/** Reads a kubeconfig whose current context holds its certificates inline, as the controller writes it. */
export async function connect(path: string): Promise<KubeConnection> {
  const file = parse(await readFile(path, "utf8")) as Kubeconfig;
  const context = file.contexts?.find(({ name }) => name === file["current-context"])?.context;
  const cluster = file.clusters?.find(({ name }) => name === context?.["cluster"])?.cluster;
  const user = file.users?.find(({ name }) => name === context?.["user"])?.user;
  const text = (holder: Record<string, string> | undefined, field: string): string => {
    const value = holder?.[field];
    if (value === undefined) throw new Error(`${path}: the current context has no ${field}`);
    return field === "server" ? value : Buffer.from(value, "base64").toString("utf8");
  };
  return new KubeConnection(text(cluster, "server"), {
    ca: text(cluster, "certificate-authority-data"),
    cert: text(user, "client-certificate-data"),
    key: text(user, "client-key-data"),
  });
}
