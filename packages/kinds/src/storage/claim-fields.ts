import type { Condition, KubeObject, LabelSelector } from "@selvedge/apimachinery";
import {
  atomic,
  byKeys,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  objects,
  pointer,
  quantityMap,
  text,
  textMap,
  texts,
  time,
} from "../fields.ts";
import { labelSelector } from "../meta-fields.ts";

export type AccessMode = "ReadWriteOnce" | "ReadOnlyMany" | "ReadWriteMany" | "ReadWriteOncePod";

export interface PersistentVolumeClaim extends KubeObject {
  apiVersion: "v1";
  kind: "PersistentVolumeClaim";
  spec: PersistentVolumeClaimSpec;
  status?: PersistentVolumeClaimStatus;
}

export interface PersistentVolumeClaimSpec {
  accessModes?: AccessMode[];
  selector?: LabelSelector;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  volumeName?: string;
  storageClassName?: string;
  volumeMode?: "Filesystem" | "Block";
  dataSource?: { apiGroup?: string; kind: string; name: string };
  dataSourceRef?: { apiGroup?: string; kind: string; name: string; namespace?: string };
  volumeAttributesClassName?: string;
}

export interface PersistentVolumeClaimStatus {
  phase?: "Pending" | "Bound" | "Lost";
  accessModes?: AccessMode[];
  capacity?: Record<string, string>;
  conditions?: (Condition & { lastProbeTime?: string | null })[];
}

const volumeResources: Message = message("How much.", {
  limits: quantityMap(1, "The most: not used by volumes of nodes."),
  requests: quantityMap(2, "The least: storage."),
});

export const typedReference: Message = message(
  "What the volume begins as.",
  {
    apiGroup: text(1, "Its group.", pointer),
    kind: text(2, "Its kind.", needed),
    name: text(3, "Its name.", needed),
  },
  mapAtomic,
);

const dataSourceRef: Message = message("What the volume begins as.", {
  apiGroup: text(1, "Its group.", pointer),
  kind: text(2, "Its kind.", needed),
  name: text(3, "Its name.", needed),
  namespace: text(4, "Its namespace.", pointer),
});

export const claimSpec: Message = message("What volume is wanted.", {
  accessModes: texts(1, "ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod.", atomic),
  selector: object(4, labelSelector, "Which volumes will do.", pointer),
  resources: object(2, volumeResources, "How much."),
  volumeName: text(3, "The volume it is bound to."),
  storageClassName: text(5, 'How volumes are made; "" for none but those there are.', pointer),
  volumeMode: text(6, "Filesystem or Block.", pointer),
  dataSource: object(7, typedReference, "What the volume begins as.", pointer),
  dataSourceRef: object(8, dataSourceRef, "What the volume begins as.", pointer),
  volumeAttributesClassName: text(9, "Kept.", pointer),
});

const claimCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastProbeTime: time(3, "When it was last looked at."),
  lastTransitionTime: time(4, "Since when."),
  reason: text(5, "Why, as one word."),
  message: text(6, "Why, for people."),
});

const modifyVolumeStatus: Message = message("How a change of the volume goes.", {
  targetVolumeAttributesClassName: text(1, "What it becomes."),
  status: text(2, "Pending, InProgress or Infeasible.", needed),
});

const claimStatus: Message = message("What volume it has.", {
  phase: text(1, "Pending, Bound or Lost."),
  accessModes: texts(2, "What the volume can.", atomic),
  capacity: quantityMap(3, "How much it has."),
  conditions: objects(4, claimCondition, "What is true or not about it.", byKeys("type")),
  allocatedResources: quantityMap(5, "How much it is being given."),
  allocatedResourceStatuses: textMap(7, "How that goes.", { "x-kubernetes-map-type": "granular" }),
  currentVolumeAttributesClassName: text(8, "Kept.", pointer),
  modifyVolumeStatus: object(9, modifyVolumeStatus, "How a change of the volume goes.", pointer),
});

export const persistentVolumeClaim: Message = kindMessage("A volume on a node that outlives Pods.", {
  spec: object(2, claimSpec, "What volume is wanted."),
  status: object(3, claimStatus, "What volume it has."),
});
