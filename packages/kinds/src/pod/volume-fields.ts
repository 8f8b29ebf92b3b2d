import {
  atomic,
  embedded,
  flag,
  int32,
  int64,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  quantity,
  text,
  textMap,
} from "../fields.ts";
import { labelSelector, localObjectReference, objectMeta } from "../meta-fields.ts";
import { claimSpec } from "../storage/claim-fields.ts";
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  csiVolumeSource,
  fcVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  gitRepoVolumeSource,
  hostPathVolumeSource,
  nfsVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  vsphereVirtualDiskVolumeSource,
  withSecrets,
} from "../storage/foreign-volumes.ts";
import { objectFieldSelector, resourceFieldSelector } from "./env-fields.ts";

const keyToPath: Message = message("One key as one file.", {
  key: text(1, "The key.", needed),
  path: text(2, 'Path of the file in the volume; relative, without "..".', needed),
  mode: int32(3, "Permission bits of the file, 0 to 0777.", pointer),
});

const emptyDirVolumeSource: Message = message(
  "A folder that is empty when the Pod starts and goes with it.",
  {
    medium: text(1, "\"\" for the node's disk, Memory for the VM's memory."),
    sizeLimit: quantity(2, "How large it may get.", pointer),
  },
);

const configMapVolumeSource: Message = message("A ConfigMap's keys as files.", {
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

const secretVolumeSource: Message = message("A Secret's keys as files, in the VM's memory only.", {
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

const downwardAPIVolumeFile: Message = message("A field of the Pod as a file.", {
  path: text(1, 'Path of the file in the volume; relative, without "..".', needed),
  fieldRef: object(2, objectFieldSelector, "The field.", pointer),
  resourceFieldRef: object(3, resourceFieldSelector, "An amount of a container's resources.", pointer),
  mode: int32(4, "Permission bits of the file, 0 to 0777.", pointer),
});

const downwardAPIVolumeSource: Message = message("Fields of the Pod as files.", {
  items: objects(1, downwardAPIVolumeFile, "The files.", atomic),
  defaultMode: int32(2, "Permission bits of files without their own. 0644 when not said.", pointer),
});

const configMapProjection: Message = message("A ConfigMap's keys as files.", {
  localObjectReference: embedded(1, localObjectReference),
  items: objects(2, keyToPath, "Only these keys, each under the path given.", atomic),
  optional: flag(4, "Whether the Pod starts without the ConfigMap or the keys.", pointer),
});

const secretProjection: Message = message("A Secret's keys as files.", {
  localObjectReference: embedded(1, localObjectReference),
  items: objects(2, keyToPath, "Only these keys, each under the path given.", atomic),
  optional: flag(4, "Whether the Pod starts without the Secret or the keys.", pointer),
});

const downwardAPIProjection: Message = message("Fields of the Pod as files.", {
  items: objects(1, downwardAPIVolumeFile, "The files.", atomic),
});

const persistentVolumeClaimVolumeSource: Message = message("A volume of the node that outlives Pods.", {
  claimName: text(1, "Name of the PersistentVolumeClaim.", needed),
  readOnly: flag(2, "Whether it cannot be written."),
});

const serviceAccountTokenProjection: Message = message("A token of the Pod's account as a file.", {
  audience: text(1, "Whom it is for; the API when empty."),
  expirationSeconds: int64(2, "How long it is good for.", { ...pointer, default: 3600 }),
  path: text(3, "Path of the file in the volume.", needed),
});

const clusterTrustBundleProjection: Message = message("Root certificates as a file: not done.", {
  name: text(1, "Name of one bundle.", pointer),
  signerName: text(2, "The bundles of this signer.", pointer),
  labelSelector: object(3, labelSelector, "Which of the signer's bundles.", pointer),
  path: text(4, "Path of the file in the volume.", needed),
  optional: flag(5, "Whether the Pod starts without them.", pointer),
});

const podCertificateProjection: Message = message("A certificate for the Pod as a file: not done.", {
  signerName: text(1, "Who signs it.", needed),
  keyType: text(2, "What kind of key it has.", needed),
  maxExpirationSeconds: int32(3, "How long it is good for, at most.", pointer),
  credentialBundlePath: text(4, "Path of the file with key and certificates."),
  keyPath: text(5, "Path of the file with the key."),
  certificateChainPath: text(6, "Path of the file with the certificates."),
  userAnnotations: textMap(7, "What the signer is told."),
});

const volumeProjection: Message = message("One part of a projected volume: exactly one of these.", {
  secret: object(1, secretProjection, "A Secret.", pointer),
  downwardAPI: object(2, downwardAPIProjection, "Fields of the Pod.", pointer),
  configMap: object(3, configMapProjection, "A ConfigMap.", pointer),
  serviceAccountToken: object(
    4,
    serviceAccountTokenProjection,
    "A token of the Pod's account, for the API or another audience.",
    pointer,
  ),
  clusterTrustBundle: object(5, clusterTrustBundleProjection, "Root certificates: not done.", pointer),
  podCertificate: object(6, podCertificateProjection, "A certificate for the Pod: not done.", pointer),
});

const projectedVolumeSource: Message = message("Several sources in one folder.", {
  sources: objects(1, volumeProjection, "The sources. Two may not give the same path.", atomic),
  defaultMode: int32(2, "Permission bits of files without their own. 0644 when not said.", pointer),
});

const persistentVolumeClaimTemplate: Message = message("What the claim is made from.", {
  metadata: object(1, objectMeta, "Its labels and annotations."),
  spec: object(2, claimSpec, "What it asks for.", needed),
});

const ephemeralVolumeSource: Message = message("A claim that lives as long as its Pod.", {
  volumeClaimTemplate: object(1, persistentVolumeClaimTemplate, "What the claim is made from.", pointer),
});

const imageVolumeSource: Message = message("An image's files.", {
  reference: text(1, "The image."),
  pullPolicy: text(2, "When it is fetched."),
});

const foreign = withSecrets(localObjectReference, "pod");

const unsupported =
  "Not done: apps have emptyDir, configMap, secret, downwardAPI, projected and persistentVolumeClaim volumes.";

const volumeSource: Message = message("Where a volume's content comes from: exactly one of these.", {
  hostPath: object(1, hostPathVolumeSource, unsupported, pointer),
  emptyDir: object(
    2,
    emptyDirVolumeSource,
    "A folder that is empty when the Pod starts and goes with it.",
    pointer,
  ),
  gcePersistentDisk: object(3, gcePersistentDiskVolumeSource, unsupported, pointer),
  awsElasticBlockStore: object(4, awsElasticBlockStoreVolumeSource, unsupported, pointer),
  gitRepo: object(5, gitRepoVolumeSource, unsupported, pointer),
  secret: object(6, secretVolumeSource, "A Secret's keys as files.", pointer),
  nfs: object(7, nfsVolumeSource, unsupported, pointer),
  iscsi: object(8, foreign.iscsi, unsupported, pointer),
  glusterfs: object(9, foreign.glusterfs, unsupported, pointer),
  persistentVolumeClaim: object(
    10,
    persistentVolumeClaimVolumeSource,
    "A volume of the node that outlives Pods.",
    pointer,
  ),
  rbd: object(11, foreign.rbd, unsupported, pointer),
  flexVolume: object(12, foreign.flexVolume, unsupported, pointer),
  cinder: object(13, foreign.cinder, unsupported, pointer),
  cephfs: object(14, foreign.cephfs, unsupported, pointer),
  flocker: object(15, flockerVolumeSource, unsupported, pointer),
  downwardAPI: object(16, downwardAPIVolumeSource, "Fields of the Pod as files.", pointer),
  fc: object(17, fcVolumeSource, unsupported, pointer),
  azureFile: object(18, foreign.azureFile, unsupported, pointer),
  configMap: object(19, configMapVolumeSource, "A ConfigMap's keys as files.", pointer),
  vsphereVolume: object(20, vsphereVirtualDiskVolumeSource, unsupported, pointer),
  quobyte: object(21, quobyteVolumeSource, unsupported, pointer),
  azureDisk: object(22, azureDiskVolumeSource, unsupported, pointer),
  photonPersistentDisk: object(23, photonPersistentDiskVolumeSource, unsupported, pointer),
  projected: object(26, projectedVolumeSource, "Several sources in one folder.", pointer),
  portworxVolume: object(24, portworxVolumeSource, unsupported, pointer),
  scaleIO: object(25, foreign.scaleIO, unsupported, pointer),
  storageos: object(27, foreign.storageos, unsupported, pointer),
  csi: object(28, csiVolumeSource(localObjectReference), unsupported, pointer),
  ephemeral: object(29, ephemeralVolumeSource, unsupported, pointer),
  image: object(30, imageVolumeSource, unsupported, pointer),
});

export const volume: Message = message("A folder that the Pod's containers can mount.", {
  name: text(1, "Its name, unique in the Pod: a DNS label.", needed),
  volumeSource: embedded(2, volumeSource),
});
