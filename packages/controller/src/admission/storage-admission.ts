/** Claims without a class get the default one; no claim goes while a Pod has it, no volume while a claim has it. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { AdmissionMember } from "@selvedge/apiserver";
import {
  defaultClassAnnotation,
  type PersistentVolumeClaim,
  persistentVolumeClaimKind,
  persistentVolumeKind,
} from "@selvedge/kinds";
import { claimFinalizer, volumeFinalizer } from "../volumes/claim-plan.ts";
import type { Policies } from "./policies.ts";

export function storageAdmission(policies: Policies): AdmissionMember[] {
  const finalizers = new Map<KindDefinition, string>([
    [persistentVolumeClaimKind, claimFinalizer],
    [persistentVolumeKind, volumeFinalizer],
  ]);
  return [
    {
      name: "DefaultStorageClass",
      handles: ({ kind, operation, subresource }) =>
        kind === persistentVolumeClaimKind && operation === "CREATE" && subresource === undefined,
      mutate: ({ object }) => {
        const { spec } = object as PersistentVolumeClaim;
        if (spec.storageClassName !== undefined) return;
        const [newest] = policies.storageClasses
          .list()
          .filter(({ metadata }) => metadata.annotations?.[defaultClassAnnotation] === "true")
          .sort((left, right) => (ageOf(left) > ageOf(right) ? -1 : 1));
        if (newest !== undefined) spec.storageClassName = newest.metadata.name;
      },
    },
    {
      name: "StorageObjectInUseProtection",
      handles: ({ kind, operation, subresource }) =>
        finalizers.has(kind) && operation === "CREATE" && subresource === undefined,
      mutate: ({ kind, object }) => {
        const { metadata } = object as KubeObject;
        const finalizer = finalizers.get(kind) ?? "";
        metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), finalizer])];
      },
    },
  ];
}

function ageOf({ metadata }: { readonly metadata: { readonly creationTimestamp?: string | null } }): string {
  return metadata.creationTimestamp ?? "";
}
