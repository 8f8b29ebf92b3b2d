import { type Clock, type Log, type Random, uuid } from "@selvedge/base";
import { isReason } from "@selvedge/client";
import { type EdgeNode, type EnrollmentProfile, edgeNodeKind } from "@selvedge/kinds";
import { certificateHash } from "../gateway/authenticate.ts";
import type {
  KnownNode,
  NodeDirectory,
  Registration,
  RegistrationOutcome,
} from "../gateway/node-directory.ts";
import { cachesOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import type { NodeId } from "../ports.ts";
import { isAdmitted } from "./admission.ts";
import { enrolStatus } from "./enrolment-status.ts";
import { NodeRegistry } from "./node-registry.ts";
import { type Box, planRegistration, type RegistrationPlan } from "./registration-plan.ts";

export interface EnrolmentOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Makes UUIDs of nodes; a replay of recorded traffic gives the recorded one. */
  readonly newNodeId?: () => NodeId;
}

/** Registrations that wait for their turn: a fleet that is switched on at once. */
const queueMax = 2_000;

/**
 * How boxes become nodes. An EdgeNode is all there is to it: whoever has one with a certificate in it, and
 * is not refused, is a node. Registration only makes EdgeNodes, one after the other, so that two boxes
 * never get one name.
 */
export class Enrolment implements NodeDirectory, Disposable {
  readonly #options: EnrolmentOptions;
  readonly #registry: NodeRegistry;
  #queue: Promise<unknown> = Promise.resolve();
  #queued = 0;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#registry = new NodeRegistry(cachesOf(options.cluster).edgeNodes);
  }

  byId(id: NodeId): KnownNode | undefined {
    return this.#registry.byId(id);
  }

  byCertificate(prefix: string): KnownNode | undefined {
    return this.#registry.byCertificate(prefix);
  }

  onGone(listener: (node: KnownNode) => void): () => void {
    return this.#registry.onGone(listener);
  }

  async register(registration: Registration): Promise<RegistrationOutcome> {
    if (this.#queued >= queueMax) throw new Error(`${queueMax} registrations are waiting`);
    this.#queued++;
    const turn = this.#queue.then(() => this.#register(registration));
    this.#queue = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await turn;
    } finally {
      this.#queued--;
    }
  }

  /** A UUID for a box that has become a node. */
  newNodeId(): NodeId {
    return this.#options.newNodeId?.() ?? uuid(this.#options.random);
  }

  [Symbol.dispose](): void {
    this.#registry[Symbol.dispose]();
  }

  async #register({ onboarding, device, serial, softSerial }: Registration): Promise<RegistrationOutcome> {
    const box: Box = {
      onboardingHash: certificateHash(onboarding).toHex(),
      deviceHash: certificateHash(device).toHex(),
      devicePem: device.toString(),
      // A box without any serial still has a place in profiles that admit every one.
      serials: serial === "" && softSerial === "" ? [""] : [serial, softSerial].filter((text) => text !== ""),
    };
    const caches = cachesOf(this.#options.cluster);
    const plan = planRegistration(box, {
      profiles: caches.enrollmentProfiles.list(),
      edgeNodes: caches.edgeNodes.list(),
    });
    return await this.#carryOut(plan, box);
  }

  async #carryOut(plan: RegistrationPlan, box: Box): Promise<RegistrationOutcome> {
    const { cluster, log } = this.#options;
    switch (plan.type) {
      case "conflict":
      case "refused":
        return plan;
      case "known":
        return await this.#admit(plan.edgeNode.metadata.name, box, plan.profile, undefined, false);
      case "approve": {
        const { edgeNode, profile } = plan;
        const { name } = edgeNode.metadata;
        await cluster.change<EdgeNode>(edgeNodeKind, name, undefined, ({ spec }) => {
          spec.approved = true;
          spec.labels = { ...profile.spec.labels, ...spec.labels };
          takeRules(spec, profile);
          return true;
        });
        return await this.#admit(name, box, profile.metadata.name, undefined, true);
      }
      case "adopt": {
        const { name } = plan.edgeNode.metadata;
        const profile = cachesOf(cluster).enrollmentProfiles.get(plan.profile);
        await cluster.change<EdgeNode>(edgeNodeKind, name, undefined, ({ spec }) => {
          // Somebody else's certificate that came in the meantime stays.
          spec.deviceCertificate ??= box.devicePem;
          takeRules(spec, profile);
          return true;
        });
        return await this.#admit(name, box, plan.profile, plan.serial, true);
      }
      case "create": {
        const { name, approved, serial, profile } = plan;
        const spec: EdgeNode["spec"] = {
          ...(serial === "" ? {} : { serial }),
          ...{ approved, deviceCertificate: box.devicePem },
          ...(profile?.spec.labels === undefined ? {} : { labels: { ...profile.spec.labels } }),
        };
        takeRules(spec, profile);
        const made = await this.#create(name, spec);
        if (!made)
          return { type: "conflict", message: `EdgeNode ${name} was just made by somebody else; try again` };
        log.info(approved ? "a box enrols" : "a box waits for approval", { name, serial });
        return await this.#admit(name, box, profile?.metadata.name, serial, true);
      }
    }
  }

  async #create(name: string, spec: EdgeNode["spec"]): Promise<boolean> {
    const object: EdgeNode = {
      apiVersion: "selvedge.dev/v1alpha1",
      kind: "EdgeNode",
      metadata: { name },
      spec,
    };
    try {
      await this.#options.cluster.create<EdgeNode>(edgeNodeKind, object);
      return true;
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      return false;
    }
  }

  /** Writes down who the box is, and tells it where it stands. */
  async #admit(
    name: string,
    { onboardingHash, deviceHash }: Box,
    profile: string | undefined,
    serial: string | undefined,
    /** Whether this registration made it what it is; its reconciler may have given it its name meanwhile. */
    isNew: boolean,
  ): Promise<RegistrationOutcome> {
    const { cluster, clock } = this.#options;
    let admitted = isNew;
    const edgeNode = await cluster.changeStatus<EdgeNode>(edgeNodeKind, name, undefined, (draft) => {
      const before = draft.status?.nodeID;
      const facts = { onboardingCertificateHash: onboardingHash, profile, serial };
      const changed = enrolStatus(draft, facts, () => this.newNodeId(), clock.now());
      admitted = isNew || (before === undefined && draft.status?.nodeID !== undefined);
      return changed;
    });
    if (edgeNode === undefined)
      return { type: "refused", message: `EdgeNode ${name} was just deleted; try again` };
    if (edgeNode.status?.deviceCertificateHash !== deviceHash) {
      return { type: "conflict", message: `EdgeNode ${name} has another certificate` };
    }
    if (isAdmitted(edgeNode)) return { type: admitted ? "admitted" : "known" };
    const standing = edgeNode.status?.phase === "Refused" ? "was refused" : "waits for approval";
    const mend = `kubectl patch edgenode ${name} --type merge -p '{"spec":{"approved":true}}'`;
    return { type: "waiting", message: `EdgeNode ${name} ${standing}; to let it in: ${mend}` };
  }
}

/**
 * What a profile asks of its boxes goes into their EdgeNodes, where it stays whatever becomes of the
 * profile.
 */
function takeRules(spec: EdgeNode["spec"], profile: EnrollmentProfile | undefined): void {
  const { requireTPM } = profile?.spec ?? {};
  if (requireTPM !== undefined) spec.requireTPM ??= requireTPM;
}
