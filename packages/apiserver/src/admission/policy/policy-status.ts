/**
 * Says in a policy's status what came of checking its expressions by their types. All replicas do it, and write the
 * same: the first one wins, and for the others nothing changes.
 */
import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, describeError, type Log, seconds, type Timer } from "@selvedge/base";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { StatusError } from "../../status-error.ts";
import { type CheckedSpec, typeWarnings } from "./type-check.ts";

export interface PolicyStatusOptions {
  readonly objects: ObjectRegistry;
  readonly kind: KindName;
  readonly clock: Clock;
  readonly log: Log;
}

/** The database is away: it comes back. */
const againAfter = seconds(5);

const fieldManager = "validatingadmissionpolicy-status";

export class PolicyStatus implements Disposable {
  readonly #options: PolicyStatusOptions;
  /** By policy: when it is tried again. */
  readonly #again = new Map<string, Timer>();
  #closed = false;

  constructor(options: PolicyStatusOptions) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const timer of this.#again.values()) timer.cancel();
  }

  /** Begins to, where there is something new to say. */
  check(policy: KubeObject): void {
    const { generation = 0, name } = policy.metadata;
    const { observedGeneration = 0 } = (policy["status"] ?? {}) as { observedGeneration?: number };
    this.#again.get(name)?.cancel();
    this.#again.delete(name);
    if (generation <= observedGeneration) return;
    this.#write(policy, generation).catch((error: unknown) => {
      // It is gone, or was written again: then it is heard of again.
      if (error instanceof StatusError && ["NotFound", "Conflict"].includes(error.reason)) return;
      if (this.#closed) return;
      const { log, clock } = this.#options;
      log.warn("a policy's expressions are not checked yet", { name, error: describeError(error) });
      this.#again.set(
        name,
        clock.setTimer(againAfter, () => this.check(policy)),
      );
    });
  }

  async #write(policy: KubeObject, observedGeneration: number): Promise<void> {
    const { objects, kind } = this.#options;
    const { name } = policy.metadata;
    await objects.table.catchUp();
    const expressionWarnings = typeWarnings((policy["spec"] ?? {}) as CheckedSpec, objects.kinds);
    const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
    await objects.change(kind, name, undefined, { fieldManager, subresource: "status" }, (stored) => {
      // Who wrote it again since is answered by the next look.
      if (stored.metadata.generation !== observedGeneration) return stored;
      const status = stored["status"] as object | undefined;
      return { ...stored, status: { ...status, observedGeneration, typeChecking } };
    });
  }
}
