import type { Clock } from "@selvedge/base";
import { type EdgeNode, edgeNodeKind } from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Attestation } from "../gateway/attestation.ts";
import { cachesOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import type { NodeId } from "../ports.ts";
import { enrolStatus } from "./enrolment-status.ts";

export interface EnrolmentReconcilerOptions {
  readonly cluster: Cluster;
  readonly attestation: Attestation;
  readonly newNodeId: () => NodeId;
  readonly clock: Clock;
}

/**
 * Follows what owners write into EdgeNodes: a box registered beforehand gets its UUID, one that waited and was approved
 * is let in, one that was revoked is turned away. Also shows whether a node has proved what it runs.
 */
export class EnrolmentReconciler implements Reconciler {
  readonly name = "enrolment";
  readonly reads: readonly string[] = ["EdgeNode"];
  readonly writes: readonly string[] = ["EdgeNode.status (identity, Enrolled, Attested)"];
  readonly #options: EnrolmentReconcilerOptions;

  constructor(options: EnrolmentReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(name: string): Promise<Outcome> {
    const { cluster, attestation, newNodeId, clock } = this.#options;
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, name, undefined, (draft) => {
      const now = clock.now();
      const changed = enrolStatus(draft, {}, newNodeId, now);
      const { nodeID, conditions = [] } = draft.status ?? {};
      const attested = nodeID === undefined ? undefined : attestation.of(nodeID);
      const says =
        attested === undefined
          ? {
              status: "False" as const,
              reason: "NotAttested",
              message: "The node has not proved what it runs.",
            }
          : {
              status: "True" as const,
              reason: attested.proof === "tpm" ? "Quoted" : "SoftwareKeys",
              message: `${attested.proof === "tpm" ? "Its TPM signed" : "It says, without a TPM,"} what it runs: ${attested.versions.join(", ") || "no version given"}.`,
            };
      return setCondition(conditions, { type: "Attested", ...says }, now) || changed;
    });
    return settled;
  }

  /** What wakes it besides EdgeNodes: a node that proved itself, or no longer does. */
  connect(wake: (key: string) => void): () => void {
    const { cluster, attestation } = this.#options;
    const { edgeNodes } = cachesOf(cluster);
    return attestation.onChange((node) => {
      for (const { metadata } of edgeNodes.by("id", node)) wake(metadata.name);
    });
  }
}

export function enrolmentWakes(): Wake[] {
  return [
    wakeOn<EdgeNode>(edgeNodeKind, (before, after) => {
      if (after === undefined) return [];
      const same = before?.metadata.generation === after.metadata.generation && before?.status !== undefined;
      return same ? [] : [after.metadata.name];
    }),
  ];
}
