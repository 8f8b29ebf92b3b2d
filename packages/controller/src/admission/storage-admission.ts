/** Claims without a class get the default one, and none goes while a Pod has its volume. */
import type { AdmissionMember } from "@selvedge/apiserver";
import {
  defaultClassAnnotation,
  type PersistentVolumeClaim,
  persistentVolumeClaimKind,
} from "@selvedge/kinds";
import { claimFinalizer } from "../volumes/claim-plan.ts";
import type { Policies } from "./policies.ts";

export function storageAdmission(policies: Policies): AdmissionMember[] {
  const created: AdmissionMember["handles"] = ({ kind, operation, subresource }) =>
    kind === persistentVolumeClaimKind && operation === "CREATE" && subresource === undefined;
  return [
    {
      name: "DefaultStorageClass",
      handles: created,
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
      handles: created,
      mutate: ({ object }) => {
        const { metadata } = object as PersistentVolumeClaim;
        metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), claimFinalizer])];
      },
    },
  ];
}

function ageOf({ metadata }: { readonly metadata: { readonly creationTimestamp?: string | null } }): string {
  return metadata.creationTimestamp ?? "";
}
