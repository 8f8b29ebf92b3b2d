import type { ImageConfig } from "../observed.ts";
import { BadImageError } from "./image-builder.ts";

/** What we read of an OCI or Docker manifest, checked at the door. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface ImageManifest {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex {
  readonly kind: "index";
  readonly manifests: readonly (Descriptor & { readonly os: string; readonly architecture: string })[];
}

/** What the specification recommends registries to take at least; nobody sends more. */
export const manifestMax: number = 4 * 2 ** 20;
export const configMax: number = 4 * 2 ** 20;
/** Docker's own limit is 127. */
const layersMax = 128;

export const manifestTypes: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

export function parseManifest(bytes: Uint8Array): ImageManifest | ImageIndex {
  const value = parseJson(bytes, "manifest");
  if (Array.isArray(value["manifests"])) {
    return {
      kind: "index",
      manifests: value["manifests"].map((item, at) => {
        const platform = record(
          (item as Record<string, unknown>)["platform"] ?? {},
          `manifests[${at}].platform`,
        );
        return {
          ...parseDescriptor(item, `manifests[${at}]`),
          os: text(platform["os"]),
          architecture: text(platform["architecture"]),
        };
      }),
    };
  }
  if (!Array.isArray(value["layers"])) throw new BadImageError("the manifest has no layers");
  if (value["layers"].length > layersMax)
    throw new BadImageError(`the manifest has more than ${layersMax} layers`);
  return {
    kind: "image",
    config: parseDescriptor(value["config"], "config"),
    layers: value["layers"].map((item, at) => parseDescriptor(item, `layers[${at}]`)),
  };
}

export function parseConfig(bytes: Uint8Array): ImageConfig {
  const value = parseJson(bytes, "config");
  const config = record(value["config"] ?? {}, "config.config");
  const stopSignal = text(config["StopSignal"]);
  return {
    architecture: text(value["architecture"]),
    user: text(config["User"]),
    env: texts(config["Env"]),
    entrypoint: texts(config["Entrypoint"]),
    cmd: texts(config["Cmd"]),
    workingDir: text(config["WorkingDir"]),
    stopSignal: stopSignal === "" ? undefined : stopSignal,
    volumes: Object.keys(record(config["Volumes"] ?? {}, "config.Volumes")),
  };
}

/** The image for our machine; an index of one image without a platform means that one. */
export function choosePlatform(index: ImageIndex, architecture: string): Descriptor {
  const chosen = index.manifests.find((item) => item.os === "linux" && item.architecture === architecture);
  if (chosen !== undefined) return chosen;
  const [only, ...others] = index.manifests;
  if (only !== undefined && others.length === 0 && only.architecture === "") return only;
  const offered = index.manifests.map((item) => `${item.os}/${item.architecture}`).join(", ");
  throw new BadImageError(`no match for platform linux/${architecture}; the image offers ${offered}`);
}

function parseDescriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size } = record(value, where);
  if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new BadImageError(`${where}.digest is not sha256:<64 hex digits>`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw new BadImageError(`${where}.size is not a size`);
  return { mediaType: text(mediaType), digest, size };
}

function parseJson(bytes: Uint8Array, what: string): Record<string, unknown> {
  try {
    return record(JSON.parse(new TextDecoder().decode(bytes)), what);
  } catch (error) {
    if (error instanceof BadImageError) throw error;
    throw new BadImageError(`the ${what} is not JSON`, { cause: error });
  }
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new BadImageError(`${where} is not an object`);
  return value as Record<string, unknown>;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
