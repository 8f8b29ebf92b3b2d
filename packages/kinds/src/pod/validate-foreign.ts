/** Volumes that no app gets, as far as what they say is wrong anywhere. */
import { dnsSubdomainFaults } from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";
import { checkClaimSpec } from "../storage/claim.ts";
import type { PersistentVolumeClaim } from "../storage/claim-fields.ts";
import type { Volume } from "./volume-types.ts";

interface Foreign {
  hostPath?: { path?: string; type?: string };
  nfs?: { server?: string; path?: string };
  csi?: { driver?: string };
  ephemeral?: { volumeClaimTemplate?: PersistentVolumeClaim };
}

const hostPathTypes = [
  ...["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"],
];

export function checkForeign(faults: Faults, path: string, volume: Volume): void {
  const { hostPath, nfs, csi, ephemeral } = volume as Foreign;
  if (hostPath !== undefined) {
    checkHostPath(faults, `${path}.hostPath`, hostPath);
  }
  if (nfs !== undefined) {
    if (!nfs.server) faults.required(`${path}.nfs.server`);
    if (!nfs.path) faults.required(`${path}.nfs.path`);
    if (!nfs.path?.startsWith("/"))
      faults.invalid(`${path}.nfs.path`, nfs.path ?? "", "must be an absolute path");
  }
  if (csi !== undefined) {
    if (!csi.driver) faults.required(`${path}.csi.driver`);
    faults.all(`${path}.csi.driver`, csi.driver ?? "", dnsSubdomainFaults((csi.driver ?? "").toLowerCase()));
  }
  if (ephemeral !== undefined) {
    const at = `${path}.ephemeral.volumeClaimTemplate`;
    const template = ephemeral.volumeClaimTemplate;
    if (template === undefined) faults.required(at);
    else checkClaimSpec(faults, `${at}.spec`, bare(template));
  }
}

/** What no claim may ask for is told of as the volume that no app gets. */
function bare(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const { dataSource: _source, dataSourceRef: _ref, volumeMode: _mode, ...spec } = claim.spec ?? {};
  return { ...claim, spec };
}

function checkHostPath(
  faults: Faults,
  path: string,
  { path: place = "", type }: { path?: string; type?: string },
): void {
  if (place === "") faults.required(`${path}.path`);
  else if (place.split("/").includes("..")) faults.invalid(`${path}.path`, place, "must not contain '..'");
  if (type !== undefined) faults.oneOf(`${path}.type`, type, hostPathTypes);
}
