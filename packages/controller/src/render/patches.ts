/**
 * Patch envelopes: files for apps that run. A device takes all its envelopes or, when one makes no sense, none:
 * so one is sent whole or not at all.
 */
import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import { type cipher, patchEnvelope, storage } from "@selvedge/eve-api";
import type { PatchEnvelope, PatchFile, Pod } from "@selvedge/kinds";
import { isGoing, isOver } from "../objects/pods.ts";
import { type ImagePlan, imageOf } from "./image.ts";
import { RenderError, type RenderInputs } from "./inputs.ts";
import { stableId } from "./stable-id.ts";

type Sources = Pick<RenderInputs, "configMap" | "secret">;

/** A file's content, or where a node finds it. */
export type FileContent =
  | { readonly kind: "clear" | "secret"; readonly bytes: Uint8Array }
  | { readonly kind: "image"; readonly image: string };

export interface PatchFiles {
  readonly files: readonly { readonly file: PatchFile; readonly content: FileContent }[];
  /** Why it cannot be sent. */
  readonly faults: readonly string[];
  /** As apps see it. */
  readonly version: string;
}

/** An envelope on its way into the configuration; its secrets are still to be sealed. */
export interface PatchPlan {
  readonly uuid: string;
  /** Apps of this node that may fetch it. */
  readonly apps: readonly string[];
  /** Undefined when it cannot be sent: what the node has of it stays. */
  readonly made: MadePatch | undefined;
}

interface MadePatch {
  /** Without what is in `sealings`. */
  readonly envelope: patchEnvelope.EvePatchEnvelope;
  readonly images: readonly ImagePlan[];
  readonly volumes: readonly storage.Volume[];
  /** The place of each artifact that is sealed, by the name it is sealed under. */
  readonly sealings: ReadonlyMap<string, { readonly at: number; readonly plaintext: Uint8Array }>;
}

/** EVE's people say 10 KB; a configuration has room for some of these, and what is large is an image. */
export const fileBytesMax: number = 64 * 1024;
/** Shorter blocks a device refuses. */
const sealedBytesMin = 16;
const versionLength = 12;
const nobody = { nodeId: "", registry: { address: "", certificates: [], password: () => "" } };

const { EVE_OPAQUE_OBJECT_CATEGORY: Format, EVE_PATCH_ENVELOPE_ACTION: Action } = patchEnvelope;

/** Whether a Pod may fetch what is in an envelope. */
export function isForPod({ metadata, spec }: PatchEnvelope, pod: Pod): boolean {
  if (metadata.namespace !== pod.metadata.namespace || isOver(pod) || isGoing(pod)) return false;
  return matchesLabels(requirementsOf(spec.selector) ?? [], pod.metadata.labels);
}

/** Everything of an envelope that does not depend on the node. */
export function patchFiles(envelope: PatchEnvelope, sources: Sources): PatchFiles {
  const { metadata, spec } = envelope;
  const faults: string[] = [];
  const hash = createHash("sha256");
  const files = spec.files.flatMap((file, at) => {
    try {
      const found = contentOf(file, metadata.namespace ?? "", sources);
      // Whether its registry can be asked at all shows without a node.
      if (file.image !== undefined) fileImage(envelope, file.image, { ...sources, ...nobody });
      hash.update(JSON.stringify([file.name, file.metadata ?? "", found.mark]));
      return [{ file, content: found.content }];
    } catch (error) {
      if (!(error instanceof RenderError)) throw error;
      faults.push(`spec.files[${at}]: ${error.message}`);
      return [];
    }
  });
  return { files, faults, version: spec.version ?? hash.digest("hex").slice(0, versionLength) };
}

export function planPatches(inputs: RenderInputs): PatchPlan[] {
  return inputs.patches
    .map((envelope): PatchPlan => {
      const apps = inputs.pods.filter((pod) => isForPod(envelope, pod));
      return {
        uuid: envelope.metadata.uid ?? "",
        apps: apps.map(({ metadata }) => metadata.uid ?? "").sort(),
        made: makePatch(envelope, inputs),
      };
    })
    .filter(({ apps }) => apps.length > 0)
    .sort((left, right) => (left.uuid < right.uuid ? -1 : 1));
}

/** Undefined while a secret of it could not be sealed. */
export function finishPatch(
  { made, apps }: PatchPlan,
  sealed: ReadonlyMap<string, cipher.CipherBlock>,
): patchEnvelope.EvePatchEnvelope | undefined {
  if (made === undefined) return undefined;
  for (const [name, { at }] of made.sealings) {
    const cipherData = sealed.get(name);
    const artifact = made.envelope.artifacts[at];
    if (cipherData === undefined || artifact === undefined) return undefined;
    const value = create(patchEnvelope.EncryptedInlineOpaqueBase64DataSchema, { cipherData });
    artifact.binaryBlob = { case: "encryptedInline", value };
  }
  made.envelope.appInstIdsAllowed = [...apps];
  return made.envelope;
}

function makePatch(envelope: PatchEnvelope, inputs: RenderInputs): MadePatch | undefined {
  const { metadata, spec } = envelope;
  const uuid = metadata.uid ?? "";
  const { files, faults, version } = patchFiles(envelope, inputs);
  if (faults.length > 0) return undefined;
  const images: ImagePlan[] = [];
  const volumes: storage.Volume[] = [];
  const sealings = new Map<string, { at: number; plaintext: Uint8Array }>();
  const artifacts = files.map(({ file, content }, at) => {
    const artifact = create(patchEnvelope.EveBinaryArtifactSchema, {
      ...(file.metadata !== undefined && { artifactMetaData: file.metadata }),
    });
    if (content.kind === "image") {
      const image = fileImage(envelope, content.image, inputs);
      const volume = fileVolume(uuid, file.name, image);
      images.push(image);
      volumes.push(volume);
      const names = { imageName: content.image, fileNameToUse: file.name, imageId: volume.uuid };
      const value = create(patchEnvelope.ExternalOpaqueBinaryBlobSchema, names);
      artifact.format = Format.BINARYBLOB;
      artifact.binaryBlob = { case: "volumeRef", value };
      return artifact;
    }
    const value = create(patchEnvelope.InlineOpaqueBase64DataSchema, {
      ...{ base64Data: Buffer.from(content.bytes).toString("base64"), fileNameToUse: file.name },
    });
    artifact.format = content.kind === "secret" ? Format.SECRET : Format.BASE64;
    if (content.kind === "secret")
      sealings.set(`patch/${uuid}/${file.name}`, { at, plaintext: padded(value) });
    else artifact.binaryBlob = { case: "inline", value };
    return artifact;
  });
  const made = create(patchEnvelope.EvePatchEnvelopeSchema, {
    ...{ uuid, displayName: `${metadata.namespace}/${metadata.name}`, version, artifacts },
    action: spec.active === false ? Action.STORE : Action.ACTIVATE,
    createTime: timestampFromMs(Date.parse(metadata.creationTimestamp ?? "") || 0),
  });
  return { envelope: made, images, volumes, sealings };
}

/** What is sealed is the message itself, made long enough by a field that nobody reads. */
function padded(value: patchEnvelope.InlineOpaqueBase64Data): Uint8Array {
  const bytes = toBinary(patchEnvelope.InlineOpaqueBase64DataSchema, value);
  if (bytes.length >= sealedBytesMin) return bytes;
  const header = [(15 << 3) | 2, sealedBytesMin];
  return new Uint8Array([...bytes, ...header, ...new Uint8Array(sealedBytesMin)]);
}

/** The same artifact as a container's image would be another content: it is read as one file. */
function fileImage(
  { metadata, spec }: PatchEnvelope,
  name: string,
  inputs: Pick<RenderInputs, "secret" | "registry" | "nodeId">,
): ImagePlan {
  const user = { metadata: { namespace: metadata.namespace ?? "" }, spec: { ...pullsOf(spec) } };
  const { contentTree, datastore } = imageOf(user, name, inputs);
  const uuid = stableId(`file/${datastore.id}/${contentTree.URL}`);
  const file = create(storage.ContentTreeSchema, { ...contentTree, uuid, iformat: storage.Format.RAW });
  return { contentTree: file, datastore };
}

function pullsOf({ imagePullSecrets }: PatchEnvelope["spec"]): Pick<Pod["spec"], "imagePullSecrets"> {
  return imagePullSecrets === undefined ? {} : { imagePullSecrets };
}

function fileVolume(uuid: string, name: string, { contentTree }: ImagePlan): storage.Volume {
  return create(storage.VolumeSchema, {
    uuid: stableId(`patch/${uuid}/${name}/${contentTree.uuid}`),
    origin: {
      type: storage.VolumeContentOriginType.VCOT_DOWNLOAD,
      downloadContentTreeID: contentTree.uuid,
    },
    displayName: name,
    readonly: true,
    target: storage.Target.Disk,
  });
}

/** `mark` changes when the content does, and gives nothing secret away. */
function contentOf(
  { configMapKeyRef, secretKeyRef, image = "" }: PatchFile,
  namespace: string,
  sources: Sources,
): { readonly content: FileContent; readonly mark: string } {
  if (configMapKeyRef !== undefined) {
    const { name, key } = configMapKeyRef;
    const map = sources.configMap(namespace, name);
    const whose = `configmap ${JSON.stringify(name)}`;
    const text = map?.data?.[key];
    const base64 = map?.binaryData?.[key];
    if (text === undefined && base64 === undefined) throw missing(whose, key, map !== undefined);
    const bytes = text === undefined ? Buffer.from(base64 ?? "", "base64") : Buffer.from(text, "utf8");
    const mark = createHash("sha256")
      .update(bounded(bytes, whose, key))
      .digest("hex");
    return { content: { kind: "clear", bytes }, mark };
  }
  if (secretKeyRef === undefined) return { content: { kind: "image", image }, mark: image };
  const { name, key } = secretKeyRef;
  const secret = sources.secret(namespace, name);
  const whose = `secret ${JSON.stringify(name)}`;
  const base64 = secret?.data?.[key];
  if (secret === undefined || base64 === undefined) throw missing(whose, key, secret !== undefined);
  const bytes = bounded(Buffer.from(base64, "base64"), whose, key);
  const { uid = "", resourceVersion = "" } = secret.metadata;
  return { content: { kind: "secret", bytes }, mark: `${uid} ${resourceVersion} ${key}` };
}

function bounded(bytes: Uint8Array, whose: string, key: string): Uint8Array {
  if (bytes.length <= fileBytesMax) return bytes;
  const told = `${whose}: ${key} has ${bytes.length} bytes, a file in a configuration ${fileBytesMax} at most`;
  throw new RenderError("FailedMount", `${told}; put it into an image`);
}

function missing(whose: string, key: string, exists: boolean): RenderError {
  const message = exists ? `${whose} has no key ${JSON.stringify(key)}` : `${whose} not found`;
  return new RenderError("FailedMount", message);
}
