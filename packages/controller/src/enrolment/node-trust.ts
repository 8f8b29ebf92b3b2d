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
  readonly escrow: KeyEscrow;
  readonly sealer: NodeSealer;
  /** The reconcilers of enrolment; the gateway, which is made later, counts what it refuses. */
  wire(refusals: RefusalCounts): readonly Wired[];
  /**
   * Forgets what is kept for nodes whose EdgeNode went while no controller ran. Call it once the caches are
   * filled.
   */
  prune(): void;
}

/** What is asked of each node, worked out once: every poll asks, and objects change seldom. */
class Policies implements Disposable {
  readonly #caches: Caches;
  readonly #known = new Map<NodeId, AttestationPolicy>();
  readonly #stops: readonly (() => void)[];

  constructor(caches: Caches) {
    this.#caches = caches;
    this.#stops = [
      caches.edgeNodes.onChange((before, after) => {
        for (const { status } of [before, after].filter((one) => one !== undefined)) {
          if (status?.nodeID !== undefined) this.#known.delete(status.nodeID);
        }
      }),
      caches.enrollmentProfiles.onChange(() => this.#known.clear()),
    ];
  }

  of(node: NodeId): AttestationPolicy {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    const policy = policyOf(this.#caches, node);
    // Of a node that is gone nothing is kept.
    if (this.#caches.edgeNodes.by("id", node).length > 0) this.#known.set(node, policy);
    return policy;
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
  }
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
  const policies = new Policies(caches);
  const escrow = new KeyEscrow(records, clock);
  const attestation = new Attestation({
    ...{ records, certificates, escrow, clock, random },
    policyOf: (node) => policies.of(node),
    ...{ log: log.child("attestation"), ...(newToken === undefined ? {} : { newToken }) },
  });
  const enrolment = new Enrolment({
    ...{ cluster, clock, random, log: log.child("enrolment") },
    ...(options.newNodeId === undefined ? {} : { newNodeId: options.newNodeId }),
  });
  const sealer = new CipherSealer({ certificates, pki, secret: pki.secret("sealer") });
  return {
    ...{ enrolment, certificates, attestation, sealer, escrow },
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
    [Symbol.dispose]() {
      policies[Symbol.dispose]();
      enrolment[Symbol.dispose]();
    },
  };
}
