import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { objectReference } from "../event.ts";
import { Faults, gapTexts, immutable } from "../faults.ts";
import {
  atomic,
  embedded,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  pointer,
  quantityMap,
  text,
  texts,
  time,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { nodeSelector } from "../pod/scheduling-fields.ts";
import { modesText } from "./claim.ts";
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  csiPersistentVolumeSource,
  fcVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  hostPathVolumeSource,
  nfsVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  vsphereVirtualDiskVolumeSource,
  withSecrets,
} from "./foreign-volumes.ts";
import { checkVolume } from "./volume-rules.ts";
import type { PersistentVolumeSpec } from "./volume-spec.ts";

/** A volume that is there: made for a claim on the node where its Pod runs. */
export interface PersistentVolume extends KubeObject {
  apiVersion: "v1";
  kind: "PersistentVolume";
  spec: PersistentVolumeSpec;
  status?: PersistentVolumeStatus;
}

export interface PersistentVolumeStatus {
  phase?: "Pending" | "Available" | "Bound" | "Released" | "Failed";
  message?: string;
  reason?: string;
  lastPhaseTransitionTime?: string | null;
}

const unsupported = "Not done: volumes live on nodes.";

const localVolume: Message = message("A volume on one node.", {
  path: text(1, "Where; made by the controller, its name among the node's volumes.", needed),
  fsType: text(2, "Its file system.", pointer),
});

const secretReference: Message = message(
  "A Secret of any namespace.",
  {
    name: text(1, "Its name."),
    namespace: text(2, "Its namespace."),
  },
  { "x-kubernetes-map-type": "atomic" },
);

const foreign = withSecrets(secretReference, "persistent");

const volumeSource: Message = message("Where it is.", {
  gcePersistentDisk: object(1, gcePersistentDiskVolumeSource, unsupported, pointer),
  awsElasticBlockStore: object(2, awsElasticBlockStoreVolumeSource, unsupported, pointer),
  hostPath: object(3, hostPathVolumeSource, unsupported, pointer),
  glusterfs: object(4, foreign.glusterfs, unsupported, pointer),
  nfs: object(5, nfsVolumeSource, unsupported, pointer),
  rbd: object(6, foreign.rbd, unsupported, pointer),
  iscsi: object(7, foreign.iscsi, unsupported, pointer),
  cinder: object(8, foreign.cinder, unsupported, pointer),
  cephfs: object(9, foreign.cephfs, unsupported, pointer),
  fc: object(10, fcVolumeSource, unsupported, pointer),
  flocker: object(11, flockerVolumeSource, unsupported, pointer),
  flexVolume: object(12, foreign.flexVolume, unsupported, pointer),
  azureFile: object(13, foreign.azureFile, unsupported, pointer),
  vsphereVolume: object(14, vsphereVirtualDiskVolumeSource, unsupported, pointer),
  quobyte: object(15, quobyteVolumeSource, unsupported, pointer),
  azureDisk: object(16, azureDiskVolumeSource, unsupported, pointer),
  photonPersistentDisk: object(17, photonPersistentDiskVolumeSource, unsupported, pointer),
  portworxVolume: object(18, portworxVolumeSource, unsupported, pointer),
  scaleIO: object(19, foreign.scaleIO, unsupported, pointer),
  local: object(20, localVolume, "A volume on one node.", pointer),
  storageos: object(21, withSecrets(objectReference, "persistent").storageos, unsupported, pointer),
  csi: object(22, csiPersistentVolumeSource(secretReference), unsupported, pointer),
});

const volumeNodeAffinity: Message = message("Which nodes have it.", {
  required: object(1, nodeSelector, "The nodes.", pointer),
});

export const volumeSpec: Message = message("What it is.", {
  capacity: quantityMap(1, "How much it holds."),
  persistentVolumeSource: embedded(2, volumeSource),
  accessModes: texts(3, "What it can.", atomic),
  claimRef: object(4, objectReference, "The claim it is bound to.", {
    ...{ "x-kubernetes-map-type": "granular" },
    ...pointer,
  }),
  persistentVolumeReclaimPolicy: text(5, "Delete: goes with its claim; Retain: stays."),
  storageClassName: text(6, "How it was made."),
  mountOptions: texts(7, "Kept.", atomic),
  volumeMode: text(8, "Filesystem or Block.", pointer),
  nodeAffinity: object(9, volumeNodeAffinity, "Which nodes have it.", pointer),
  volumeAttributesClassName: text(10, "Kept.", pointer),
});

const volumeStatus: Message = message("How it is.", {
  phase: text(1, "Pending, Available, Bound, Released or Failed."),
  message: text(2, "Why, for people."),
  reason: text(3, "Why, as one word."),
  lastPhaseTransitionTime: time(4, "Since when.", pointer),
});

const persistentVolume: Message = kindMessage("A volume that is there, on one node.", {
  spec: object(2, volumeSpec, "What it is."),
  status: object(3, volumeStatus, "How it is."),
});

export const persistentVolumeKind: KindDefinition = builtIn(persistentVolume, {
  group: "",
  version: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  returnsDeleted: true,
  singular: "persistentvolume",
  shortNames: ["pv"],
  namespaced: false,
  hasGeneration: false,
  subresources: { status: true },
  applyDefaults: (object) => {
    const volume = object as PersistentVolume;
    volume.spec ??= {};
    volume.spec.persistentVolumeReclaimPolicy ||= "Retain";
    volume.spec.volumeMode ??= "Filesystem";
    volume.status ??= {};
    volume.status.phase ||= "Pending";
  },
  validate: (object, old) => validate(object as PersistentVolume, old as PersistentVolume | undefined),
  columns: [
    nameColumn,
    column<PersistentVolume>(
      "Capacity",
      "How much it holds.",
      ({ spec }) => spec.capacity?.["storage"] ?? "",
    ),
    column<PersistentVolume>("Access Modes", "What it can.", ({ spec }) => modesText(spec.accessModes)),
    column<PersistentVolume>(
      "Reclaim Policy",
      "What becomes of it without its claim.",
      ({ spec }) => spec.persistentVolumeReclaimPolicy ?? "",
    ),
    column<PersistentVolume>("Status", "How it is.", ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
    ),
    column<PersistentVolume>("Claim", "Whose it is.", ({ spec: { claimRef } }) =>
      claimRef === undefined ? "" : `${claimRef.namespace}/${claimRef.name}`,
    ),
    column<PersistentVolume>("StorageClass", "How it was made.", ({ spec }) => spec.storageClassName ?? ""),
    column<PersistentVolume>("VolumeAttributesClass", "Kept.", () => "<unset>"),
    column<PersistentVolume>("Reason", "Why it is so.", ({ status }) => status?.reason ?? ""),
    ageColumn,
    column<PersistentVolume>(
      "VolumeMode",
      "Filesystem or Block.",
      ({ spec }) => spec.volumeMode ?? "<unset>",
      1,
    ),
  ],
});

function validate({ spec }: PersistentVolume, old: PersistentVolume | undefined): FieldError[] {
  if (spec === old?.spec) return [];
  const faults = check(spec);
  if (old !== undefined) checkUpdate(faults, spec, old.spec);
  return faults.errors;
}

/** Whose claim is bound has its data there: where that is does not change. */
function checkUpdate(faults: Faults, spec: PersistentVolume["spec"], old: PersistentVolume["spec"]): void {
  const source = "spec.persistentvolumesource";
  if (sourcesOf({ ...spec, ...old }).some((name) => !jsonEqual(memberOf(spec, name), memberOf(old, name))))
    faults.forbidden(source, `${source} is immutable after creation`);
  if (spec.volumeMode !== old.volumeMode) faults.invalid("volumeMode", spec.volumeMode, immutable);
  if (old.nodeAffinity !== undefined && !jsonEqual(spec.nodeAffinity, old.nodeAffinity)) {
    const detail = `${immutable}, except for updating from beta label to GA`;
    faults.invalid("nodeAffinity", spec.nodeAffinity, detail);
  }
}

/** What it says it is, of all that a volume can be. */
function sourcesOf(spec: PersistentVolume["spec"]): string[] {
  return Object.keys(volumeSource.schema.properties ?? {}).filter(
    (name) => memberOf(spec, name) !== undefined,
  );
}

function memberOf(spec: PersistentVolume["spec"], name: string): unknown {
  return (spec as Readonly<Record<string, unknown>>)[name];
}

/** What a volume asks for and Selvedge does not do: such a one is kept, and bound to no claim. */
export function volumeGaps(object: KubeObject): readonly string[] {
  return gapTexts(check((object as PersistentVolume).spec));
}

function check(spec: PersistentVolume["spec"]): Faults {
  const faults = new Faults();
  checkVolume(faults, spec);
  const said = sourcesOf(spec);
  if (said.length === 0) faults.required("spec", "must specify a volume type");
  for (const name of said.slice(1))
    faults.forbidden(`spec.${name}`, "may not specify more than 1 volume type");
  for (const name of said) {
    if (name !== "local") faults.gap(`spec.${name}`, "volumes live on nodes; say local, or claim one");
  }
  return faults;
}
