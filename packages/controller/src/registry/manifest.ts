import { digestPattern } from "./routes.ts";

/** What a registry reads of a manifest: what it needs, what it is about. */
export interface ManifestContent {
  readonly mediaType: string | undefined;
  /** Config and layers: must be in the repository before the manifest. */
  readonly blobs: readonly string[];
  /** Of an index. They may come later, or never: an index may be sparse. */
  readonly manifests: readonly string[];
  readonly subject: string | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** As in a list of referrers. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export class ManifestError extends Error {
  override name = "ManifestError";
}

export function parseManifest(bytes: Uint8Array): ManifestContent {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ManifestError("the manifest is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ManifestError("the manifest is not a JSON object");
  }
  const manifest = value as Record<string, unknown>;
  if (manifest["schemaVersion"] !== 2) throw new ManifestError("schemaVersion: must be 2");
  const config = manifest["config"] === undefined ? [] : [digestIn(manifest["config"], "config")];
  const artifactType = textIn(manifest["artifactType"]);
  const configType = textIn((manifest["config"] as { mediaType?: unknown } | undefined)?.mediaType);
  return {
    mediaType: textIn(manifest["mediaType"]),
    blobs: [...config, ...digestsIn(manifest["layers"], "layers")],
    manifests: digestsIn(manifest["manifests"], "manifests"),
    subject: manifest["subject"] === undefined ? undefined : digestIn(manifest["subject"], "subject"),
    // The specification: without an artifactType of its own, the type of its config is what it is.
    artifactType: artifactType ?? configType,
    annotations: manifest["annotations"] as Record<string, string> | undefined,
  };
}

export function describe(
  digest: string,
  size: number,
  mediaType: string,
  { artifactType, annotations }: ManifestContent,
): Descriptor {
  return {
    ...{ mediaType, digest, size },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function digestsIn(value: unknown, field: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ManifestError(`${field}: must be a list`);
  return value.map((item, index) => digestIn(item, `${field}[${index}]`));
}

function digestIn(value: unknown, field: string): string {
  const digest = (value as { digest?: unknown } | null)?.digest;
  if (typeof digest === "string" && digestPattern.test(digest)) return digest;
  throw new ManifestError(`${field}.digest: must be sha256: and 64 hexadecimal digits`);
}
