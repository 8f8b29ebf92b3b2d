/**
 * Opens each namespace to whoever asks, by a policy, as clusters are where nobody wrote one: some of upstream's specs
 * count on it (docs/decisions/0195).
 */
import { isReason, type Objects } from "@selvedge/client";
import { type Namespace, type NetworkPolicy, namespaceKind, networkPolicyKind } from "@selvedge/kinds";

export class Neighbours implements AsyncDisposable {
  readonly #objects: Objects;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;
  /** What was not done, to be said by whoever started this. */
  readonly faults: unknown[] = [];

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  start(): void {
    this.#following = this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  /** Lists, then watches, until it is stopped. */
  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const { items, metadata } = await this.#objects.list<Namespace>(namespaceKind);
        for (const namespace of items) await this.#open(namespace);
        const resourceVersion = metadata.resourceVersion ?? "";
        const events = this.#objects.watch<Namespace>(namespaceKind, { resourceVersion, signal });
        for await (const event of events) {
          if (event.type === "ERROR") break;
          if (event.type === "ADDED") await this.#open(event.object);
        }
      } catch (error) {
        if (!signal.aborted) this.faults.push(error);
      }
    }
  }

  async #open({ metadata: { name: namespace } }: Namespace): Promise<void> {
    try {
      await this.#objects.create<NetworkPolicy>(networkPolicyKind, {
        ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
        metadata: { name: "neighbours", namespace },
        spec: { podSelector: {}, ingress: [{}] },
      });
    } catch (error) {
      // It has one, or is about to go.
      const isLate = ["AlreadyExists", "NotFound", "Forbidden"].some((reason) => isReason(error, reason));
      if (!isLate) throw error;
    }
  }
}
