/** Patch envelopes → PatchSpecs. Pure. What makes no sense in one is a fault of it alone. */
import { toBinary } from "@bufbuild/protobuf";
import { cipher, type config, patchEnvelope } from "@selvedge/eve-api";
import type { AppId, PatchArtifact, PatchSpec, VolumeId } from "../desired.ts";
import { isUuid } from "./config-fault.ts";

type Envelope = config.EdgeDevConfig["patchEnvelopes"][number];
type Artifact = Envelope["artifacts"][number];

export function translatePatches({ patchEnvelopes }: config.EdgeDevConfig): PatchSpec[] {
  const patches = new Map<string, PatchSpec>();
  for (const [at, item] of patchEnvelopes.entries()) {
    const field = `patchEnvelopes[${at}]`;
    const faults: string[] = [];
    const id = item.uuid.toLowerCase();
    if (!isUuid(id)) faults.push(`${field}.uuid: ${JSON.stringify(item.uuid)} is not a UUID`);
    if (patches.has(id)) faults.push(`${field}.uuid: another envelope has it`);
    const artifacts = item.artifacts.flatMap((artifact, place): PatchArtifact[] => {
      const translated = translateArtifact(artifact, `${field}.artifacts[${place}]`);
      if (typeof translated !== "string") return [translated];
      faults.push(translated);
      return [];
    });
    patches.set(id, {
      ...{ id, name: item.displayName, version: item.version ?? "", artifacts, faults },
      active: item.action === patchEnvelope.EVE_PATCH_ENVELOPE_ACTION.ACTIVATE,
      apps: item.appInstIdsAllowed.map((app) => app.toLowerCase() as AppId),
    });
  }
  return [...patches.values()];
}

/** The artifact, or why it is none. */
function translateArtifact(artifact: Artifact, field: string): PatchArtifact | string {
  const found = translateData(artifact, field);
  const { metadataCipherData: sealed } = artifact;
  if (typeof found === "string" || sealed === undefined) return found;
  return { ...found, sealedMeta: toBinary(cipher.CipherBlockSchema, sealed).toBase64() };
}

function translateData(
  { binaryBlob, artifactMetaData = "" }: Artifact,
  field: string,
): PatchArtifact | string {
  switch (binaryBlob.case) {
    case "inline":
      return inlineArtifact(binaryBlob.value, artifactMetaData, field);
    case "volumeRef":
      return volumeArtifact(binaryBlob.value, artifactMetaData, field);
    case "encryptedInline":
    case "encryptedVolumeref": {
      const { cipherData } = binaryBlob.value;
      if (cipherData === undefined) return `${field}: has no cipher_data`;
      const block = toBinary(cipher.CipherBlockSchema, cipherData).toBase64();
      const of = binaryBlob.case === "encryptedInline" ? "inline" : "volume";
      return { kind: "sealed", of, block, artifactMeta: artifactMetaData };
    }
    default:
      return `${field}: has neither inline data nor a volume`;
  }
}

export function inlineArtifact(
  { base64Data, fileNameToUse, base64MetaData = "" }: patchEnvelope.InlineOpaqueBase64Data,
  artifactMeta: string,
  field: string,
): PatchArtifact | string {
  if (!isFileName(fileNameToUse)) return `${field}: ${JSON.stringify(fileNameToUse)} is not a file name`;
  return { kind: "inline", file: fileNameToUse, base64: base64Data, fileMeta: base64MetaData, artifactMeta };
}

export function volumeArtifact(
  { imageId, imageName, fileNameToUse = "", blobMetaData = "" }: patchEnvelope.ExternalOpaqueBinaryBlob,
  artifactMeta: string,
  field: string,
): PatchArtifact | string {
  const volumeId = imageId.toLowerCase() as VolumeId;
  if (!isUuid(volumeId)) return `${field}.imageId: ${JSON.stringify(imageId)} is not a UUID`;
  const file = fileNameToUse || imageName;
  if (!isFileName(file)) return `${field}: ${JSON.stringify(file)} is not a file name`;
  return { kind: "volume", file, volumeId, imageName, fileMeta: blobMetaData, artifactMeta };
}

/** It becomes part of an address and a name in an archive. */
function isFileName(name: string): boolean {
  return name !== "" && name.length <= 255 && !/[/\\\0]/.test(name) && name !== "." && name !== "..";
}
