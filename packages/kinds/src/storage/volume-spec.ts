/** What a volume says that it is. */
import type { ObjectReference } from "../event.ts";
import type { NodeSelector } from "../pod/affinity-types.ts";
import type { AccessMode } from "./claim-fields.ts";

export interface PersistentVolumeSpec {
  capacity?: Record<string, string>;
  accessModes?: AccessMode[];
  claimRef?: ObjectReference;
  persistentVolumeReclaimPolicy?: "Retain" | "Delete" | "Recycle";
  storageClassName?: string;
  volumeMode?: "Filesystem" | "Block";
  nodeAffinity?: { required?: NodeSelector };
  volumeAttributesClassName?: string;
  local?: { path: string; fsType?: string };
}
