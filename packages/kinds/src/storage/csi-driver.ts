import type { Column, FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import {
  atomic,
  flag,
  int64,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  set,
  text,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";

/** What a maker of volumes says of itself. */
export interface CsiDriver extends KubeObject {
  apiVersion: "storage.k8s.io/v1";
  kind: "CSIDriver";
  spec: CsiDriverSpec;
}

interface CsiDriverSpec {
  attachRequired?: boolean;
  podInfoOnMount?: boolean;
  volumeLifecycleModes?: string[];
  storageCapacity?: boolean;
  fsGroupPolicy?: string;
  tokenRequests?: { audience: string; expirationSeconds?: number }[];
  requiresRepublish?: boolean;
  seLinuxMount?: boolean;
  nodeAllocatableUpdatePeriodSeconds?: number;
}

const tokenRequest: Message = message("A token of a Pod's account.", {
  audience: text(1, "Whom it is for; the API server when empty.", needed),
  expirationSeconds: int64(2, "How long it is good.", pointer),
});

const driverSpec: Message = message("What it does.", {
  attachRequired: flag(1, "Whether volumes are attached to nodes first.", pointer),
  podInfoOnMount: flag(2, "Whether it wants to know whose Pod it is.", pointer),
  volumeLifecycleModes: texts(3, "Persistent, Ephemeral or both.", set),
  storageCapacity: flag(4, "Whether it says how much is left, and where.", pointer),
  fsGroupPolicy: text(5, "ReadWriteOnceWithFSType, File or None.", pointer),
  tokenRequests: objects(6, tokenRequest, "Tokens that it wants of a Pod's account.", atomic),
  requiresRepublish: flag(7, "Whether it wants to be asked again from time to time.", pointer),
  seLinuxMount: flag(8, "Whether it mounts with a context.", pointer),
  nodeAllocatableUpdatePeriodSeconds: int64(9, "How often nodes count what they can take.", pointer),
  serviceAccountTokenInSecrets: flag(10, "Whether tokens come as secrets.", pointer),
});

const csiDriver: Message = kindMessage("What a maker of volumes says of itself. Kept: no node asks it.", {
  spec: object(2, driverSpec, "What it does.", needed),
});

const isSaid = (name: string, description: string, value: (spec: CsiDriverSpec) => boolean): Column => ({
  ...{ name, type: "boolean" as const, description },
  value: (object: KubeObject) => value((object as CsiDriver).spec ?? {}),
});

export const csiDriverKind: KindDefinition = builtIn(csiDriver, {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSIDriver",
  plural: "csidrivers",
  returnsDeleted: true,
  // As upstream.
  generationLater: true,
  singular: "csidriver",
  namespaced: false,
  unconditionalUpdate: false,
  applyDefaults: (object) => {
    const { spec } = object as CsiDriver;
    if (spec === undefined) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ["Persistent"];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate: (object, old) => validate(object as CsiDriver, old as CsiDriver | undefined),
  columns: [
    nameColumn,
    isSaid("AttachRequired", "Whether volumes are attached first.", (spec) => spec.attachRequired !== false),
    isSaid("PodInfoOnMount", "Whether it wants to know whose Pod it is.", (spec) => !!spec.podInfoOnMount),
    isSaid("StorageCapacity", "Whether it says how much is left.", (spec) => !!spec.storageCapacity),
    column<CsiDriver>("TokenRequests", "Tokens that it wants.", ({ spec }) =>
      spec.tokenRequests === undefined
        ? "<unset>"
        : spec.tokenRequests.map(({ audience }) => audience).join(","),
    ),
    isSaid("RequiresRepublish", "Whether it is asked again.", (spec) => !!spec.requiresRepublish),
    column<CsiDriver>(
      "Modes",
      "How long its volumes live.",
      ({ spec }) => spec.volumeLifecycleModes?.join(",") || "<none>",
    ),
    ageColumn,
  ],
});

const modes = ["Persistent", "Ephemeral"];
/** Ten minutes. */
const tokenMin = 600;
const tokenMax = 2 ** 32;
const periodMin = 10;

function validate({ spec }: CsiDriver, old: CsiDriver | undefined): FieldError[] {
  const faults = new Faults();
  // The schema has said so.
  if (spec === undefined) return [];
  faults.oneOf("spec.fsGroupPolicy", spec.fsGroupPolicy, ["File", "None", "ReadWriteOnceWithFSType"]);
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!modes.includes(mode)) faults.oneOf("spec.volumeLifecycleModes", mode, modes);
  }
  const audiences = new Set<string>();
  for (const [index, { audience, expirationSeconds: seconds }] of (spec.tokenRequests ?? []).entries()) {
    const at = `spec.tokenRequests[${index}]`;
    if (audiences.has(audience)) faults.duplicate(`${at}.audience`, audience);
    audiences.add(audience);
    if (seconds === undefined) continue;
    const place = `${at}.expirationSeconds`;
    if (seconds < tokenMin) faults.invalid(place, seconds, "may not specify a duration less than 10 minutes");
    if (seconds > tokenMax) {
      faults.invalid(place, seconds, "may not specify a duration larger than 2^32 seconds");
    }
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < periodMin) {
    const why = `must be greater than or equal to ${periodMin} seconds`;
    faults.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, why);
  }
  if (old === undefined) return faults.errors;
  if (spec.attachRequired !== old.spec.attachRequired) {
    // Upstream's name of the field.
    faults.invalid("spec.attachedRequired", spec.attachRequired, immutable);
  }
  if (!jsonEqual(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)) {
    faults.invalid("spec.volumeLifecycleModes", spec.volumeLifecycleModes, immutable);
  }
  return faults.errors;
}
