/**
 * Volumes that are somewhere else than on a node. Pods and PersistentVolumes that name one are never run, but
 * what they say is read whole: the warning, `explain` and a template that is kept know every member.
 */
import {
  atomic,
  flag,
  int32,
  type Member,
  type Message,
  message,
  needed,
  object,
  pointer,
  text,
  textMap,
  texts,
} from "../fields.ts";

const fileSystem = "Its file system.";
const readOnly = "Whether it cannot be written.";

export const hostPathVolumeSource: Message = message("A path on the box.", {
  path: text(1, "The path.", needed),
  type: text(2, "What must be there: a folder, a file, a socket or a device.", { ...pointer, default: "" }),
});

export const gcePersistentDiskVolumeSource: Message = message("A disk of Google's.", {
  pdName: text(1, "Its name.", needed),
  fsType: text(2, fileSystem),
  partition: int32(3, "Which partition of it."),
  readOnly: flag(4, readOnly),
});

export const awsElasticBlockStoreVolumeSource: Message = message("A disk of Amazon's.", {
  volumeID: text(1, "Its ID.", needed),
  fsType: text(2, fileSystem),
  partition: int32(3, "Which partition of it."),
  readOnly: flag(4, readOnly),
});

export const gitRepoVolumeSource: Message = message("A repository of git's, copied once.", {
  repository: text(1, "Its address.", needed),
  revision: text(2, "The commit."),
  directory: text(3, "The folder it is put in."),
});

export const nfsVolumeSource: Message = message("A folder of an NFS server.", {
  server: text(1, "The server.", needed),
  path: text(2, "The folder.", needed),
  readOnly: flag(3, readOnly),
});

export const fcVolumeSource: Message = message("A disk behind Fibre Channel.", {
  targetWWNs: texts(1, "Names of its ports.", atomic),
  lun: int32(2, "Its number there.", pointer),
  fsType: text(3, fileSystem),
  readOnly: flag(4, readOnly),
  wwids: texts(5, "Its own names.", atomic),
});

export const flockerVolumeSource: Message = message("A volume of Flocker's.", {
  datasetName: text(1, "Its name."),
  datasetUUID: text(2, "Its ID."),
});

export const vsphereVirtualDiskVolumeSource: Message = message("A disk of vSphere's.", {
  volumePath: text(1, "Its path.", needed),
  fsType: text(2, fileSystem),
  storagePolicyName: text(3, "Name of its policy."),
  storagePolicyID: text(4, "ID of its policy."),
});

export const quobyteVolumeSource: Message = message("A volume of Quobyte's.", {
  registry: text(1, "The registries that know it.", needed),
  volume: text(2, "Its name.", needed),
  readOnly: flag(3, readOnly),
  user: text(4, "Who uses it."),
  group: text(5, "The group that uses it."),
  tenant: text(6, "Whose it is."),
});

export const azureDiskVolumeSource: Message = message("A disk of Azure's.", {
  diskName: text(1, "Its name.", needed),
  diskURI: text(2, "Its address.", needed),
  cachingMode: text(3, "How the host caches it.", { ...pointer, default: "ReadWrite" }),
  fsType: text(4, fileSystem, { ...pointer, default: "ext4" }),
  readOnly: flag(5, readOnly, { ...pointer, default: false }),
  kind: text(6, "Shared, Dedicated or Managed.", { ...pointer, default: "Shared" }),
});

export const photonPersistentDiskVolumeSource: Message = message("A disk of Photon's.", {
  pdID: text(1, "Its ID.", needed),
  fsType: text(2, fileSystem),
});

export const portworxVolumeSource: Message = message("A volume of Portworx's.", {
  volumeID: text(1, "Its ID.", needed),
  fsType: text(2, fileSystem),
  readOnly: flag(3, readOnly),
});

/** Of a Pod: a driver on its node makes it. */
export function csiVolumeSource(secret: Message): Message {
  return message("A volume that a driver makes.", {
    driver: text(1, "The driver.", needed),
    readOnly: flag(2, readOnly, pointer),
    fsType: text(3, fileSystem, pointer),
    volumeAttributes: textMap(4, "What the driver is told."),
    nodePublishSecretRef: object(5, secret, "Its credentials.", pointer),
  });
}

/** Of a PersistentVolume. */
export function csiPersistentVolumeSource(secret: Message): Message {
  return message("A volume that a driver has made.", {
    driver: text(1, "The driver.", needed),
    volumeHandle: text(2, "What the driver calls it.", needed),
    readOnly: flag(3, readOnly),
    fsType: text(4, fileSystem),
    volumeAttributes: textMap(5, "What the driver is told."),
    controllerPublishSecretRef: object(6, secret, "Credentials to attach it.", pointer),
    nodeStageSecretRef: object(7, secret, "Credentials to prepare it.", pointer),
    nodePublishSecretRef: object(8, secret, "Credentials to mount it.", pointer),
    controllerExpandSecretRef: object(9, secret, "Credentials to enlarge it.", pointer),
    nodeExpandSecretRef: object(10, secret, "Credentials to enlarge it on the node.", pointer),
  });
}

/** The others that take credentials. A Pod's are in its own namespace, a PersistentVolume says which. */
export function withSecrets(secret: Message, where: "pod" | "persistent"): Record<SecretSource, Message> {
  const persistent = where === "persistent";
  const only = (members: Record<string, Member>): Record<string, Member> => (persistent ? members : {});
  return {
    azureFile: message("A folder of Azure's.", {
      secretName: text(1, "Secret with the credentials.", needed),
      shareName: text(2, "Its name.", needed),
      readOnly: flag(3, readOnly),
      ...only({ secretNamespace: text(4, "The Secret's namespace.", pointer) }),
    }),
    cephfs: message("A folder of Ceph's.", {
      monitors: texts(1, "Addresses of its monitors.", atomic, needed),
      path: text(2, "The folder."),
      user: text(3, "Who uses it."),
      secretFile: text(4, "File with the credentials."),
      secretRef: object(5, secret, "Its credentials.", pointer),
      readOnly: flag(6, readOnly),
    }),
    cinder: message("A disk of OpenStack's.", {
      volumeID: text(1, "Its ID.", needed),
      fsType: text(2, fileSystem),
      readOnly: flag(3, readOnly),
      secretRef: object(4, secret, "Its credentials.", pointer),
    }),
    flexVolume: message("A volume that a program on the node makes.", {
      driver: text(1, "The program.", needed),
      fsType: text(2, fileSystem),
      secretRef: object(3, secret, "Its credentials.", pointer),
      readOnly: flag(4, readOnly),
      options: textMap(5, "What the program is told."),
    }),
    glusterfs: message("A volume of Gluster's.", {
      endpoints: text(1, "Endpoints of its servers.", needed),
      path: text(2, "Its name.", needed),
      readOnly: flag(3, readOnly),
      ...only({ endpointsNamespace: text(4, "The Endpoints' namespace.", pointer) }),
    }),
    iscsi: iscsi(secret),
    rbd: message("A disk of Ceph's.", {
      monitors: texts(1, "Addresses of its monitors.", atomic, needed),
      image: text(2, "Its name.", needed),
      fsType: text(3, fileSystem),
      pool: text(4, "The pool it is in.", { default: "rbd" }),
      user: text(5, "Who uses it.", { default: "admin" }),
      keyring: text(6, "File with the credentials.", { default: "/etc/ceph/keyring" }),
      secretRef: object(7, secret, "Its credentials.", pointer),
      readOnly: flag(8, readOnly),
    }),
    scaleIO: message("A volume of ScaleIO's.", {
      gateway: text(1, "Address of its gateway.", needed),
      system: text(2, "The system it is in.", needed),
      secretRef: object(3, secret, "Its credentials.", { ...needed, ...pointer }),
      sslEnabled: flag(4, "Whether the gateway is spoken to over TLS."),
      protectionDomain: text(5, "The domain it is in."),
      storagePool: text(6, "The pool it is in."),
      storageMode: text(7, "Thick or thin.", { default: "ThinProvisioned" }),
      volumeName: text(8, "Its name."),
      fsType: text(9, fileSystem, { default: "xfs" }),
      readOnly: flag(10, readOnly),
    }),
    storageos: message("A volume of StorageOS's.", {
      volumeName: text(1, "Its name."),
      volumeNamespace: text(2, "Its namespace there."),
      fsType: text(3, fileSystem),
      readOnly: flag(4, readOnly),
      secretRef: object(5, secret, "Its credentials.", pointer),
    }),
  };
}

type SecretSource =
  | "azureFile"
  | "cephfs"
  | "cinder"
  | "flexVolume"
  | "glusterfs"
  | "iscsi"
  | "rbd"
  | "scaleIO"
  | "storageos";

function iscsi(secret: Message): Message {
  return message("A disk of an iSCSI server.", {
    targetPortal: text(1, "The server.", needed),
    iqn: text(2, "Its name there.", needed),
    lun: int32(3, "Its number there.", needed),
    iscsiInterface: text(4, "The interface that is used.", { default: "default" }),
    fsType: text(5, fileSystem),
    readOnly: flag(6, readOnly),
    portals: texts(7, "Further addresses of the server.", atomic),
    chapAuthDiscovery: flag(8, "Whether the server is searched with credentials."),
    secretRef: object(10, secret, "Its credentials.", pointer),
    chapAuthSession: flag(11, "Whether it is used with credentials."),
    initiatorName: text(12, "What the node calls itself.", pointer),
  });
}
