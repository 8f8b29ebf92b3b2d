/** What upstream refuses in a PersistentVolume, whatever kind of volume it is. */
import { parseQuantity } from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";
import { checkForeign } from "../pod/validate-foreign.ts";
import { checkNodeSelector } from "../pod/validate-scheduling.ts";
import type { Volume } from "../pod/volume-types.ts";
import { checkModes } from "./claim.ts";
import type { PersistentVolumeSpec } from "./volume-spec.ts";

/** Sources of which more is checked than that they are there. */
interface Sources {
  readonly csi?: object;
  readonly hostPath?: { readonly path?: string };
}

export function checkVolume(faults: Faults, spec: PersistentVolumeSpec): void {
  const { csi, hostPath } = spec as Sources;
  if (!spec.accessModes?.length) faults.required("spec.accessModes");
  checkModes(faults, "spec.accessModes", spec.accessModes ?? []);
  checkCapacity(faults, spec.capacity);
  checkPlace(faults, spec);
  checkForeign(faults, "spec", spec as unknown as Volume);
  const policy = spec.persistentVolumeReclaimPolicy;
  faults.oneOf("spec.persistentVolumeReclaimPolicy", policy, ["Delete", "Recycle", "Retain"]);
  if (policy === "Recycle" && /^\/[/.]*$/.test(hostPath?.path ?? ""))
    faults.forbidden(
      "spec.persistentVolumeReclaimPolicy",
      "may not be 'recycle' for a hostPath mount of '/'",
    );
  if (spec.storageClassName) faults.subdomain("spec.storageClassName", spec.storageClassName);
  if (spec.volumeMode !== undefined)
    faults.oneOf("spec.volumeMode", spec.volumeMode, ["Block", "Filesystem"]);
  const { volumeAttributesClassName: attributes } = spec;
  if (attributes === undefined) return;
  if (attributes === "") faults.required("spec.volumeAttributesClassName", "an empty string is disallowed");
  else faults.subdomain("spec.volumeAttributesClassName", attributes);
  if (csi === undefined)
    faults.required("spec.csi", "has to be specified when using volumeAttributesClassName");
}

function checkCapacity(faults: Faults, capacity: PersistentVolumeSpec["capacity"]): void {
  const names = Object.keys(capacity ?? {});
  if (names.length === 0) faults.required("spec.capacity");
  if (names.length !== 1 || names[0] !== "storage")
    faults.oneOf("spec.capacity", names.length === 0 ? null : capacity, ["storage"]);
  for (const [name, amount] of Object.entries(capacity ?? {}))
    if ((parseQuantity(amount) ?? 1n) <= 0n)
      faults.invalid(`spec.capacity[${name}]`, amount, "must be greater than zero");
}

function checkPlace(faults: Faults, { local, nodeAffinity }: PersistentVolumeSpec): void {
  const required = nodeAffinity?.required;
  if (nodeAffinity !== undefined && required === undefined)
    faults.required("spec.nodeAffinity.required", "must specify required node constraints");
  if (required !== undefined) checkNodeSelector(faults, "spec.nodeAffinity.required", required);
  if (local === undefined) return;
  if (!local.path) faults.required("spec.local.path");
  else if (local.path.split("/").includes(".."))
    faults.invalid("spec.local.path", local.path, "must not contain '..'");
  if (nodeAffinity === undefined) faults.required("spec.nodeAffinity", "Local volume requires node affinity");
}
