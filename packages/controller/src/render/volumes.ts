import { create } from "@bufbuild/protobuf";
import { parseQuantity, toUnits } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { ext, storage } from "@selvedge/eve-api";
import type {
  DownwardApiFile,
  KeyToPath,
  PersistentVolume,
  Pod,
  ProjectedPart,
  Volume,
} from "@selvedge/kinds";
import { speaksEve } from "./api-access.ts";
import { fieldOf, resourceOf } from "./downward.ts";
import { RenderError, type RenderInputs } from "./inputs.ts";

export interface Volumes {
  readonly volumes: ext.AppVolume[];
  /** File sets that must be sealed, by their key in AppSecrets.files. */
  readonly secrets: ReadonlyMap<string, ext.FileSet>;
  /** When a token in them is made anew; undefined: none is. */
  readonly renewAt: Instant | undefined;
}

type Sources = Pick<
  RenderInputs,
  "configMap" | "secret" | "accountToken" | "canSeal" | "node" | "nodeVolumes"
>;

interface Files {
  readonly files: ext.File[];
  readonly secret: boolean;
  readonly renewAt?: Instant;
}

const defaultMode = 0o644;

/** A Pod's volumes: files whose content is known here, and empty directories. */
export function volumesOf(pod: Pod, sources: Sources): Volumes {
  const volumes: ext.AppVolume[] = [];
  const secrets = new Map<string, ext.FileSet>();
  let renewAt: Instant | undefined;
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.emptyDir !== undefined) {
      const { medium, sizeLimit } = volume.emptyDir;
      const value = create(ext.EmptyDirSchema, {
        memory: medium === "Memory",
        sizeLimitBytes: BigInt(toUnits(parseQuantity(sizeLimit ?? "0") ?? 0n)),
      });
      volumes.push(create(ext.AppVolumeSchema, { name: volume.name, source: { case: "emptyDir", value } }));
      continue;
    }
    if (volume.persistentVolumeClaim !== undefined) {
      const { uid = "" } = claimedVolume(pod, volume.persistentVolumeClaim.claimName, sources).metadata;
      const value = create(ext.NodeVolumeSchema, { volumeId: uid });
      volumes.push(create(ext.AppVolumeSchema, { name: volume.name, source: { case: "nodeVolume", value } }));
      continue;
    }
    const { files, secret, renewAt: at } = filesOf(pod, volume, sources);
    renewAt = earliest(renewAt, at);
    const set = create(ext.FileSetSchema, { files: lastOfEachPath(files) });
    if (!secret) {
      volumes.push(create(ext.AppVolumeSchema, { name: volume.name, source: { case: "files", value: set } }));
      continue;
    }
    const key = `volume/${volume.name}`;
    secrets.set(key, set);
    const value = create(ext.SecretFileSetSchema, { key });
    volumes.push(create(ext.AppVolumeSchema, { name: volume.name, source: { case: "secretFiles", value } }));
  }
  return { volumes, secrets, renewAt };
}

export function earliest(one: Instant | undefined, other: Instant | undefined): Instant | undefined {
  return one === undefined || (other !== undefined && other < one) ? other : one;
}

/** The volumes of the node that a Pod mounts. */
export function claimedVolumes(pod: Pod, sources: Pick<Sources, "nodeVolumes">): PersistentVolume[] {
  return (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) =>
    claim === undefined ? [] : [claimedVolume(pod, claim.claimName, sources)],
  );
}

function claimedVolume(
  { metadata }: Pod,
  claim: string,
  { nodeVolumes }: Pick<Sources, "nodeVolumes">,
): PersistentVolume {
  const found = nodeVolumes.find(
    ({ spec: { claimRef } }) => claimRef?.namespace === metadata.namespace && claimRef?.name === claim,
  );
  if (found !== undefined) return found;
  throw new RenderError("FailedMount", `persistentvolumeclaim "${claim}" has no volume on this node yet`);
}

/** A mutable volume of the node as EVE has it: empty at first, kept until its PersistentVolume goes. */
export function nodeVolume({ metadata, spec }: PersistentVolume): storage.Volume {
  return create(storage.VolumeSchema, {
    uuid: metadata.uid ?? "",
    origin: { type: storage.VolumeContentOriginType.VCOT_BLANK },
    maxsizebytes: BigInt(toUnits(parseQuantity(spec.capacity?.["storage"] ?? "0") ?? 0n)),
    displayName: metadata.name,
    target: storage.Target.Disk,
  });
}

function filesOf(pod: Pod, volume: Volume, sources: Sources): Files {
  const namespace = pod.metadata.namespace ?? "";
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return configMapFiles(sources, namespace, configMap, configMap.defaultMode);
  if (secret !== undefined) {
    return secretFiles(sources, namespace, { ...secret, name: secret.secretName ?? "" }, secret.defaultMode);
  }
  if (downwardAPI !== undefined) {
    return downwardFiles(pod, downwardAPI.items ?? [], downwardAPI.defaultMode, sources);
  }
  if (projected !== undefined) {
    const isForApi = (projected.sources ?? []).some((part) => part.serviceAccountToken !== undefined);
    // Without a token what comes beside it is of no use, and is user data that the Pod would have to wait for.
    if (isForApi && speaksEve(sources.node)) return { files: [], secret: false };
    const parts = (projected.sources ?? []).map((part): Files => {
      const mode = projected.defaultMode;
      if (part.configMap !== undefined) return configMapFiles(sources, namespace, part.configMap, mode);
      if (part.secret !== undefined) return secretFiles(sources, namespace, part.secret, mode);
      if (part.downwardAPI !== undefined) {
        return downwardFiles(pod, part.downwardAPI.items ?? [], mode, sources);
      }
      if (part.serviceAccountToken !== undefined) {
        return tokenFiles(pod, part.serviceAccountToken, mode, sources);
      }
      throw new RenderError("FailedMount", `volume ${volume.name}: this projected source is not supported`);
    });
    const renewals = parts.map(({ renewAt }) => renewAt);
    return {
      files: parts.flatMap(({ files }) => files),
      secret: parts.some((part) => part.secret),
      ...renewing(renewals.reduce(earliest, undefined)),
    };
  }
  throw new RenderError("FailedMount", `volume ${volume.name}: this kind of volume is not supported`);
}

interface Source {
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

function configMapFiles(
  sources: Sources,
  namespace: string,
  source: Source,
  mode: number | undefined,
): Files {
  const { name = "", optional = false } = source;
  const map = sources.configMap(namespace, name);
  if (map === undefined) {
    if (optional) return { files: [], secret: false };
    throw new RenderError("FailedMount", `configmap ${JSON.stringify(name)} not found`);
  }
  const content = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(map.data ?? {})) content.set(key, Buffer.from(text, "utf8"));
  for (const [key, text] of Object.entries(map.binaryData ?? {})) {
    content.set(key, Buffer.from(text, "base64"));
  }
  return { files: pick(content, source, `configmap ${JSON.stringify(name)}`, mode), secret: false };
}

function secretFiles(sources: Sources, namespace: string, source: Source, mode: number | undefined): Files {
  const { name = "", optional = false } = source;
  const found = sources.secret(namespace, name);
  if (found === undefined) {
    if (optional) return { files: [], secret: false };
    throw new RenderError("FailedMount", `secret ${JSON.stringify(name)} not found`);
  }
  const content = new Map(
    Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text, "base64") as Uint8Array]),
  );
  return { files: pick(content, source, `secret ${JSON.stringify(name)}`, mode), secret: true };
}

/** All keys in order, or those the volume names, under the paths it gives them. */
function pick(
  content: ReadonlyMap<string, Uint8Array>,
  { items, optional = false }: Source,
  whose: string,
  mode = defaultMode,
): ext.File[] {
  if (items === undefined || items.length === 0) {
    return [...content]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([path, bytes]) => create(ext.FileSchema, { path, content: bytes, mode }));
  }
  return items.flatMap((item) => {
    const bytes = content.get(item.key);
    if (bytes !== undefined) {
      return [create(ext.FileSchema, { path: item.path, content: bytes, mode: item.mode ?? mode })];
    }
    if (optional) return [];
    throw new RenderError("FailedMount", `${whose} references non-existent key: ${item.key}`);
  });
}

function downwardFiles(
  pod: Pod,
  items: readonly DownwardApiFile[],
  mode = defaultMode,
  sources: Sources,
): Files {
  const files = items.map((item) => {
    let text = "";
    if (item.fieldRef !== undefined) {
      const field = fieldOf(pod, item.fieldRef.fieldPath);
      if ("onNode" in field) {
        throw new RenderError("FailedMount", `fieldPath ${field.onNode} cannot be used in a volume`);
      }
      text = field.value;
    } else if (item.resourceFieldRef !== undefined) {
      text = resourceOf(pod, undefined, item.resourceFieldRef, sources.node);
    }
    return create(ext.FileSchema, {
      path: item.path,
      content: Buffer.from(text, "utf8"),
      mode: item.mode ?? mode,
    });
  });
  return { files, secret: false };
}

function tokenFiles(
  pod: Pod,
  asked: NonNullable<ProjectedPart["serviceAccountToken"]>,
  mode = defaultMode,
  sources: Sources,
): Files {
  // Nobody asked for it, mostly: a Pod runs without a token on a box that could not open one.
  if (!sources.canSeal) return { files: [], secret: false };
  const { token, renewAt } = sources.accountToken(pod, asked);
  const file = create(ext.FileSchema, { path: asked.path, content: Buffer.from(token, "utf8"), mode });
  return { files: [file], secret: true, renewAt };
}

function renewing(renewAt: Instant | undefined): Pick<Files, "renewAt"> {
  return renewAt === undefined ? {} : { renewAt };
}

/** Of two projected files with one path the later wins. */
function lastOfEachPath(files: readonly ext.File[]): ext.File[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}
