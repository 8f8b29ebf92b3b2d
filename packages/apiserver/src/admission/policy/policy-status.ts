/**
 * Says in a policy's status what came of checking its expressions by their types. All replicas do it, and write the
 * same: the first one wins, and for the others nothing changes.
 */
import type { KubeObject } from "@selvedge/apimachinery";
import { describeError, type Log } from "@selvedge/base";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { StatusError } from "../../status-error.ts";
import { type CheckedSpec, typeWarnings } from "./type-check.ts";

export interface PolicyStatusOptions {
  readonly objects: ObjectRegistry;
  readonly kind: KindName;
  readonly log: Log;
}

const fieldManager = "validatingadmissionpolicy-status";

export class PolicyStatus {
  readonly #options: PolicyStatusOptions;

  constructor(options: PolicyStatusOptions) {
    this.#options = options;
  }

  /** Begins to, where there is something new to say. */
  check(policy: KubeObject): void {
    const { generation = 0, name } = policy.metadata;
    const { observedGeneration = 0 } = (policy["status"] ?? {}) as { observedGeneration?: number };
    if (generation <= observedGeneration) return;
    this.#write(policy, generation).catch((error: unknown) => {
      // It is gone, or was written again: then it is heard of again.
      if (error instanceof StatusError && ["NotFound", "Conflict"].includes(error.reason)) return;
      this.#options.log.warn("a policy's expressions were not checked", {
        name,
        error: describeError(error),
      });
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
