import { type FieldError, type KindDefinition, parseQuantity } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import { builtIn } from "../kind.ts";
import { type AccessMode, type PersistentVolumeClaim, persistentVolumeClaim } from "./claim-fields.ts";

const accessModes: readonly AccessMode[] = [
  "ReadOnlyMany",
  "ReadWriteMany",
  "ReadWriteOnce",
  "ReadWriteOncePod",
];
/** As upstream orders them. */
const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

export const persistentVolumeClaimKind: KindDefinition = builtIn(persistentVolumeClaim, {
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  returnsDeleted: true,
  singular: "persistentvolumeclaim",
  shortNames: ["pvc"],
  namespaced: true,
  hasGeneration: false,
  subresources: { status: true },
  applyDefaults: (object) => defaultClaim(object as PersistentVolumeClaim),
  validate: (object, old) =>
    validate(object as PersistentVolumeClaim, old as PersistentVolumeClaim | undefined),
  columns: [
    nameColumn,
    column<PersistentVolumeClaim>("Status", "How it is.", ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
    ),
    column<PersistentVolumeClaim>(
      "Volume",
      "The volume it is bound to.",
      ({ spec }) => spec.volumeName ?? "",
    ),
    column<PersistentVolumeClaim>("Capacity", "How much it has.", ({ spec, status }) =>
      spec.volumeName ? (status?.capacity?.["storage"] ?? "0") : "",
    ),
    column<PersistentVolumeClaim>("Access Modes", "What the volume can.", ({ spec, status }) =>
      spec.volumeName ? modesText(status?.accessModes) : "",
    ),
    column<PersistentVolumeClaim>(
      "StorageClass",
      "How volumes are made.",
      ({ spec }) => spec.storageClassName ?? "",
    ),
    column<PersistentVolumeClaim>(
      "VolumeAttributesClass",
      "Kept.",
      ({ spec }) => spec.volumeAttributesClassName ?? "<unset>",
    ),
    ageColumn,
    column<PersistentVolumeClaim>(
      "VolumeMode",
      "Filesystem or Block.",
      ({ spec }) => spec.volumeMode ?? "<unset>",
      1,
    ),
  ],
});

export function modesText(modes: readonly string[] = []): string {
  const said = Object.entries(shortModes).filter(([mode]) => modes.includes(mode));
  return said.map(([, short]) => short).join(",");
}

/** Of a claim, and of a StatefulSet's template of one. */
export function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  claim.spec.volumeMode ??= "Filesystem";
  claim.status ??= {};
  claim.status.phase ||= "Pending";
}

function validate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim | undefined): FieldError[] {
  const faults = new Faults();
  if (claim.spec === old?.spec) return faults.errors;
  checkClaimSpec(faults, "spec", claim);
  if (old !== undefined) checkUpdate(faults, claim, old);
  return faults.errors;
}

export function checkClaimSpec(faults: Faults, path: string, { spec }: PersistentVolumeClaim): void {
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) faults.required(`${path}.accessModes`, "at least 1 access mode is required");
  checkModes(faults, `${path}.accessModes`, modes);
  faults.selector(`${path}.selector`, spec.selector);
  const { storage } = spec.resources?.requests ?? {};
  const at = `${path}.resources[storage]`;
  if (storage === undefined) faults.required(at);
  else if ((parseQuantity(storage) ?? 0n) <= 0n) faults.invalid(at, storage, "must be greater than zero");
  if (spec.storageClassName) faults.subdomain(`${path}.storageClassName`, spec.storageClassName);
  if (spec.volumeMode !== undefined)
    faults.oneOf(`${path}.volumeMode`, spec.volumeMode, ["Block", "Filesystem"]);
  if (spec.volumeMode === "Block") {
    faults.refused(`${path}.volumeMode`, "an app gets its volumes as folders; say Filesystem");
  }
  for (const field of ["dataSource", "dataSourceRef"] as const) {
    if (spec[field] !== undefined) faults.refused(`${path}.${field}`, "a volume begins empty");
  }
}

/** Of a claim and of a volume. */
export function checkModes(faults: Faults, path: string, modes: readonly AccessMode[]): void {
  for (const mode of modes) faults.oneOf(path, mode, accessModes);
  if (modes.includes("ReadWriteOncePod") && modes.length > 1)
    faults.forbidden(path, "may not use ReadWriteOncePod with other access modes");
}

const fixed =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

function checkUpdate(faults: Faults, claim: PersistentVolumeClaim, old: PersistentVolumeClaim): void {
  const { spec } = claim;
  const before = old.spec;
  const comparable = { ...spec };
  // Binding names the volume, and a class may still be filled in.
  if (!before.volumeName) delete comparable.volumeName;
  const isBound = old.status?.phase === "Bound";
  if (isBound) comparable.resources = { ...spec.resources, requests: before.resources?.requests ?? {} };
  const { volumeName: _name, ...rest } = before;
  const expected = before.volumeName ? before : rest;
  if (before.storageClassName === undefined) delete comparable.storageClassName;
  if (!jsonEqual(comparable, isBound ? { ...expected, resources: comparable.resources } : expected)) {
    faults.forbidden("spec", fixed);
    return;
  }
  const size = (one: PersistentVolumeClaim["spec"]): bigint =>
    parseQuantity(one.resources?.requests?.["storage"] ?? "0") ?? 0n;
  if (
    isBound &&
    size(spec) < (parseQuantity(old.status?.capacity?.["storage"] ?? "0") ?? 0n) &&
    size(spec) < size(before)
  ) {
    faults.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
  }
}
