/**
 * Opens each namespace to whoever asks, by a policy, as clusters are where nobody wrote one: some of upstream's specs
 * count on it (docs/decisions/0195).
 */
import { Log, SystemClock, SystemRandom } from "@selvedge/base";
import { Informer, isReason, type Objects } from "@selvedge/client";
import { type Namespace, type NetworkPolicy, namespaceKind, networkPolicyKind } from "@selvedge/kinds";

export class Neighbours implements AsyncDisposable {
  readonly #objects: Objects;
  readonly #namespaces: Informer<Namespace>;
  /** What was not done, to be said by whoever started this. */
  readonly faults: unknown[] = [];

  constructor(objects: Objects) {
    this.#objects = objects;
    const clock = new SystemClock();
    this.#namespaces = new Informer<Namespace>({
      ...{ objects, kind: namespaceKind, clock, random: new SystemRandom() },
      log: new Log("neighbours", clock, () => {}),
    });
    this.#namespaces.onChange((before, after) => {
      if (before !== undefined || after === undefined) return;
      this.#open(after).catch((error: unknown) => this.faults.push(error));
    });
  }

  start(): void {
    this.#namespaces.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#namespaces[Symbol.asyncDispose]();
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
