import type { ContentSpec, Datastore } from "../desired.ts";
import { DiskFullError } from "../host/disk.ts";
import { HttpError } from "../host/http.ts";
import { ContentFiles } from "./content-files.ts";
import type { StoredContent } from "./content-plan.ts";
import { type FileParts, fetchFile } from "./file-fetcher.ts";
import { BadImageError, type FetchedLayer } from "./image-builder.ts";
import {
  choosePlatform,
  configMax,
  type Descriptor,
  type ImageManifest,
  parseConfig,
  parseManifest,
} from "./oci.ts";
import type { Progress } from "./progress.ts";
import { type ImageReference, parseReference } from "./reference.ts";
import { RegistryClient, SourceError } from "./registry-client.ts";
import { whileMoving } from "./stall.ts";

export interface FetcherOptions extends FileParts {
  readonly files: ContentFiles;
  /** As OCI says it: amd64, arm64. */
  readonly architecture: string;
}

/** A line that breaks again and again still makes way as long as bytes arrive; this bounds one attempt. */
const cutsMax = 50;
/** Kept free for the engine's own records, whatever the images want. */
const reserveBytes = 64 * 2 ** 20;

/** Brings one content onto the disk: downloads, verifies, builds, and vouches for it with a record. */
export class Fetcher {
  readonly #options: FetcherOptions;
  /** Paths that running fetches rely on, with how many do. */
  readonly #inUse = new Map<string, number>();
  /** One writer a hash: images share layers. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  get inUse(): Iterable<string> {
    return this.#inUse.keys();
  }

  async fetch(
    spec: ContentSpec,
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<StoredContent> {
    if (spec.datastores.length === 0) throw new BadImageError("the content names no datastore");
    let failure: unknown;
    for (const datastore of spec.datastores) {
      try {
        return await this.#fetchFrom(spec, datastore, report, signal);
      } catch (error) {
        if (signal.aborted || error instanceof DiskFullError) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #fetchFrom(
    spec: ContentSpec,
    datastore: Datastore,
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<StoredContent> {
    if (datastore.type === "registry") return await this.#pull(spec, datastore, report, signal);
    const partial = ContentFiles.partial(spec.sha256);
    // One writer a file, whichever contents and datastores it is for.
    return await this.#alone(`file ${spec.sha256}`, () =>
      this.#using([partial, ...imagePaths(spec.sha256)], async () => {
        const stored = await this.#options.files.stored(spec.sha256);
        if (stored !== undefined && spec.sha256 !== "") return stored;
        return await fetchFile(this.#options, spec, datastore, report, signal);
      }),
    );
  }

  async #pull(
    spec: ContentSpec,
    datastore: Datastore,
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<StoredContent> {
    const { files, http } = this.#options;
    const reference = parseReference(spec, datastore);
    const credentials = await datastore.credentials();
    const client = new RegistryClient({ http, credentials, certificates: datastore.certificates }, reference);
    const { manifest, digest } = await this.#resolve(client, reference, signal);
    const hash = hexOf(digest);
    return await this.#alone(hash, async () => {
      const stored = await files.stored(hash);
      if (stored !== undefined) return { ...stored, imageId: `${reference.fullName}@${digest}` };
      return await this.#download(spec, client, reference, { manifest, digest }, report, signal);
    });
  }

  async #resolve(
    client: RegistryClient,
    reference: ImageReference,
    signal: AbortSignal,
  ): Promise<{ manifest: ImageManifest; digest: string }> {
    let { bytes, digest } = await client.manifest(reference.digest ?? reference.tag ?? "latest", signal);
    let manifest = parseManifest(bytes);
    if (manifest.kind === "index") {
      const chosen = choosePlatform(manifest, this.#options.architecture);
      ({ bytes, digest } = await client.manifest(chosen.digest, signal));
      manifest = parseManifest(bytes);
    }
    if (manifest.kind === "index") throw new BadImageError("an index inside an index is not an image");
    return { manifest, digest };
  }

  async #download(
    spec: ContentSpec,
    client: RegistryClient,
    reference: ImageReference,
    image: { manifest: ImageManifest; digest: string },
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<StoredContent> {
    const { disk, files, images } = this.#options;
    const { config, layers } = image.manifest;
    if (config.size > configMax)
      throw new BadImageError(`the image's config is larger than ${configMax} bytes`);
    const total = layers.reduce((sum, layer) => sum + layer.size, config.size);
    if (spec.maxSizeBytes > 0 && total > spec.maxSizeBytes)
      throw new BadImageError(`the image has ${total} bytes, ${spec.maxSizeBytes} are allowed`);
    await this.#needRoom(total);
    const hash = hexOf(image.digest);
    const paths = [config, ...layers].flatMap((item) => {
      const blob = hexOf(item.digest);
      return [ContentFiles.blob(blob), ContentFiles.partial(blob)];
    });
    return await this.#using([...paths, ...imagePaths(hash), ContentFiles.temporary(hash)], async () => {
      let before = 0;
      for (const item of [config, ...layers]) {
        const done = before;
        await this.#blob(
          client,
          item,
          (bytes) => report({ phase: "downloading", bytes: done + bytes, total }),
          signal,
        );
        before += item.size;
      }
      report({ phase: "building" });
      const container = spec.format === "container";
      const target = ContentFiles.image(hash, container ? "sqfs" : "img");
      if (container) {
        const temporary = ContentFiles.temporary(hash);
        await disk.remove(temporary);
        await images.build(layers.map(fetched), temporary, signal);
        await disk.sync(temporary);
        await disk.remove(target);
        await disk.rename(temporary, target);
      } else {
        const [only, ...others] = layers;
        if (only === undefined || others.length > 0)
          throw new BadImageError("a disk image in a registry is an artifact of exactly one layer");
        await disk.rename(ContentFiles.blob(hexOf(only.digest)), target);
      }
      const stored: StoredContent = {
        hash,
        path: target,
        digest: image.digest,
        imageId: `${reference.fullName}@${image.digest}`,
        sizeBytes: (await disk.size(target)) ?? 0,
        config: container ? parseConfig(await this.#bytes(config)) : null,
        components: [config, ...layers].map((it) => ({ hash: hexOf(it.digest), bytes: it.size })),
      };
      await files.store(stored);
      return stored;
    });
  }

  async #bytes(item: Descriptor): Promise<Uint8Array> {
    const bytes = await this.#options.disk.read(ContentFiles.blob(hexOf(item.digest)));
    if (bytes === undefined) throw new Error(`blob ${item.digest} is gone`);
    return bytes;
  }

  async #blob(
    client: RegistryClient,
    item: Descriptor,
    report: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { disk, images, settings } = this.#options;
    const hash = hexOf(item.digest);
    const [final, partial] = [ContentFiles.blob(hash), ContentFiles.partial(hash)];
    await this.#alone(`blob ${hash}`, async () => {
      if ((await disk.size(final)) === item.size) return report(item.size);
      for (let refetches = 0; ; refetches++) {
        await this.#complete(client, item, partial, report, signal);
        const found = await images.sha256(partial, signal);
        if (found === hash) break;
        await disk.remove(partial);
        if (refetches >= settings().refetches)
          throw new SourceError(`blob ${item.digest}: what arrived has sha256:${found}`);
      }
      await disk.sync(partial);
      await disk.rename(partial, final);
    });
  }

  /**
   * Downloads until all bytes are there, resuming after each cut for as long as every attempt brings
   * something.
   */
  async #complete(
    client: RegistryClient,
    item: Descriptor,
    partial: string,
    report: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { disk, clock, settings } = this.#options;
    if (item.size === 0) return await disk.writeDurable(partial, new Uint8Array());
    for (let cuts = 0; ; cuts++) {
      const start = (await disk.size(partial)) ?? 0;
      if (start === item.size) return;
      try {
        return await whileMoving(clock, settings().stalled, signal, async (inner, moved) => {
          const move = (bytes: number): void => {
            moved();
            report(bytes);
          };
          await this.#attempt(client, item, partial, move, inner);
        });
      } catch (error) {
        const moved = ((await disk.size(partial)) ?? 0) > start;
        if (signal.aborted || !(error instanceof HttpError) || !moved || cuts >= cutsMax) throw error;
      }
    }
  }

  async #attempt(
    client: RegistryClient,
    item: Descriptor,
    partial: string,
    report: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { disk } = this.#options;
    let have = (await disk.size(partial)) ?? 0;
    const { offset, body } = await client.blob(item.digest, have, signal);
    if (offset !== have) {
      await disk.remove(partial);
      have = 0;
    }
    for await (const chunk of body) {
      have += chunk.length;
      if (have > item.size) {
        await disk.remove(partial);
        throw new SourceError(`blob ${item.digest} is longer than its ${item.size} bytes`);
      }
      await disk.append(partial, chunk);
      report(have);
    }
    if (have < item.size)
      throw new HttpError(`blob ${item.digest} ended after ${have} of ${item.size} bytes`);
  }

  async #needRoom(bytes: number): Promise<void> {
    const { bytes: free } = await this.#options.disk.free();
    if (free < bytes + reserveBytes)
      throw new DiskFullError(`the image needs ${bytes} bytes, ${free} are free`);
  }

  async #using<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const path of paths) this.#inUse.set(path, (this.#inUse.get(path) ?? 0) + 1);
    try {
      return await work();
    } finally {
      for (const path of paths) {
        const left = (this.#inUse.get(path) ?? 1) - 1;
        if (left === 0) this.#inUse.delete(path);
        else this.#inUse.set(path, left);
      }
    }
  }

  async #alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#busy.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(key) === mine) this.#busy.delete(key);
    }
  }
}

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

function imagePaths(hash: string): string[] {
  return [ContentFiles.image(hash, "sqfs"), ContentFiles.image(hash, "img")];
}

function fetched(layer: Descriptor): FetchedLayer {
  return { path: ContentFiles.blob(hexOf(layer.digest)), mediaType: layer.mediaType };
}
