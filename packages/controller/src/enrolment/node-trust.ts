import type { Clock, Log, Random } from "@selvedge/base";
import { Attestation, type AttestationPolicy } from "../gateway/attestation.ts";
import { DeviceCertificates } from "../gateway/device-certificates.ts";
import { KeyEscrow } from "../gateway/key-escrow.ts";
import { type Caches, cachesOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import type { Wired } from "../objects/wiring.ts";
import type { ControllerIdentity } from "../pki/controller-identity.ts";
import type { NodeId, NodeSealer, Records } from "../ports.ts";
import { CipherSealer } from "../sealer/cipher-sealer.ts";
import { Enrolment } from "./enrolment.ts";
import { EnrolmentReconciler, enrolmentWakes, type RefusalCounts } from "./enrolment-reconciler.ts";
import { ProfileReconciler, profileWakes } from "./profile-reconciler.ts";

export interface NodeTrustOptions {
  readonly cluster: Cluster;
  readonly records: Records;
  /** A Pki is one of these. */
  readonly pki: {
    readonly identity: ControllerIdentity;
    secret(name: string): Uint8Array;
    onRenewed(listener: () => void): () => void;
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Replays of recorded traffic give what was recorded. */
  readonly newNodeId?: () => NodeId;
  readonly newToken?: () => Uint8Array;
}

/**
 * Everything the controller knows of who nodes are: the gateway, render and the runner take their parts of
 * it.
 */
export interface NodeTrust extends Disposable {
  readonly enrolment: Enrolment;
  readonly certificates: DeviceCertificates;
  readonly attestation: Attestation;
  readonly sealer: NodeSealer;
  /** The reconcilers of enrolment; the gateway, which is made later, counts what it refuses. */
  wire(refusals: RefusalCounts): readonly Wired[];
  /**
   * Forgets what is kept for nodes whose EdgeNode went while no controller ran. Call it once the caches are
   * filled.
   */
  prune(): void;
}

/** What an EdgeNode asks for itself, and what the profile that admitted it asks of all. */
function policyOf({ edgeNodes, enrollmentProfiles }: Caches, node: NodeId): AttestationPolicy {
  const [edgeNode] = edgeNodes.by("id", node);
  if (edgeNode === undefined) return {};
  const { spec, status } = edgeNode;
  const profile = status?.profile === undefined ? undefined : enrollmentProfiles.get(status.profile);
  return {
    requireTPM: spec.requireTPM,
    measuredBoot: spec.measuredBoot ?? profile?.spec.measuredBoot,
  };
}

export function createNodeTrust(options: NodeTrustOptions): NodeTrust {
  const { cluster, records, pki, clock, random, log, newToken } = options;
  const caches = cachesOf(cluster);
  const certificates = new DeviceCertificates(records);
  const attestation = new Attestation({
    ...{ records, certificates, escrow: new KeyEscrow(records), clock, random },
    policyOf: (node) => policyOf(caches, node),
    ...{ log: log.child("attestation"), ...(newToken === undefined ? {} : { newToken }) },
  });
  const enrolment = new Enrolment({
    ...{ cluster, clock, random, log: log.child("enrolment") },
    ...(options.newNodeId === undefined ? {} : { newNodeId: options.newNodeId }),
  });
  const sealer = new CipherSealer({ certificates, pki, secret: pki.secret("sealer") });
  return {
    ...{ enrolment, certificates, attestation, sealer },
    wire(refusals) {
      const newNodeId = (): NodeId => enrolment.newNodeId();
      const reconciler = new EnrolmentReconciler({ cluster, attestation, refusals, newNodeId, clock });
      return [
        { reconciler, wakes: enrolmentWakes(caches), connect: (wake) => reconciler.connect(wake) },
        { reconciler: new ProfileReconciler(cluster, clock), wakes: profileWakes() },
      ];
    },
    prune() {
      for (const part of [certificates, attestation]) {
        for (const node of part.nodes()) if (enrolment.byId(node) === undefined) part.forget(node);
      }
    },
    [Symbol.dispose]: () => enrolment[Symbol.dispose](),
  };
}
