/** What an image says about how to run it, and the documents that hold it: pure. */
import { createHash } from "node:crypto";
import { UsageError } from "../io.ts";

export interface RunConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As OCI says it: amd64, arm64. */
  readonly architecture: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A layer as it is stored, and the digest of its tar before compression, which the config lists. */
export interface PackedLayer extends Descriptor {
  readonly diffId: string;
}

export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** Says "latest" in an OCI layout's index. */
export const refNameAnnotation = "org.opencontainers.image.ref.name";

/** Refuses what a container runtime would refuse later, with the option that is wrong. */
export function checkRunConfig(config: RunConfig): void {
  for (const entry of config.env) {
    if (!/^[^=\s]+=/.test(entry)) throw new UsageError(`--env ${JSON.stringify(entry)}: write NAME=VALUE`);
  }
  if (config.workingDir !== "" && !config.workingDir.startsWith("/")) {
    throw new UsageError(
      `--workdir ${JSON.stringify(config.workingDir)}: write an absolute path inside the image`,
    );
  }
  if (!/^[\w.-]*(?::[\w.-]+)?$/.test(config.user)) {
    throw new UsageError(`--user ${JSON.stringify(config.user)}: write USER or USER:GROUP, names or numbers`);
  }
  if (config.architecture !== "amd64" && config.architecture !== "arm64") {
    throw new UsageError(`--arch ${JSON.stringify(config.architecture)}: amd64 or arm64`);
  }
}

/** Equal input gives equal bytes: no date, no host name. */
export function encodeConfig(run: RunConfig, layers: readonly PackedLayer[]): Uint8Array {
  const { entrypoint, cmd, env, user, workingDir, labels, architecture } = run;
  return encode({
    architecture,
    os: "linux",
    config: {
      ...(user === "" ? {} : { User: user }),
      ...(env.length === 0 ? {} : { Env: env }),
      ...(entrypoint.length === 0 ? {} : { Entrypoint: entrypoint }),
      ...(cmd.length === 0 ? {} : { Cmd: cmd }),
      ...(workingDir === "" ? {} : { WorkingDir: workingDir }),
      ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }),
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
}

export function encodeManifest(config: Descriptor, layers: readonly PackedLayer[]): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  });
}

export function encodeIndex(manifest: Descriptor): Uint8Array {
  return encode({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [manifest] });
}

export function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return {
    mediaType,
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    size: bytes.length,
  };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
