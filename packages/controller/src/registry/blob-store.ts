import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, truncate, utimes } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Clock } from "@selvedge/base";
import { exists, list, orMissing, sizeOf, syncFile, text, writeDurable } from "./durable-files.ts";
import { type Descriptor, describe, type ManifestContent } from "./manifest.ts";
import { digestPattern, isRepository } from "./routes.ts";

export interface Manifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** Somebody else is writing to the same upload. */
export class UploadBusyError extends Error {
  override name = "UploadBusyError";
}

export class DigestMismatchError extends Error {
  override name = "DigestMismatchError";
}

export class TooLargeError extends Error {
  override name = "TooLargeError";
}

export class RangeMismatchError extends Error {
  override name = "RangeMismatchError";
  readonly size: number;

  constructor(size: number) {
    super(`the upload has ${size} bytes; go on from there`);
    this.size = size;
  }
}

/** A model server's weights fit; a mistake does not fill the disk. */
const uploadMax = 32 * 2 ** 30;

/**
 * The registry's folder. A blob is there once under its digest; a repository links what was pushed or
 * mounted to it.
 *
 *   blobs/<hex>                         bytes, durable before anybody may see them
 *   uploads/<uuid>                      what has arrived of an upload
 *   repositories/<name>/_blobs/<hex>    link
 *   repositories/<name>/_manifests/<hex>  media type
 *   repositories/<name>/_tags/<tag>     digest
 *   repositories/<name>/_referrers/<subject hex>/<hex>  descriptor of a manifest that names the subject
 */
export class BlobStore {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #writing = new Set<string>();
  /** Digests somebody was told about since the sweep began: it must leave them. Undefined when none runs. */
  #promised: Set<string> | undefined;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** The size of a blob the repository links. */
  async holds(repository: string, digest: string): Promise<number | undefined> {
    if (!digestPattern.test(digest)) return undefined;
    this.#promised?.add(hex(digest));
    if (!(await exists(this.#link(repository, "_blobs", hex(digest))))) return undefined;
    return await sizeOf(this.#blob(digest));
  }

  /** Whoever is told "it is there" will not send it: from now on it has the grace of a new one. */
  async keep(digest: string): Promise<void> {
    const now = this.#clock.now() / 1000;
    await orMissing(utimes(this.#blob(digest), now, now));
  }

  read(digest: string, start: number, end: number): AsyncIterable<Uint8Array> {
    return createReadStream(this.#blob(digest), { start, end });
  }

  async unlink(repository: string, digest: string): Promise<void> {
    await rm(this.#link(repository, "_blobs", hex(digest)), { force: true });
  }

  /** Whether `from` had it; then the other repository has it too. */
  async mount(from: string, repository: string, digest: string): Promise<boolean> {
    if (!isRepository(from) || (await this.holds(from, digest)) === undefined) return false;
    await this.keep(digest);
    await writeDurable(this.#link(repository, "_blobs", hex(digest)), "");
    return true;
  }

  async tags(repository: string): Promise<string[] | undefined> {
    const manifests = await list(this.#link(repository, "_manifests"));
    if (manifests.length === 0) return undefined;
    return (await list(this.#link(repository, "_tags"))).toSorted();
  }

  async manifest(
    repository: string,
    reference: string,
  ): Promise<(Manifest & { digest: string }) | undefined> {
    const tagged = reference.startsWith("sha256:")
      ? reference
      : await text(this.#link(repository, "_tags", reference));
    if (tagged === undefined || !digestPattern.test(tagged)) return undefined;
    const mediaType = await text(this.#link(repository, "_manifests", hex(tagged)));
    if (mediaType === undefined) return undefined;
    return { bytes: await readFile(this.#blob(tagged)), mediaType, digest: tagged };
  }

  async putManifest(
    repository: string,
    reference: string,
    { bytes, mediaType }: Manifest,
    content: ManifestContent,
  ): Promise<string> {
    const digest = digestOf(bytes);
    const byDigest = reference.startsWith("sha256:");
    if (byDigest && reference !== digest) throw new DigestMismatchError(`the manifest has ${digest}`);
    this.#promised?.add(hex(digest));
    await writeDurable(this.#blob(digest), bytes);
    if (content.subject !== undefined) {
      const descriptor = JSON.stringify(describe(digest, bytes.length, mediaType, content));
      await writeDurable(this.#link(repository, "_referrers", hex(content.subject), hex(digest)), descriptor);
    }
    await writeDurable(this.#link(repository, "_manifests", hex(digest)), mediaType);
    if (!byDigest) await writeDurable(this.#link(repository, "_tags", reference), digest);
    return digest;
  }

  /** Manifests that name `subject`, whether or not it is there itself. */
  async referrers(repository: string, subject: string): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    for (const name of (await list(this.#link(repository, "_referrers", hex(subject)))).toSorted()) {
      const descriptor = await text(this.#link(repository, "_referrers", hex(subject), name));
      if (descriptor !== undefined) found.push(JSON.parse(descriptor) as Descriptor);
    }
    return found;
  }

  /** Deletes a tag, or by digest a manifest with all its tags. */
  async deleteManifest(repository: string, reference: string, subject?: string): Promise<boolean> {
    const byDigest = reference.startsWith("sha256:");
    const path = byDigest
      ? this.#link(repository, "_manifests", hex(reference))
      : this.#link(repository, "_tags", reference);
    if (!(await exists(path))) return false;
    await rm(path);
    if (!byDigest) return true;
    if (subject !== undefined) {
      await rm(this.#link(repository, "_referrers", hex(subject), hex(reference)), { force: true });
    }
    for (const tag of await list(this.#link(repository, "_tags"))) {
      const link = this.#link(repository, "_tags", tag);
      if ((await text(link)) === reference) await rm(link, { force: true });
    }
    return true;
  }

  async startUpload(id: string): Promise<void> {
    await writeDurable(this.#upload(id), "");
  }

  async uploadSize(id: string): Promise<number | undefined> {
    return await sizeOf(this.#upload(id));
  }

  /**
   * Adds to an upload; `start`, when the client names it, must be where the upload ends. The new size. What
   * came before the client broke off stays, to be gone on with.
   */
  async appendUpload(
    id: string,
    body: AsyncIterable<Uint8Array>,
    start: number | undefined,
  ): Promise<number> {
    if (this.#writing.has(id))
      throw new UploadBusyError("this upload is being written to; wait for the other");
    this.#writing.add(id);
    try {
      let size = (await this.uploadSize(id)) ?? 0;
      if (start !== undefined && start !== size) throw new RangeMismatchError(size);
      await using file = await open(this.#upload(id), "a");
      for await (const chunk of body) {
        if (size + chunk.length > uploadMax) {
          throw new TooLargeError(`a blob has at most ${uploadMax} bytes`);
        }
        try {
          await file.writeFile(chunk);
        } catch (error) {
          // A full disk may have taken a part of it.
          await truncate(this.#upload(id), size);
          throw error;
        }
        size += chunk.length;
      }
      return size;
    } finally {
      this.#writing.delete(id);
    }
  }

  async finishUpload(id: string, repository: string, digest: string): Promise<void> {
    const hash = createHash("sha256");
    await pipeline(createReadStream(this.#upload(id)), hash);
    const found = `sha256:${hash.digest("hex")}`;
    if (found !== digest) {
      await this.dropUpload(id);
      throw new DigestMismatchError(`what was uploaded has ${found}`);
    }
    await syncFile(this.#upload(id));
    await mkdir(join(this.#folder, "blobs"), { recursive: true });
    this.#promised?.add(hex(digest));
    await rename(this.#upload(id), this.#blob(digest));
    await syncFile(join(this.#folder, "blobs"));
    await writeDurable(this.#link(repository, "_blobs", hex(digest)), "");
  }

  async dropUpload(id: string): Promise<void> {
    await rm(this.#upload(id), { force: true });
  }

  /** What a sweep needs to know, and what it must not touch. */
  get paths(): { readonly blobs: string; readonly uploads: string; readonly repositories: string } {
    const at = (name: string): string => join(this.#folder, name);
    return { blobs: at("blobs"), uploads: at("uploads"), repositories: at("repositories") };
  }

  /** Runs a sweep; `isPromised` tells of digests clients were told about since it began. One at a time. */
  async sweeping<T>(work: (isPromised: (hex: string) => boolean) => Promise<T>): Promise<T | undefined> {
    if (this.#promised !== undefined) return undefined;
    const promised = new Set<string>();
    this.#promised = promised;
    try {
      return await work((name) => promised.has(name));
    } finally {
      this.#promised = undefined;
    }
  }

  #blob(digest: string): string {
    return join(this.#folder, "blobs", hex(digest));
  }

  #upload(id: string): string {
    return join(this.#folder, "uploads", id);
  }

  #link(repository: string, ...parts: string[]): string {
    return join(this.#folder, "repositories", repository, ...parts);
  }
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
