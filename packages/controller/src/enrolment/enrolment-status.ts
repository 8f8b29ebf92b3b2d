import { cloneJson, type Instant, jsonEqual } from "@selvedge/base";
import type { EdgeNode, EdgeNodePhase, EdgeNodeStatus } from "@selvedge/kinds";
import { setCondition } from "../objects/conditions.ts";
import type { NodeId } from "../ports.ts";
import { certificateHashOf, isAdmitted } from "./admission.ts";

/** What a registration told, beyond what the object says itself. */
export interface EnrolmentFacts {
  readonly onboardingCertificateHash?: string;
  readonly profile?: string | undefined;
  readonly serial?: string | undefined;
  /** The older EdgeNode that has the same certificate. */
  readonly duplicateOf?: string | undefined;
}

interface Standing {
  /** None for a box that has not been heard of. */
  readonly phase: EdgeNodePhase | undefined;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/**
 * Brings an EdgeNode's status to where its spec puts it, in place: its UUID once it is admitted, its phase
 * until then, and why. Returns whether anything changed.
 */
export function enrolStatus(
  edgeNode: EdgeNode,
  facts: EnrolmentFacts,
  newNodeId: () => NodeId,
  now: Instant,
): boolean {
  const before = cloneJson(edgeNode.status ?? {});
  const status: EdgeNodeStatus = edgeNode.status ?? {};
  edgeNode.status = status;
  const certificate = certificateHashOf(edgeNode);
  assign(status, "deviceCertificateHash", certificate);
  assign(status, "serial", facts.serial || status.serial || edgeNode.spec.serial);
  assign(
    status,
    "onboardingCertificateHash",
    facts.onboardingCertificateHash ?? status.onboardingCertificateHash,
  );
  assign(status, "profile", facts.profile ?? status.profile);
  const standing = standingOf(edgeNode, certificate !== undefined, facts.duplicateOf);
  if (standing.status === "True") status.nodeID ??= newNodeId();
  // Once it is enrolled, the node's life decides its phase.
  const ours = status.phase === undefined || status.phase === "Waiting" || status.phase === "Refused";
  if (standing.phase === undefined) delete status.phase;
  else if (ours || standing.status === "False") status.phase = standing.phase;
  status.conditions ??= [];
  const { status: is, reason, message } = standing;
  setCondition(status.conditions, { type: "Enrolled", status: is, reason, message }, now);
  return !jsonEqual(before, status);
}

function standingOf(edgeNode: EdgeNode, hasCertificate: boolean, duplicateOf: string | undefined): Standing {
  const { spec, status } = edgeNode;
  if (!spec.deviceCertificate) {
    const message = "The box has not been heard of; it enrols by a profile that admits its serial.";
    return { phase: undefined, status: "False", reason: "NotSeen", message };
  }
  if (!hasCertificate) {
    const message = "spec.deviceCertificate is not a PEM certificate; put in the one the box shows.";
    return { phase: "Refused", status: "False", reason: "BadCertificate", message };
  }
  if (duplicateOf !== undefined) {
    const message = `EdgeNode ${duplicateOf} has the same certificate; delete one of the two.`;
    return { phase: "Refused", status: "False", reason: "DuplicateCertificate", message };
  }
  if (isAdmitted(edgeNode)) {
    const by = status?.profile === undefined ? "its owner" : `EnrollmentProfile ${status.profile}`;
    return { phase: "Enrolled", status: "True", reason: "Admitted", message: `Admitted by ${by}.` };
  }
  if (status?.nodeID !== undefined) {
    const message = "spec.approved is false: the node is turned away until it is true again.";
    return { phase: "Refused", status: "False", reason: "Revoked", message };
  }
  const why =
    status?.profile === undefined
      ? "no EnrollmentProfile has its onboarding certificate"
      : `EnrollmentProfile ${status.profile} asks a human`;
  const message = `Waits for approval: ${why}. Set spec.approved to true to let it in.`;
  return { phase: "Waiting", status: "False", reason: "WaitsForApproval", message };
}

function assign(
  status: EdgeNodeStatus,
  field: "deviceCertificateHash" | "serial" | "onboardingCertificateHash" | "profile",
  value: string | undefined,
): void {
  if (value === undefined || value === "") delete status[field];
  else status[field] = value;
}
