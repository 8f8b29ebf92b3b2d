/** The Kubernetes API over a real connection, as tests and measurements use it. */
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import type { KubeObject } from "@selvedge/apimachinery";
import {
  accessOf,
  type ClusterAccess,
  HttpObjects,
  isReason,
  type KindRef,
  RequestTransport,
} from "@selvedge/client";
import { parse } from "yaml";

export class KubeClient extends HttpObjects implements Disposable {
  /** What the controller's certificates are checked against. */
  readonly ca: string;
  readonly #agent: Agent;

  constructor({ server, ...tls }: ClusterAccess) {
    const agent = new Agent({ ...tls, keepAlive: true });
    super(new RequestTransport(server, (url, options) => request(url, { ...options, agent })));
    this.ca = tls.ca;
    this.#agent = agent;
  }

  /** From a kubeconfig with its certificates inline, as the controller writes it. */
  static async open(path: string): Promise<KubeClient> {
    return new KubeClient(accessOf(parse(await readFile(path, "utf8")), path));
  }

  /** The object, or undefined when there is none. */
  async find<T extends KubeObject>(kind: KindRef, name: string, namespace?: string): Promise<T | undefined> {
    try {
      return await this.get<T>(kind, name, namespace);
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async apply<T extends KubeObject>(kind: KindRef, object: T): Promise<T> {
    const { name, namespace } = object.metadata;
    const options = { fieldManager: "harness", force: true };
    return await this.patch<T>(kind, name, namespace, "apply", object, options);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
