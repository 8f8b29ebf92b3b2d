import { type Clock, jsonEqual, toRfc3339 } from "@selvedge/base";
import { isReason, keyOf, objectKey, splitKey } from "@selvedge/client";
import {
  localProvisioner,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podKind,
  type StorageClass,
  storageClassKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import { type Caches, claimsOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { isGoing } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { claimFinalizer, isFree, planClaim, planReclaim, serves, volumeFinalizer } from "./claim-plan.ts";

export interface ClaimDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

const component = "persistentvolume-controller";

/** Gives claims their volumes, and volumes their end. The key is the claim's `namespace/name`. */
export class ClaimReconciler implements Reconciler {
  readonly name = "claims";
  readonly reads: readonly string[] = ["PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Pod"];
  readonly writes: readonly string[] = [
    "PersistentVolumeClaim.spec.volumeName",
    "PersistentVolumeClaim.status",
    "PersistentVolumeClaim.metadata.finalizers[pvc-protection]",
    "PersistentVolume",
  ];
  readonly #deps: ClaimDeps;

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, events } = this.#deps;
    const { namespace, name } = splitKey(key);
    const claim = caches.claims.get(name, namespace);
    await this.#reclaim(key, claim);
    if (key === freeVolumes) await this.#letGo();
    if (claim === undefined) return settled;
    const step = planClaim({
      claim,
      storageClass: caches.storageClasses.get(claim.spec.storageClassName ?? ""),
      volume:
        caches.volumes.get(claim.spec.volumeName ?? "") ??
        this.#volumesFor(key).find((one) => one.spec.claimRef?.uid === claim.metadata.uid) ??
        this.#volumesFor(key).find((one) => one.spec.claimRef?.uid === undefined && serves(claim, one)),
      free: caches.volumes.by("claim", ""),
      pods: caches.pods.by("claim", key),
    });
    switch (step.type) {
      case "nothing":
        break;
      case "release":
        await cluster.change<PersistentVolumeClaim>(persistentVolumeClaimKind, name, namespace, (draft) => {
          const { finalizers = [] } = draft.metadata;
          draft.metadata.finalizers = finalizers.filter((one) => one !== claimFinalizer);
          return finalizers.includes(claimFinalizer);
        });
        break;
      case "wait":
        await events.record(claim, {
          type: step.reason.includes("Failed") ? "Warning" : "Normal",
          ...{ reason: step.reason, message: step.message, component },
        });
        break;
      case "make": {
        const made = await this.#make(step.volume);
        const message = `Successfully provisioned volume ${made.metadata.name} on node ${step.nodeName}`;
        await events.record(claim, { type: "Normal", reason: "ProvisioningSucceeded", message, component });
        await this.#bind(claim, made, step.nodeName);
        break;
      }
      case "bind":
        await this.#bind(claim, step.volume);
        break;
      case "lost":
        await this.#say(claim, "Lost", undefined);
        break;
    }
    return settled;
  }

  #volumesFor(key: string): PersistentVolume[] {
    return this.#deps.caches.volumes.by("claim", key);
  }

  async #make(volume: PersistentVolume): Promise<PersistentVolume> {
    const { cluster } = this.#deps;
    try {
      return await cluster.create(persistentVolumeKind, volume);
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      return await cluster.objects.get<PersistentVolume>(persistentVolumeKind, volume.metadata.name);
    }
  }

  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume, nodeName?: string): Promise<void> {
    const { cluster } = this.#deps;
    const { name, namespace = "", uid = "" } = claim.metadata;
    const ref = volume.spec.claimRef;
    if (ref?.uid !== undefined && ref.uid !== uid) return;
    if (ref?.uid === undefined) {
      await cluster.change<PersistentVolume>(
        persistentVolumeKind,
        volume.metadata.name,
        undefined,
        (draft) => {
          if (draft.spec.claimRef?.uid !== undefined) return false;
          draft.spec.claimRef = { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid };
          return true;
        },
      );
    }
    await this.#sayVolume(volume, "Bound");
    await cluster.change<PersistentVolumeClaim>(persistentVolumeClaimKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid || draft.metadata.annotations?.[bindCompleted] === "yes") return false;
      draft.spec.volumeName = volume.metadata.name;
      draft.metadata.annotations = {
        ...draft.metadata.annotations,
        ...{ [bindCompleted]: "yes", "pv.kubernetes.io/bound-by-controller": "yes" },
        ...(nodeName && {
          "volume.kubernetes.io/selected-node": nodeName,
          "volume.kubernetes.io/storage-provisioner": localProvisioner,
        }),
      };
      return true;
    });
    await this.#say(claim, "Bound", volume);
  }

  async #say(
    { metadata }: PersistentVolumeClaim,
    phase: "Bound" | "Lost",
    volume: PersistentVolume | undefined,
  ): Promise<void> {
    const { cluster } = this.#deps;
    const { name, namespace, uid } = metadata;
    await cluster.changeStatus<PersistentVolumeClaim>(persistentVolumeClaimKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid) return false;
      const status = {
        ...draft.status,
        phase,
        ...(volume && { accessModes: volume.spec.accessModes ?? [], capacity: volume.spec.capacity ?? {} }),
      };
      if (jsonEqual(status, draft.status ?? {})) return false;
      draft.status = status;
      return true;
    });
  }

  /** Volumes that were this claim's, or are kept for it. */
  async #reclaim(key: string, claim: PersistentVolumeClaim | undefined): Promise<void> {
    const { cluster } = this.#deps;
    for (const volume of this.#volumesFor(key)) {
      const what = planReclaim(volume, claim);
      if (what === "available") await this.#sayVolume(volume, "Available");
      if (what === "remove" || what === "released") await this.#sayVolume(volume, "Released");
      if (what === "remove" && !isGoing(volume)) await cluster.delete(persistentVolumeKind, volume);
    }
    for (const volume of this.#deps.caches.volumes.by("claim", ""))
      await this.#sayVolume(volume, "Available");
  }

  /** Volumes that are being deleted, and that no claim has. */
  async #letGo(): Promise<void> {
    const { cluster, caches } = this.#deps;
    for (const { metadata } of caches.volumes.list().filter(isGoing))
      await cluster.change<PersistentVolume>(persistentVolumeKind, metadata.name, undefined, (draft) => {
        const { finalizers = [], uid } = draft.metadata;
        if (uid !== metadata.uid || draft.status?.phase === "Bound") return false;
        draft.metadata.finalizers = finalizers.filter((one) => one !== volumeFinalizer);
        return finalizers.includes(volumeFinalizer);
      });
  }

  async #sayVolume({ metadata }: PersistentVolume, phase: "Bound" | "Released" | "Available"): Promise<void> {
    const { cluster, clock } = this.#deps;
    await cluster.changeStatus<PersistentVolume>(persistentVolumeKind, metadata.name, undefined, (draft) => {
      if (draft.metadata.uid !== metadata.uid || draft.status?.phase === phase) return false;
      draft.status = { ...draft.status, phase, lastPhaseTransitionTime: toRfc3339(clock.now()) };
      return true;
    });
  }
}

const bindCompleted = "pv.kubernetes.io/bind-completed";

export function claimWakes(caches: Caches): Wake[] {
  const pending = (): string[] =>
    caches.claims
      .list()
      .filter(({ status }) => status?.phase !== "Bound")
      .map(keyOf);
  return [
    wakeOn<PersistentVolumeClaim>(persistentVolumeClaimKind, (before, after) => {
      const claim = after ?? before;
      return claim === undefined ? [] : [keyOf(claim)];
    }),
    wakeOn<PersistentVolume>(persistentVolumeKind, (before, after) => {
      const ref = (after ?? before)?.spec.claimRef;
      const own = ref === undefined ? [] : [objectKey(ref.name ?? "", ref.namespace)];
      if (after !== undefined && isGoing(after)) return [...own, freeVolumes];
      return after !== undefined && isFree(after) ? [...own, ...pending(), freeVolumes] : own;
    }),
    wakeOn<StorageClass>(storageClassKind, pending),
    wakeOn<Pod>(podKind, (before, after) => {
      const pod = after ?? before;
      return pod === undefined ? [] : claimsOf(pod);
    }),
  ];
}

/** A key that no claim has: it only says that there are volumes nobody has, or that are going. */
const freeVolumes = "/free";
