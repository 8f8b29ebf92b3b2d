import type { Clock } from "@selvedge/base";
import type { ContentSpec, Datastore } from "../desired.ts";
import { type Disk, DiskFullError } from "../host/disk.ts";
import { HttpError } from "../host/http.ts";
import { ContentFiles } from "./content-files.ts";
import type { StoredContent } from "./content-plan.ts";
import type { FetchSettings } from "./fetch-settings.ts";
import { type FileSource, fileSource, type SourceParts } from "./file-source.ts";
import { BadImageError, type ImageBuilder } from "./image-builder.ts";
import type { Progress } from "./progress.ts";
import { SourceError } from "./registry-client.ts";
import { whileMoving } from "./stall.ts";

export interface FileParts extends SourceParts {
  readonly disk: Disk;
  readonly images: ImageBuilder;
  readonly clock: Clock;
  readonly settings: () => FetchSettings;
}

/** When the configuration sets no size, nothing larger than this is taken. */
const bytesMaxDefault = 64 * 2 ** 30;
/** A line that breaks again and again still makes way as long as bytes arrive; this bounds one attempt. */
const cutsMax = 50;
/** Kept free for the engine's own records, whatever the images want. */
const reserveBytes = 64 * 2 ** 20;

/** A disk image from any datastore that is no registry, checked against the hash that the configuration names. */
export async function fetchFile(
  parts: FileParts,
  spec: ContentSpec,
  datastore: Datastore,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<StoredContent> {
  if (spec.format === "container") throw new BadImageError("a container image comes from a registry");
  if (!/^[0-9a-f]{64}$/.test(spec.sha256))
    throw new BadImageError("sha256 is missing: a file is taken only by its hash");
  const { disk, images } = parts;
  const partial = ContentFiles.partial(spec.sha256);
  const source = await fileSource(parts, spec, datastore);
  for (let refetches = 0; ; refetches++) {
    await download(parts, source, spec, partial, report, signal);
    report({ phase: "building" });
    const found = await images.sha256(partial, signal);
    if (found === spec.sha256) break;
    await disk.remove(partial);
    if (refetches < parts.settings().refetches) continue;
    throw new SourceError(`${spec.url}: what arrived has sha256:${found}, not sha256:${spec.sha256}`);
  }
  const path = ContentFiles.image(spec.sha256, "img");
  await disk.sync(partial);
  await disk.rename(partial, path);
  const digest = `sha256:${spec.sha256}`;
  const sizeBytes = (await disk.size(path)) ?? 0;
  const stored: StoredContent = {
    hash: spec.sha256,
    path,
    digest,
    imageId: `${spec.url}@${digest}`,
    sizeBytes,
    config: null,
    components: [{ hash: spec.sha256, bytes: sizeBytes }],
  };
  await new ContentFiles(disk).store(stored);
  return stored;
}

/** Until all bytes are there, going on after each cut for as long as every attempt brings something. */
async function download(
  { disk, clock, settings }: FileParts,
  source: FileSource,
  spec: ContentSpec,
  partial: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let cuts = 0; ; cuts++) {
    const before = (await disk.size(partial)) ?? 0;
    try {
      return await whileMoving(clock, settings().stalled, signal, async (inner, moved) => {
        const move = (progress: Progress): void => {
          moved();
          report(progress);
        };
        await attempt(disk, source, spec, partial, move, inner);
      });
    } catch (error) {
      const moved = ((await disk.size(partial)) ?? 0) > before;
      if (signal.aborted || !(error instanceof HttpError) || !moved || cuts >= cutsMax) throw error;
    }
  }
}

async function attempt(
  disk: Disk,
  source: FileSource,
  spec: ContentSpec,
  partial: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const bytesMax = spec.maxSizeBytes > 0 ? spec.maxSizeBytes : bytesMaxDefault;
  let have = (await disk.size(partial)) ?? 0;
  const { offset, total, body } = await source.open(have, signal);
  if (offset !== have) {
    await disk.remove(partial);
    have = offset;
  }
  const tooLarge = (bytes: number): BadImageError =>
    new BadImageError(`${spec.url} has ${bytes} bytes, ${bytesMax} are allowed`);
  if (total !== undefined && total > bytesMax) throw tooLarge(total);
  if (total !== undefined) await needRoom(disk, total - have);
  // An empty file is a file, too.
  if (have === 0) await disk.append(partial, new Uint8Array());
  for await (const chunk of body) {
    have += chunk.length;
    if (have > bytesMax) {
      await disk.remove(partial);
      throw tooLarge(have);
    }
    await disk.append(partial, chunk);
    report({ phase: "downloading", bytes: have, total: Math.max(total ?? 0, have) });
  }
  if (total !== undefined && have < total)
    throw new HttpError(`${spec.url} ended after ${have} of ${total} bytes`);
}

async function needRoom(disk: Disk, bytes: number): Promise<void> {
  const { bytes: free } = await disk.free();
  if (free < bytes + reserveBytes) throw new DiskFullError(`the file needs ${bytes} bytes, ${free} are free`);
}
