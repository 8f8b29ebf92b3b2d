import type { ContentSpec, Datastore } from "../desired.ts";
import type { Disk } from "../host/disk.ts";
import { type HttpClient, HttpError } from "../host/http.ts";
import { ContentFiles } from "./content-files.ts";
import type { StoredContent } from "./content-plan.ts";
import { BadImageError, type ImageBuilder } from "./image-builder.ts";
import type { Progress } from "./progress.ts";
import { refusal, SourceError } from "./registry-client.ts";

interface Parts {
  readonly disk: Disk;
  readonly http: HttpClient;
  readonly images: ImageBuilder;
}

const answerMs = 60_000;
/** When the configuration sets no size, nothing larger than this is taken from a plain web server. */
const bytesMaxDefault = 64 * 2 ** 30;

/**
 * A disk image from a plain web server, resumed after a cut and checked against the hash the configuration
 * names.
 */
export async function fetchFile(
  parts: Parts,
  spec: ContentSpec,
  datastore: Datastore,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<StoredContent> {
  if (spec.format === "container") throw new BadImageError("a container image comes from a registry");
  if (!/^[0-9a-f]{64}$/.test(spec.sha256))
    throw new BadImageError("sha256 is missing: a file from a web server is taken only by its hash");
  const { disk, images } = parts;
  const partial = ContentFiles.partial(spec.sha256);
  await download(parts, spec, datastore, partial, report, signal);
  report({ phase: "building" });
  const found = await images.sha256(partial, signal);
  if (found !== spec.sha256) {
    await disk.remove(partial);
    throw new SourceError(`${spec.url}: what arrived has sha256:${found}, not sha256:${spec.sha256}`);
  }
  const path = ContentFiles.image(spec.sha256, "img");
  await disk.sync(partial);
  await disk.rename(partial, path);
  const digest = `sha256:${spec.sha256}`;
  const stored: StoredContent = {
    hash: spec.sha256,
    path,
    digest,
    imageId: `${spec.url}@${digest}`,
    sizeBytes: (await disk.size(path)) ?? 0,
    config: null,
  };
  await new ContentFiles(disk).store(stored);
  return stored;
}

async function download(
  parts: Parts,
  spec: ContentSpec,
  datastore: Datastore,
  partial: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const { disk, http } = parts;
  const bytesMax = spec.maxSizeBytes > 0 ? spec.maxSizeBytes : bytesMaxDefault;
  let have = (await disk.size(partial)) ?? 0;
  const credentials = await datastore.credentials();
  const response = await http.send({
    method: "GET",
    url: fileUrl(spec, datastore),
    headers: {
      ...(have > 0 ? { range: `bytes=${have}-` } : {}),
      ...(credentials === undefined
        ? {}
        : { authorization: `Basic ${btoa(`${credentials.user}:${credentials.password}`)}` }),
    },
    ...(datastore.certificates.length === 0
      ? {}
      : { certificates: datastore.certificates, systemRoots: true }),
    timeoutMs: answerMs,
    signal,
  });
  // Asked to go on after the last byte, a server says the range cannot be had: everything is here already.
  if (response.status === 416 && have > 0) return;
  if (response.status !== 200 && response.status !== 206) throw await refusal(response, spec.url);
  if (response.status === 200 && have > 0) {
    await disk.remove(partial);
    have = 0;
  }
  const total = have + Number(response.headers["content-length"] ?? 0);
  for await (const chunk of response.body) {
    have += chunk.length;
    if (have > bytesMax) {
      await disk.remove(partial);
      throw new BadImageError(`${spec.url} is larger than ${bytesMax} bytes`);
    }
    await disk.append(partial, chunk);
    report({ phase: "downloading", bytes: have, total: Math.max(total, have) });
  }
  if (have < total) throw new HttpError(`${spec.url} ended after ${have} of ${total} bytes`);
}

function fileUrl(spec: ContentSpec, datastore: Datastore): string {
  const base = /^https?:\/\//.test(datastore.fqdn) ? datastore.fqdn : `${datastore.type}://${datastore.fqdn}`;
  const path = [datastore.path, spec.url].map((part) => part.replace(/^\/+|\/+$/g, "")).filter(Boolean);
  return `${base.replace(/\/+$/, "")}/${path.join("/")}`;
}
