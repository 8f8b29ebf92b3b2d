import type { Condition, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { NodeAddress } from "./node.ts";
import { open } from "./open.ts";

/** One box: what its owner wants of it, and what it says of itself. */
export interface EdgeNode extends KubeObject {
  apiVersion: "selvedge.dev/v1alpha1";
  kind: "EdgeNode";
  spec: EdgeNodeSpec;
  status?: EdgeNodeStatus;
}

export interface EdgeNodeSpec {
  /** The serial that the box gives when it enrols; unset until it did, when no box was registered beforehand. */
  serial?: string;
  /** A human lets a box in that waits. */
  approved?: boolean;
  /** The name of its Node; the EdgeNode's own name when unset. */
  nodeName?: string;
  /** Labels of its Node. */
  labels?: Record<string, string>;
  /** PEM of the certificate of a box that is registered before it is ever seen. */
  deviceCertificate?: string;
  /** False takes the box out of service: its apps stop and it gets an empty configuration. Unset means true. */
  activate?: boolean;
  /** EVE configuration items by name: `timer.config.interval: "60"`. */
  settings?: Record<string, string>;
}

export type EdgeNodePhase = "Waiting" | "Enrolled" | "Ready" | "NotReady" | "Deactivated" | "Refused";

/** Of EdgeNode.status.conditions. */
export type EdgeNodeConditionType =
  | "Enrolled"
  | "Attested"
  | "ConfigAccepted"
  | "Ready"
  | "LinkUp"
  | "HardwareVirtualization"
  | "HardwareIdentity";

export interface EdgeNodeStatus {
  phase?: EdgeNodePhase;
  /** UUID in the EVE API. */
  nodeID?: string;
  serial?: string;
  /** SHA-256 in hexadecimal over the DER form. */
  onboardingCertificateHash?: string;
  deviceCertificateHash?: string;
  /** Name of the EnrollmentProfile that admitted it. */
  profile?: string;
  conditions?: Condition[];
  /** The last authentic request. */
  lastSeen?: string;
  linkConnectedAt?: string;
  configHash?: { rendered?: string; applied?: string };
  /** Why the newest configuration was not accepted; the last good one goes on. */
  configError?: { field?: string; message: string; at?: string };
  engineVersion?: string;
  identityStore?: "tpm" | "file";
  /** The keys are not in hardware: whoever copies the disk is the node. */
  softwareKeys?: boolean;
  addresses?: NodeAddress[];
  /** Requests in this node's name that were not answered, by reason: `signature`, `replay`, `oversize`, … */
  refused?: Record<string, number>;
}

export const edgeNodeKind: KindDefinition = open({
  group: "selvedge.dev",
  version: "v1alpha1",
  kind: "EdgeNode",
  plural: "edgenodes",
  singular: "edgenode",
  shortNames: ["en"],
  categories: ["selvedge"],
  namespaced: false,
  subresources: { status: true },
  selectableFields: ["spec.serial", "status.phase", "status.nodeID"],
  custom: true,
});
