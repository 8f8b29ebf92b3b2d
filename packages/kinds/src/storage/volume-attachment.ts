import {
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import {
  flag,
  int32,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  pointer,
  text,
  textMap,
  time,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { volumeSpec } from "./volume.ts";

/** That a volume shall be at a node. */
export interface VolumeAttachment extends KubeObject {
  apiVersion: "storage.k8s.io/v1";
  kind: "VolumeAttachment";
  spec: { attacher: string; source: AttachmentSource; nodeName: string };
  status?: AttachmentStatus;
}

interface AttachmentSource {
  persistentVolumeName?: string;
  inlineVolumeSpec?: object;
}

interface AttachmentStatus {
  attached?: boolean;
  attachmentMetadata?: Record<string, string>;
  attachError?: VolumeError;
  detachError?: VolumeError;
}

interface VolumeError {
  time?: string | null;
  message?: string;
  errorCode?: number;
}

const source: Message = message("The volume.", {
  persistentVolumeName: text(1, "Its name.", pointer),
  inlineVolumeSpec: object(2, volumeSpec, "What it is, where it has no name.", pointer),
});

const attachmentSpec: Message = message("Which volume, and where.", {
  attacher: text(1, "Who brings it there.", needed),
  source: object(2, source, "The volume.", needed),
  nodeName: text(3, "The node.", needed),
});

const volumeError: Message = message("Why it could not be done.", {
  time: time(1, "When."),
  message: text(2, "Why, for people."),
  errorCode: int32(3, "Why, as a number.", pointer),
});

const attachmentStatus: Message = message("Whether it is there.", {
  attached: flag(1, "Whether it is there.", { ...needed, default: false }),
  attachmentMetadata: textMap(2, "What whoever mounts it must know."),
  attachError: object(3, volumeError, "Why it could not be brought.", pointer),
  detachError: object(4, volumeError, "Why it could not be taken away.", pointer),
});

const volumeAttachment: Message = kindMessage(
  "That a volume shall be at a node. Kept, for whoever attaches: volumes of nodes are there always.",
  {
    spec: object(2, attachmentSpec, "Which volume, and where.", needed),
    status: object(3, attachmentStatus, "Whether it is there."),
  },
);

export const volumeAttachmentKind: KindDefinition = builtIn(volumeAttachment, {
  group: "storage.k8s.io",
  version: "v1",
  kind: "VolumeAttachment",
  plural: "volumeattachments",
  returnsDeleted: true,
  singular: "volumeattachment",
  namespaced: false,
  hasGeneration: false,
  unconditionalUpdate: false,
  subresources: { status: true },
  applyDefaults: (object) => {
    const { status } = object as VolumeAttachment;
    if (status !== undefined) status.attached ??= false;
    else (object as VolumeAttachment).status = { attached: false };
  },
  validate: (object, old) => validate(object as VolumeAttachment, old as VolumeAttachment | undefined),
  columns: [
    nameColumn,
    {
      ...column<VolumeAttachment>("Attacher", "Who brings it.", ({ spec }) => spec.attacher),
      format: "name",
    },
    column<VolumeAttachment>("PV", "The volume.", ({ spec }) => spec.source.persistentVolumeName ?? ""),
    column<VolumeAttachment>("Node", "The node.", ({ spec }) => spec.nodeName),
    {
      ...{ name: "Attached", type: "boolean", description: "Whether it is there." },
      value: (object) => (object as VolumeAttachment).status?.attached === true,
    },
    ageColumn,
  ],
});

/** Upstream's, of all that is known of one and of what is said of an error. */
const metadataMax = 256 * 1024;
const messageMax = 1024;

function validate({ spec, status }: VolumeAttachment, old: VolumeAttachment | undefined): FieldError[] {
  const faults = new Faults();
  // The schema has said so.
  if (spec?.source === undefined) return [];
  if (!spec.attacher) faults.required("spec.attacher");
  else faults.all("spec.attacher", spec.attacher, dnsSubdomainFaults(spec.attacher.toLowerCase()));
  const { persistentVolumeName: name, inlineVolumeSpec: inline } = spec.source;
  const one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (name === undefined && inline === undefined) faults.required("spec.source", one);
  else if (name !== undefined && inline !== undefined) faults.forbidden("spec.source", one);
  else if (name !== undefined) {
    const at = "spec.source.persistentVolumeName";
    if (name === "") faults.required(at, "must specify non empty persistentVolumeName");
    else faults.all(at, name, dnsSubdomainFaults(name));
  }
  const { nodeName = "" } = spec;
  faults.all("spec.nodeName", nodeName, dnsSubdomainFaults(nodeName));
  const pairs = Object.entries(status?.attachmentMetadata ?? {});
  if (pairs.reduce((sum, [key, value]) => sum + key.length + value.length, 0) > metadataMax) {
    faults.tooLong("status.attachmentMetadata", metadataMax);
  }
  for (const which of ["attachError", "detachError"] as const) {
    const { message: said = "", errorCode: code = 0 } = status?.[which] ?? {};
    if (said.length > messageMax) faults.tooLong(`status.${which}.message`, metadataMax);
    if (code < 0) faults.between(`status.${which}.errorCode`, code, 0, 2 ** 31 - 1);
  }
  if (old !== undefined && !jsonEqual(spec, old.spec)) faults.invalid("spec", spec, immutable);
  return faults.errors;
}
