import { parseQuantity } from "@selvedge/apimachinery";
import {
  type AccessMode,
  localProvisioner,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type StorageClass,
} from "@selvedge/kinds";
import { isOver } from "../objects/pods.ts";

export const claimFinalizer = "kubernetes.io/pvc-protection";
export const volumeFinalizer = "kubernetes.io/pv-protection";
const hostnameLabel = "kubernetes.io/hostname";

export interface ClaimInputs {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass | undefined;
  /** The volume it names, or that names it. */
  readonly volume: PersistentVolume | undefined;
  /** Volumes that nobody has. */
  readonly free: readonly PersistentVolume[];
  /** Pods that mount it. */
  readonly pods: readonly Pod[];
}

export type ClaimStep =
  | { readonly type: "nothing" }
  /** It is being deleted, and no Pod has it any more. */
  | { readonly type: "release" }
  | { readonly type: "wait"; readonly reason: string; readonly message: string }
  | { readonly type: "make"; readonly volume: PersistentVolume; readonly nodeName: string }
  | { readonly type: "bind"; readonly volume: PersistentVolume }
  /** The volume it was bound to is gone. */
  | { readonly type: "lost" };

/** Decides one step for a claim: a volume is made on the node where the first Pod that mounts it is placed. */
export function planClaim({ claim, storageClass, volume, free, pods }: ClaimInputs): ClaimStep {
  const users = pods.filter((pod) => !isOver(pod));
  if (claim.metadata.deletionTimestamp !== undefined)
    return users.length === 0 ? { type: "release" } : { type: "nothing" };
  const { volumeName, storageClassName = "" } = claim.spec;
  if (volumeName) {
    if (volume !== undefined) return { type: "bind", volume };
    return claim.status?.phase === "Bound" || claim.status?.phase === "Lost"
      ? { type: "lost" }
      : { type: "wait", reason: "FailedBinding", message: `volume "${volumeName}" not found` };
  }
  const fit = volume ?? free.filter((one) => fits(claim, one)).sort(bySize)[0];
  if (fit !== undefined) return { type: "bind", volume: fit };
  if (storageClass === undefined) {
    const message = storageClassName
      ? `storageclass.storage.k8s.io "${storageClassName}" not found`
      : "no persistent volumes available for this claim and no storage class is set";
    return { type: "wait", reason: storageClassName ? "ProvisioningFailed" : "FailedBinding", message };
  }
  if (storageClass.provisioner !== localProvisioner) {
    const message =
      `Waiting for a volume to be created by the external provisioner '${storageClass.provisioner}'; ` +
      `nodes make volumes of classes whose provisioner is ${localProvisioner}`;
    return { type: "wait", reason: "ExternalProvisioning", message };
  }
  const nodeName = users.find(({ spec }) => spec.nodeName)?.spec.nodeName;
  if (nodeName === undefined) {
    const message = "waiting for first consumer to be created before binding";
    return { type: "wait", reason: "WaitForFirstConsumer", message };
  }
  return { type: "make", volume: volumeFor(claim, storageClass, nodeName), nodeName };
}

/** What becomes of a volume whose claim is gone. */
export function planReclaim(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): "keep" | "remove" | "released" | "available" {
  const { claimRef, persistentVolumeReclaimPolicy: policy } = volume.spec;
  // Without a uid it only waits for a claim of that name: nobody has had it.
  if (claimRef?.uid === undefined)
    return claim === undefined || claimRef === undefined ? "available" : "keep";
  if (claim?.metadata.uid === claimRef.uid) return "keep";
  return policy === "Delete" ? "remove" : "released";
}

/** The nodes a volume is on; undefined: any. */
export function nodesOf({ spec }: PersistentVolume): readonly string[] | undefined {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  return terms?.flatMap(({ matchExpressions = [] }) =>
    matchExpressions.filter(({ key }) => key === hostnameLabel).flatMap(({ values = [] }) => values),
  );
}

export function isFree({ metadata, spec }: PersistentVolume): boolean {
  return spec.local !== undefined && spec.claimRef === undefined && metadata.deletionTimestamp === undefined;
}

function fits(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  return (
    (volume.spec.storageClassName ?? "") === (claim.spec.storageClassName ?? "") && serves(claim, volume)
  );
}

/** Whether a claim can have this volume, of whatever class: who kept it for the claim by name chose the class. */
export function serves({ spec }: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const modes: readonly AccessMode[] = volume.spec.accessModes ?? [];
  return (
    (volume.spec.volumeMode ?? "Filesystem") === (spec.volumeMode ?? "Filesystem") &&
    (spec.accessModes ?? []).every((mode) => modes.includes(mode)) &&
    sizeOf(volume.spec.capacity) >= sizeOf(spec.resources?.requests)
  );
}

function sizeOf(amounts: Readonly<Record<string, string>> | undefined): bigint {
  return parseQuantity(amounts?.["storage"] ?? "0") ?? 0n;
}

function bySize(left: PersistentVolume, right: PersistentVolume): number {
  return sizeOf(left.spec.capacity) < sizeOf(right.spec.capacity) ? -1 : 1;
}

function volumeFor(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  nodeName: string,
): PersistentVolume {
  const { name, namespace = "", uid = "", resourceVersion = "" } = claim.metadata;
  const here = { key: hostnameLabel, operator: "In" as const, values: [nodeName] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name: `pvc-${uid}`,
      annotations: { "pv.kubernetes.io/provisioned-by": localProvisioner },
    },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.["storage"] ?? "0" },
      accessModes: claim.spec.accessModes ?? [],
      claimRef: { kind: "PersistentVolumeClaim", namespace, name, uid, apiVersion: "v1", resourceVersion },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
      storageClassName: storageClass.metadata.name,
      volumeMode: "Filesystem",
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      local: { path: `/volumes/pvc-${uid}` },
    },
  };
}
