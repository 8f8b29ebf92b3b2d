/** The Kubernetes API over a real connection, as little of it as tests and measurements need. */
import { readFile } from "node:fs/promises";
import { Agent, type RequestOptions, request } from "node:https";
import { parse } from "yaml";

export interface KubeAnswer {
  readonly status: number;
  readonly text: string;
}

export interface ClientTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The API server said something else than was expected. */
export class KubeError extends Error {
  override name = "KubeError";
}

const answerMs = 30_000;

export class KubeClient implements Disposable {
  readonly server: URL;
  readonly tls: ClientTls;
  readonly #agent: Agent;

  constructor(server: URL, tls: ClientTls) {
    this.server = server;
    this.tls = tls;
    this.#agent = new Agent({ ...tls, keepAlive: true });
  }

  /** From a kubeconfig with its certificates inline, as the controller writes it. */
  static async open(path: string): Promise<KubeClient> {
    const { clusters, users } = parse(await readFile(path, "utf8")) as {
      clusters: { cluster: Record<string, string> }[];
      users: { user: Record<string, string> }[];
    };
    const plain = (text: string | undefined): string => Buffer.from(text ?? "", "base64").toString("utf8");
    const [cluster, user] = [clusters[0]?.cluster ?? {}, users[0]?.user ?? {}];
    return new KubeClient(new URL(cluster["server"] ?? ""), {
      ca: plain(cluster["certificate-authority-data"]),
      cert: plain(user["client-certificate-data"]),
      key: plain(user["client-key-data"]),
    });
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    contentType = "application/json",
  ): Promise<KubeAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string | number> = { accept: "application/json" };
    if (text !== undefined) {
      headers["content-type"] = contentType;
      headers["content-length"] = Buffer.byteLength(text);
    }
    return await this.#exchange(path, { method, headers, timeout: answerMs }, text);
  }

  /** The object, or undefined when there is none. */
  async get<T>(path: string): Promise<T | undefined> {
    const { status, text } = await this.send("GET", path);
    if (status === 404) return undefined;
    return parsed<T>(status, text);
  }

  async list<T>(path: string): Promise<readonly T[]> {
    const { status, text } = await this.send("GET", path);
    return parsed<{ items: readonly T[] }>(status, text).items;
  }

  async apply<T>(path: string, object: unknown): Promise<T> {
    const target = `${path}?fieldManager=harness&force=true`;
    const { status, text } = await this.send("PATCH", target, object, "application/apply-patch+yaml");
    return parsed<T>(status, text);
  }

  async create<T>(path: string, object: unknown): Promise<T> {
    const { status, text } = await this.send("POST", path, object);
    return parsed<T>(status, text);
  }

  async delete(path: string): Promise<void> {
    const { status, text } = await this.send("DELETE", path);
    if (status >= 300 && status !== 404) throw new KubeError(`DELETE ${path}: ${status} ${text}`);
  }

  /** Calls `onEvent` with every event until the signal ends it. Resolves once the server has answered. */
  async watch(path: string, onEvent: (event: unknown) => void, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(new URL(path, this.server), { agent: this.#agent, signal });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        resolve();
        let rest = "";
        incoming.setEncoding("utf8").on("error", () => undefined);
        incoming.on("data", (part: string) => {
          const lines = (rest + part).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) onEvent(JSON.parse(line));
        });
      });
      outgoing.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #exchange(path: string, options: RequestOptions, body: string | undefined): Promise<KubeAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.server), { ...options, agent: this.#agent });
      outgoing.on("timeout", () => outgoing.destroy(new KubeError(`no answer within ${answerMs} ms`)));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        incoming.on("error", reject).on("end", () => resolve({ status: incoming.statusCode ?? 0, text }));
      });
      outgoing.end(body);
    });
  }
}

function parsed<T>(status: number, text: string): T {
  if (status >= 300) throw new KubeError(`the API server answers ${status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as T;
}
