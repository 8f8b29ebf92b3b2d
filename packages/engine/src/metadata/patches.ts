import { createHash } from "node:crypto";
import type { AppId, DesiredState, PatchArtifact, PatchSpec } from "../desired.ts";
import { metadataAddress } from "../network/metadata-address.ts";
import type { ContentStatus, PatchStatus } from "../observed.ts";

/** An artifact that an app can have now. */
export interface ReadyArtifact {
  readonly file: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly fileMeta: string;
  readonly artifactMeta: string;
  /** Text as it came, base64 for whoever asked for it, or a file of the node. */
  readonly data: { readonly text: string } | { readonly path: string };
}

/** What is known of one envelope: its artifacts as far as they are here, and how it stands. */
export interface PatchView {
  readonly spec: PatchSpec;
  readonly ready: readonly ReadyArtifact[];
  readonly waiting: readonly Extract<PatchArtifact, { kind: "volume" }>[];
  readonly status: PatchStatus;
}

export function viewPatch(
  spec: PatchSpec,
  artifacts: readonly PatchArtifact[],
  faults: readonly string[],
  desired: DesiredState,
  contentOf: (id: string) => ContentStatus | undefined,
): PatchView {
  const ready: ReadyArtifact[] = [];
  const waiting: Extract<PatchArtifact, { kind: "volume" }>[] = [];
  const errors = [...faults];
  let furthest: PatchStatus["state"] = spec.active ? "active" : "ready";
  for (const artifact of artifacts) {
    if (artifact.kind === "sealed") continue;
    if (artifact.kind === "inline") {
      ready.push(inlineArtifact(artifact));
      continue;
    }
    waiting.push(artifact);
    const volume = desired.volumes.find(({ id }) => id === artifact.volumeId);
    const content = volume?.contentId === undefined ? undefined : contentOf(volume.contentId);
    if (volume === undefined) errors.push(`${artifact.file}: no volume has uuid ${artifact.volumeId}`);
    else if (content?.phase === "failed") errors.push(`${artifact.file}: ${content.message}`);
    else if (content?.phase === "ready")
      ready.push({
        ...{ file: artifact.file, fileMeta: artifact.fileMeta, artifactMeta: artifact.artifactMeta },
        // Of what comes from a registry, the digest is the manifest's; the file is its one layer.
        sha256: content.components?.at(-1)?.hash ?? content.digest.replace(/^sha256:/, ""),
        ...{ sizeBytes: content.sizeBytes, data: { path: content.path } },
      });
    else furthest = content?.phase === "downloading" ? "downloading" : "received";
  }
  const state = errors.length > 0 ? "error" : furthest;
  const sizeBytes = ready.reduce((sum, it) => sum + it.sizeBytes, 0);
  return {
    spec,
    ready,
    waiting,
    status: { name: spec.name, version: spec.version, state, sizeBytes, errors },
  };
}

function inlineArtifact(artifact: Extract<PatchArtifact, { kind: "inline" }>): ReadyArtifact {
  return {
    ...{ file: artifact.file, fileMeta: artifact.fileMeta, artifactMeta: artifact.artifactMeta },
    sha256: createHash("sha256").update(artifact.base64).digest("hex"),
    ...{ sizeBytes: Buffer.byteLength(artifact.base64), data: { text: artifact.base64 } },
  };
}

/** As EVE tells an app of it, key by key. */
export function describePatch({ spec, ready, waiting }: PatchView): object {
  const blobs = ready.map((it) => ({
    artifactMetaData: it.artifactMeta,
    encArtifactMeta: {},
    fileMetaData: it.fileMeta,
    fileName: it.file,
    fileSha: it.sha256,
    size: it.sizeBytes,
    url: `http://${metadataAddress}/eve/v1/patch/download/${spec.id}/${it.file}`,
  }));
  const refs = waiting.map((it) => ({
    artifactMetaData: it.artifactMeta,
    encArtifactMeta: {},
    fileMetaData: it.fileMeta,
    fileName: it.file,
    imageId: it.volumeId,
    imageName: it.imageName,
  }));
  return {
    PatchID: spec.id,
    Version: spec.version,
    BinaryBlobs: blobs.length === 0 ? null : blobs,
    VolumeRefs: refs.length === 0 ? null : refs,
  };
}

/** How often each app asked for each envelope, since the engine began. */
export class PatchUsage {
  readonly #counts = new Map<string, { readonly asked: number; readonly downloaded: number }>();

  count(app: AppId, patch: PatchSpec, what: "asked" | "downloaded"): void {
    const key = `${app} ${patch.id} ${patch.version}`;
    const before = this.#counts.get(key) ?? { asked: 0, downloaded: 0 };
    this.#counts.set(key, { ...before, [what]: before[what] + 1 });
  }

  of(app: AppId, patch: PatchSpec): { readonly asked: number; readonly downloaded: number } {
    return this.#counts.get(`${app} ${patch.id} ${patch.version}`) ?? { asked: 0, downloaded: 0 };
  }

  /** What no configuration names any more is not counted on. */
  keep(patches: readonly PatchSpec[]): void {
    const wanted = new Set(
      patches.flatMap(({ id, version, apps }) => apps.map((app) => `${app} ${id} ${version}`)),
    );
    for (const key of this.#counts.keys()) if (!wanted.has(key)) this.#counts.delete(key);
  }
}
