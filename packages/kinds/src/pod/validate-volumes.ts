/** Volumes and where they are mounted. */
import { type Faults, filePathFaults, relativePathFaults } from "../faults.ts";
import type { Container } from "./container-types.ts";
import { checkFieldRef, checkResourceRef, fileFields } from "./validate-env.ts";
import { checkForeign } from "./validate-foreign.ts";
import type { DownwardApiFile, KeyToPath, ProjectedPart, ProjectedSource, Volume } from "./volume-types.ts";

const modeMax = 0o777;
const modeDetail = "must be a number between 0 and 0777 (octal), both inclusive";

/** Sources that apps have, and why they have no others. */
const sources = ["emptyDir", "configMap", "secret", "downwardAPI", "projected", "persistentVolumeClaim"];
const offered =
  "apps have emptyDir, configMap, secret, downwardAPI, projected and persistentVolumeClaim volumes";
const reasons: Readonly<Record<string, string>> = {
  hostPath: `an app never sees the box's files; ${offered}`,
  ephemeral: `make the claim yourself, or let a StatefulSet make it; ${offered}`,
};
const projectable = ["configMap", "secret", "downwardAPI", "serviceAccountToken"];
const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;
const noProjection: Readonly<Record<string, string>> = {
  clusterTrustBundle: "put the certificates into a ConfigMap",
  podCertificate: "put the certificate into a Secret",
};

/** Returns the names of the volumes there are. */
export function checkVolumes(faults: Faults, path: string, volumes: readonly Volume[] = []): Set<string> {
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${path}[${index}]`;
    faults.label(`${at}.name`, volume.name);
    if (names.has(volume.name)) faults.duplicate(`${at}.name`, volume.name);
    names.add(volume.name);
    checkVolume(faults, at, volume);
  }
  return names;
}

function checkVolume(faults: Faults, path: string, volume: Volume): void {
  const [first, ...others] = Object.keys(volume).filter((member) => member !== "name");
  for (const name of others) faults.forbidden(`${path}.${name}`, "may not specify more than 1 volume type");
  for (const name of [first, ...others]) {
    if (name === undefined || sources.includes(name)) continue;
    faults.gap(`${path}.${name}`, reasons[name] ?? offered);
  }
  checkForeign(faults, path, volume);
  const { emptyDir, configMap, secret, downwardAPI, projected, persistentVolumeClaim: claim } = volume;
  if (claim !== undefined && !claim.claimName) faults.required(`${path}.persistentVolumeClaim.claimName`);
  if (emptyDir !== undefined) {
    if (emptyDir.medium && emptyDir.medium !== "Memory") {
      faults.gap(`${path}.emptyDir.medium`, "say Memory or leave it out");
    }
    if (emptyDir.sizeLimit?.startsWith("-")) {
      faults.forbidden(`${path}.emptyDir.sizeLimit`, "SizeLimit field must be a valid resource quantity");
    }
  }
  if (configMap !== undefined) {
    if (!configMap.name) faults.required(`${path}.configMap.name`);
    checkFiles(faults, `${path}.configMap`, configMap);
  }
  if (secret !== undefined) {
    if (!secret.secretName) faults.required(`${path}.secret.secretName`);
    checkFiles(faults, `${path}.secret`, secret);
  }
  if (downwardAPI !== undefined) {
    checkMode(faults, `${path}.downwardAPI.defaultMode`, downwardAPI.defaultMode);
    checkDownwardFiles(faults, `${path}.downwardAPI`, downwardAPI.items);
  }
  if (projected !== undefined) checkProjected(faults, `${path}.projected`, projected);
}

function checkMode(faults: Faults, path: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > modeMax)) faults.invalid(path, mode, modeDetail);
}

function checkFiles(
  faults: Faults,
  path: string,
  { items = [], defaultMode }: { readonly items?: readonly KeyToPath[]; readonly defaultMode?: number },
): void {
  checkMode(faults, `${path}.defaultMode`, defaultMode);
  for (const [index, item] of items.entries()) {
    const at = `${path}.items[${index}]`;
    if (!item.key) faults.required(`${at}.key`);
    if (!item.path) faults.required(`${at}.path`);
    else faults.all(`${at}.path`, item.path, filePathFaults(item.path));
    checkMode(faults, `${at}.mode`, item.mode);
  }
}

function checkDownwardFiles(faults: Faults, path: string, items: readonly DownwardApiFile[] = []): void {
  for (const file of items) {
    if (!file.path) faults.required(`${path}.path`);
    else faults.all(`${path}.path`, file.path, filePathFaults(file.path));
    if (file.fieldRef !== undefined) {
      checkFieldRef(faults, `${path}.fieldRef`, file.fieldRef, fileFields);
      if (file.resourceFieldRef !== undefined) {
        faults.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
      }
    } else if (file.resourceFieldRef !== undefined) {
      checkResourceRef(faults, `${path}.resourceFieldRef`, file.resourceFieldRef, true);
    } else faults.required(path, "one of fieldRef and resourceFieldRef is required");
    checkMode(faults, `${path}.mode`, file.mode);
  }
}

function checkProjected(
  faults: Faults,
  path: string,
  { sources: parts = [], defaultMode }: ProjectedSource,
): void {
  checkMode(faults, `${path}.defaultMode`, defaultMode);
  const paths = new Set<string>();
  for (const [index, part] of parts.entries()) {
    const at = `${path}.sources[${index}]`;
    const said = Object.keys(part);
    for (const name of said) {
      if (!projectable.includes(name)) faults.gap(`${at}.${name}`, noProjection[name] ?? offered);
    }
    if (said.length > 1) faults.forbidden(at, "may not specify more than 1 volume type per source");
    checkPart(faults, at, part);
    if (part.serviceAccountToken !== undefined) checkToken(faults, path, at, part.serviceAccountToken);
    for (const file of filesOf(part)) {
      if (paths.has(file)) faults.invalid(path, file, "conflicting duplicate paths");
      paths.add(file);
    }
  }
}

function checkPart(faults: Faults, path: string, { configMap, secret, downwardAPI }: ProjectedPart): void {
  if (configMap !== undefined) {
    if (!configMap.name) faults.required(`${path}.configMap.name`);
    checkFiles(faults, `${path}.configMap`, configMap);
  }
  if (secret !== undefined) {
    if (!secret.name) faults.required(`${path}.secret.name`);
    checkFiles(faults, `${path}.secret`, secret);
  }
  if (downwardAPI !== undefined) checkDownwardFiles(faults, `${path}.downwardAPI`, downwardAPI.items);
}

/** The fields' names are upstream's, which leaves the source out of one of them. */
function checkToken(
  faults: Faults,
  path: string,
  at: string,
  { path: file, expirationSeconds: seconds }: NonNullable<ProjectedPart["serviceAccountToken"]>,
): void {
  const field = `${at}.serviceAccountToken.expirationSeconds`;
  if (seconds !== undefined && seconds < tokenSecondsMin)
    faults.invalid(field, seconds, "may not specify a duration less than 10 minutes");
  if (seconds !== undefined && seconds > tokenSecondsMax)
    faults.invalid(field, seconds, "may not specify a duration larger than 2^32 seconds");
  if (!file) faults.required(`${path}.path`);
  else faults.all(`${path}.path`, file, filePathFaults(file));
}

function filesOf({ configMap, secret, downwardAPI }: ProjectedPart): string[] {
  const items = [...(configMap?.items ?? []), ...(secret?.items ?? []), ...(downwardAPI?.items ?? [])];
  return items.map(({ path }) => path).filter(Boolean);
}

const propagations = ["Bidirectional", "HostToContainer", "None"];

export function checkMounts(
  faults: Faults,
  path: string,
  { volumeMounts = [], volumeDevices = [] }: Container,
  volumes: ReadonlySet<string>,
): void {
  const places = new Set<string>();
  for (const [index, mount] of volumeMounts.entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    if (!mount.name) faults.required(`${at}.name`);
    if (!volumes.has(mount.name)) faults.notFound(`${at}.name`, mount.name ?? "");
    checkPlace(faults, `${at}.mountPath`, mount.mountPath);
    if (places.has(mount.mountPath)) faults.invalid(`${at}.mountPath`, mount.mountPath, "must be unique");
    places.add(mount.mountPath);
    const { subPath, subPathExpr, mountPropagation, recursiveReadOnly } = mount;
    if (subPath) faults.all(`${at}.subPath`, subPath, relativePathFaults(subPath));
    if (subPathExpr) {
      if (subPath) {
        faults.invalid(`${at}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive");
      }
      faults.all(`${at}.subPathExpr`, subPathExpr, relativePathFaults(subPathExpr));
    }
    if (mountPropagation !== undefined && !propagations.includes(mountPropagation)) {
      faults.oneOf(`${path}.volumeMounts.mountPropagation`, mountPropagation, propagations);
    } else if (mountPropagation !== undefined && mountPropagation !== "None") {
      faults.gap(`${at}.mountPropagation`, "a virtual machine shares no mounts with the box; say None");
    }
    if (recursiveReadOnly === "Enabled") {
      faults.gap(`${at}.recursiveReadOnly`, "nothing is mounted below a volume; say IfPossible or Disabled");
    } else if (recursiveReadOnly !== undefined) {
      faults.oneOf(`${path}.volumeMounts.recursiveReadOnly`, recursiveReadOnly, [
        "Disabled",
        "Enabled",
        "IfPossible",
      ]);
    }
  }
  if (volumeDevices.length > 0) faults.gap(`${path}.volumeDevices`, offered);
}

/** Upstream leaves these to the node, where they would only fail. */
function checkPlace(faults: Faults, path: string, place: string): void {
  if (!place) faults.required(path);
  else if (!place.startsWith("/")) faults.invalid(path, place, "must be an absolute path");
  else if (place.includes(":")) faults.invalid(path, place, "must not contain ':'");
  else if (place.split("/").includes("..")) faults.invalid(path, place, "must not contain '..'");
  else if (/^\/+$/.test(place)) faults.invalid(path, place, "must not be the root of the image");
}
