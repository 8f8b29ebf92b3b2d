import {
  atomic,
  embedded,
  flag,
  int32,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  quantity,
  refused,
  text,
} from "../fields.ts";
import { localObjectReference } from "../meta-fields.ts";
import { objectFieldSelector, resourceFieldSelector } from "./env-fields.ts";

export const keyToPath: Message = message("One key as one file.", {
  key: text(1, "The key.", needed),
  path: text(2, 'Path of the file in the volume; relative, without "..".', needed),
  mode: int32(3, "Permission bits of the file, 0 to 0777.", pointer),
});

export const emptyDirVolumeSource: Message = message(
  "A folder that is empty when the Pod starts and goes with it.",
  {
    medium: text(1, "\"\" for the node's disk, Memory for the VM's memory."),
    sizeLimit: quantity(2, "How large it may get."),
  },
);

export const configMapVolumeSource: Message = message("A ConfigMap's keys as files.", {
  localObjectReference: embedded(1, localObjectReference),
  items: objects(
    2,
    keyToPath,
    "Only these keys, each under the path given; all keys under their own names when not said.",
    atomic,
  ),
  defaultMode: int32(3, "Permission bits of files without their own. 0644 when not said.", pointer),
  optional: flag(4, "Whether the Pod starts without the ConfigMap or the keys.", pointer),
});

export const secretVolumeSource: Message = message("A Secret's keys as files, in the VM's memory only.", {
  secretName: text(1, "Name of the Secret."),
  items: objects(
    2,
    keyToPath,
    "Only these keys, each under the path given; all keys under their own names when not said.",
    atomic,
  ),
  defaultMode: int32(3, "Permission bits of files without their own. 0644 when not said.", pointer),
  optional: flag(4, "Whether the Pod starts without the Secret or the keys.", pointer),
});

export const downwardAPIVolumeFile: Message = message("A field of the Pod as a file.", {
  path: text(1, 'Path of the file in the volume; relative, without "..".', needed),
  fieldRef: object(2, objectFieldSelector, "The field."),
  resourceFieldRef: object(3, resourceFieldSelector, "An amount of a container's resources."),
  mode: int32(4, "Permission bits of the file, 0 to 0777.", pointer),
});

export const downwardAPIVolumeSource: Message = message("Fields of the Pod as files.", {
  items: objects(1, downwardAPIVolumeFile, "The files.", atomic),
  defaultMode: int32(2, "Permission bits of files without their own. 0644 when not said.", pointer),
});

export const configMapProjection: Message = message("A ConfigMap's keys as files.", {
  localObjectReference: embedded(1, localObjectReference),
  items: objects(2, keyToPath, "Only these keys, each under the path given.", atomic),
  optional: flag(4, "Whether the Pod starts without the ConfigMap or the keys.", pointer),
});

export const secretProjection: Message = message("A Secret's keys as files.", {
  localObjectReference: embedded(1, localObjectReference),
  items: objects(2, keyToPath, "Only these keys, each under the path given.", atomic),
  optional: flag(4, "Whether the Pod starts without the Secret or the keys.", pointer),
});

export const downwardAPIProjection: Message = message("Fields of the Pod as files.", {
  items: objects(1, downwardAPIVolumeFile, "The files.", atomic),
});

export const persistentVolumeClaimVolumeSource: Message = message(
  "A volume of the node that outlives Pods.",
  {
    claimName: text(1, "Name of the PersistentVolumeClaim.", needed),
    readOnly: flag(2, "Whether it cannot be written."),
  },
);

export const volumeProjection: Message = message("One part of a projected volume: exactly one of these.", {
  secret: object(1, secretProjection, "A Secret."),
  downwardAPI: object(2, downwardAPIProjection, "Fields of the Pod."),
  configMap: object(3, configMapProjection, "A ConfigMap."),
  serviceAccountToken: refused(4, "A token for the API: refused, apps have no way to the controller's API."),
  clusterTrustBundle: refused(5, "Root certificates: refused."),
  podCertificate: refused(6, "A certificate for the Pod: refused."),
});

export const projectedVolumeSource: Message = message("Several sources in one folder.", {
  sources: objects(1, volumeProjection, "The sources. Two may not give the same path.", atomic),
  defaultMode: int32(2, "Permission bits of files without their own. 0644 when not said.", pointer),
});

const unsupported =
  "Refused: apps have emptyDir, configMap, secret, downwardAPI, projected and persistentVolumeClaim volumes.";

export const volumeSource: Message = message("Where a volume's content comes from: exactly one of these.", {
  hostPath: refused(1, unsupported),
  emptyDir: object(2, emptyDirVolumeSource, "A folder that is empty when the Pod starts and goes with it."),
  gcePersistentDisk: refused(3, unsupported),
  awsElasticBlockStore: refused(4, unsupported),
  gitRepo: refused(5, unsupported),
  secret: object(6, secretVolumeSource, "A Secret's keys as files."),
  nfs: refused(7, unsupported),
  iscsi: refused(8, unsupported),
  glusterfs: refused(9, unsupported),
  persistentVolumeClaim: object(
    10,
    persistentVolumeClaimVolumeSource,
    "A volume of the node that outlives Pods.",
  ),
  rbd: refused(11, unsupported),
  flexVolume: refused(12, unsupported),
  cinder: refused(13, unsupported),
  cephfs: refused(14, unsupported),
  flocker: refused(15, unsupported),
  downwardAPI: object(16, downwardAPIVolumeSource, "Fields of the Pod as files."),
  fc: refused(17, unsupported),
  azureFile: refused(18, unsupported),
  configMap: object(19, configMapVolumeSource, "A ConfigMap's keys as files."),
  vsphereVolume: refused(20, unsupported),
  quobyte: refused(21, unsupported),
  azureDisk: refused(22, unsupported),
  photonPersistentDisk: refused(23, unsupported),
  projected: object(26, projectedVolumeSource, "Several sources in one folder."),
  portworxVolume: refused(24, unsupported),
  scaleIO: refused(25, unsupported),
  storageos: refused(27, unsupported),
  csi: refused(28, unsupported),
  ephemeral: refused(29, unsupported),
  image: refused(30, unsupported),
});

export const volume: Message = message("A folder that the Pod's containers can mount.", {
  name: text(1, "Its name, unique in the Pod: a DNS label.", needed),
  volumeSource: embedded(2, volumeSource),
});
