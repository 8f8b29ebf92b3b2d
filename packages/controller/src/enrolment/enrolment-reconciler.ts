import { type Clock, jsonEqual, LruMap } from "@selvedge/base";
import {
  type EdgeNode,
  type EdgeNodeStatus,
  type EnrollmentProfile,
  edgeNodeKind,
  enrollmentProfileKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Attestation } from "../gateway/attestation.ts";
import type { StoredMeasurements } from "../gateway/attestation-states.ts";
import { ageOf } from "../objects/age.ts";
import { type Caches, cachesOf, nodeNameOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { type ConditionSays, conditionOf, setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import type { NodeId } from "../ports.ts";
import { certificateHashOf } from "./admission.ts";
import { enrolStatus } from "./enrolment-status.ts";

/** More nodes than one controller serves. */
const countsMax = 50_000;

export interface EnrolmentReconcilerOptions {
  readonly cluster: Cluster;
  readonly attestation: Attestation;
  readonly refusals: RefusalCounts;
  readonly newNodeId: () => NodeId;
  readonly clock: Clock;
}

/**
 * Requests in a node's name that were refused, since the controller started. The gateway's Refusals are
 * this.
 */
export interface RefusalCounts {
  of(node: NodeId): Readonly<Partial<Record<string, number>>>;
  onChange(listener: (node: NodeId) => void): () => void;
}

/**
 * Follows what owners write into EdgeNodes: a box registered beforehand gets its UUID, one that waited and
 * was approved is let in, one that was revoked is turned away. Also shows whether a node has proved what it
 * runs, and how often somebody was refused who came in its name.
 */
export class EnrolmentReconciler implements Reconciler {
  readonly name = "enrolment";
  readonly reads: readonly string[] = ["EdgeNode", "EnrollmentProfile"];
  readonly writes: readonly string[] = ["EdgeNode.status (identity, Enrolled, Attested, KeysKept, refused)"];
  readonly #options: EnrolmentReconcilerOptions;
  /** What was counted before this start, by node: counts go on from there. */
  readonly #countedBefore = new LruMap<NodeId, Readonly<Record<string, number>>>(countsMax);

  constructor(options: EnrolmentReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(name: string): Promise<Outcome> {
    const { cluster, newNodeId, clock, attestation } = this.#options;
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, name, undefined, (draft) => {
      const now = clock.now();
      const enrolled = enrolStatus(draft, { duplicateOf: this.#duplicateOf(draft) }, newNodeId, now);
      const status = draft.status ?? {};
      const attested = setCondition(status.conditions ?? [], this.#attested(draft), now);
      const kept = keptSays(draft, attestation);
      const isTold = kept !== undefined && setCondition(status.conditions ?? [], kept, now);
      return this.#setRefused(status) || isTold || attested || enrolled;
    });
    return settled;
  }

  #duplicateOf(edgeNode: EdgeNode): string | undefined {
    const hash = certificateHashOf(edgeNode);
    if (hash === undefined) return undefined;
    const { edgeNodes } = cachesOf(this.#options.cluster);
    const older = edgeNodes.by("certificate", hash).filter((other) => ageOf(other) < ageOf(edgeNode));
    return older.find(({ metadata }) => metadata.uid !== edgeNode.metadata.uid)?.metadata.name;
  }

  #attested({ spec, status }: EdgeNode): ConditionSays {
    const { attestation } = this.#options;
    const node = status?.nodeID;
    const attested = node === undefined ? undefined : attestation.of(node);
    if (spec.requireTPM === true && attested?.proof !== "tpm") {
      const message =
        "spec.requireTPM: the node gets no configuration until its TPM has signed what it runs; one " +
        "without a TPM needs spec.requireTPM: false.";
      return { type: "Attested", status: "False", reason: "TPMRequired", message };
    }
    if (node === undefined || attested === undefined) {
      const failure = node === undefined ? undefined : attestation.failureOf(node);
      const message = `The node has not proved what it runs${failure === undefined ? "" : `: ${failure}`}.`;
      const reason = failure === undefined ? "NotAttested" : "QuoteRefused";
      return { type: "Attested", status: "False", reason, message };
    }
    const fault = attestation.shortcomingOf(node);
    if (fault !== undefined) {
      return { type: "Attested", status: "False", reason: "NotAllowed", message: `${fault}.` };
    }
    const runs = attested.versions.join(", ") || "no version given";
    if (attested.proof === "software") {
      // Its word proves nothing; that it is enough must be said by somebody.
      const isEnough = spec.requireTPM === false;
      const message =
        `It says, without a TPM, what it runs: ${runs}.` +
        (isEnough ? "" : " Nothing proves it; spec.requireTPM: false says that this is well.");
      return { type: "Attested", status: isEnough ? "True" : "False", reason: "SoftwareKeys", message };
    }
    const message = `Its TPM signed what it runs: ${runs}.${logWords(attestation.measurementsOf(node))}`;
    return { type: "Attested", status: "True", reason: "Quoted", message };
  }

  #setRefused(status: EdgeNodeStatus): boolean {
    const node = status.nodeID;
    const counts = node === undefined ? {} : this.#options.refusals.of(node);
    if (node === undefined || Object.keys(counts).length === 0) return false;
    const before = this.#countedBefore.get(node) ?? status.refused ?? {};
    this.#countedBefore.set(node, before);
    const refused: Record<string, number> = { ...before };
    for (const [reason, count = 0] of Object.entries(counts)) refused[reason] = (before[reason] ?? 0) + count;
    if (jsonEqual(refused, status.refused ?? {})) return false;
    status.refused = refused;
    return true;
  }

  /** What wakes it besides EdgeNodes: a node that proved itself, or no longer does. */
  connect(wake: (key: string) => void): () => void {
    const { cluster, attestation, refusals } = this.#options;
    const { edgeNodes } = cachesOf(cluster);
    const listener = (node: NodeId): void => {
      for (const { metadata } of edgeNodes.by("id", node)) wake(metadata.name);
    };
    const stops = [attestation.onChange(listener), refusals.onChange(listener)];
    return () => {
      for (const stop of stops) stop();
    };
  }
}

/** Whether there is room for its storage keys: said when there is little, and from then on. */
function keptSays(edgeNode: EdgeNode, attestation: Attestation): ConditionSays | undefined {
  const { status } = edgeNode;
  const { bytes, is } = attestation.escrowOf(status?.deviceCertificateHash ?? "");
  const advice =
    "Find out why it makes new ones, then say how many sets are to stay: kubectl create --raw " +
    `"/api/v1/nodes/${nodeNameOf(edgeNode)}/proxy/escrow?keep=8" -f /dev/null`;
  const says = (status: "True" | "False", reason: string, message: string): ConditionSays => ({
    ...{ type: "KeysKept", status, reason, message },
  });
  switch (is) {
    case "full": {
      const full =
        "There is no room for the node's newest storage keys, which it sends again; none was dropped.";
      return says("False", "EscrowFull", `${full} ${advice}`);
    }
    case "filling": {
      const half = `Of the room for the node's storage keys half is used: ${bytes} bytes.`;
      return says("True", "EscrowFilling", `${half} ${advice}`);
    }
    case "roomy":
      if (conditionOf(status?.conditions, "KeysKept") === undefined) return undefined;
      return says("True", "EscrowHasRoom", "There is room for the node's storage keys.");
  }
}

/** What its log of events says of the registers. */
function logWords(measured: StoredMeasurements | undefined): string {
  const log = measured?.eventLog;
  if (log === undefined) return "";
  if ("fault" in log) return ` Its event log cannot be read: ${log.fault}.`;
  const other = log.other.length === 0 ? "" : `, not ${log.other.join(", ")}`;
  return ` Its event log accounts for registers ${log.explained.join(", ") || "none"}${other}.`;
}

export function enrolmentWakes({ edgeNodes }: Pick<Caches, "edgeNodes">): Wake[] {
  return [
    wakeOn<EnrollmentProfile>(enrollmentProfileKind, (before, after) =>
      after === undefined || jsonEqual(before?.spec.measuredBoot, after.spec.measuredBoot)
        ? []
        : edgeNodes.by("profile", after.metadata.name).map(({ metadata }) => metadata.name),
    ),
    wakeOn<EdgeNode>(edgeNodeKind, (before, after) => {
      const was = before?.status?.deviceCertificateHash;
      // One that was refused because of this one may come in now.
      if (after === undefined) {
        return was === undefined ? [] : edgeNodes.by("certificate", was).map(({ metadata }) => metadata.name);
      }
      const same = before?.metadata.generation === after.metadata.generation && before?.status !== undefined;
      return same ? [] : [after.metadata.name];
    }),
  ];
}
