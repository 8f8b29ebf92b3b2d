import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { digestPattern, isRepository } from "./routes.ts";

export interface Manifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
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
 * The registry's folder. A blob is there once under its digest; a repository links what was pushed or mounted to it.
 *
 *   blobs/<hex>                         bytes, durable before anybody may see them
 *   uploads/<uuid>                      what has arrived of an upload
 *   repositories/<name>/_blobs/<hex>    link
 *   repositories/<name>/_manifests/<hex>  media type
 *   repositories/<name>/_tags/<tag>     digest
 */
export class BlobStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The size of a blob the repository links. */
  async holds(repository: string, digest: string): Promise<number | undefined> {
    if (!digestPattern.test(digest) || !(await exists(this.#link(repository, "_blobs", hex(digest)))))
      return undefined;
    return await sizeOf(this.#blob(digest));
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

  async putManifest(repository: string, reference: string, { bytes, mediaType }: Manifest): Promise<string> {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const byDigest = reference.startsWith("sha256:");
    if (byDigest && reference !== digest) throw new DigestMismatchError(`the manifest has ${digest}`);
    await writeDurable(this.#blob(digest), bytes);
    await writeDurable(this.#link(repository, "_manifests", hex(digest)), mediaType);
    if (!byDigest) await writeDurable(this.#link(repository, "_tags", reference), digest);
    return digest;
  }

  async deleteManifest(repository: string, reference: string): Promise<boolean> {
    const folder = reference.startsWith("sha256:") ? "_manifests" : "_tags";
    const path = this.#link(repository, folder, folder === "_tags" ? reference : hex(reference));
    if (!(await exists(path))) return false;
    await rm(path);
    if (folder === "_manifests")
      for (const tag of await list(this.#link(repository, "_tags")))
        if ((await text(this.#link(repository, "_tags", tag))) === reference)
          await rm(this.#link(repository, "_tags", tag), { force: true });
    return true;
  }

  async startUpload(id: string): Promise<void> {
    await writeDurable(this.#upload(id), "");
  }

  async uploadSize(id: string): Promise<number | undefined> {
    return await sizeOf(this.#upload(id));
  }

  /** Adds to an upload; `start`, when the client names it, must be where the upload ends. The new size. */
  async appendUpload(
    id: string,
    body: AsyncIterable<Uint8Array>,
    start: number | undefined,
  ): Promise<number> {
    let size = (await this.uploadSize(id)) ?? 0;
    if (start !== undefined && start !== size) throw new RangeMismatchError(size);
    await using file = await open(this.#upload(id), "a");
    for await (const chunk of body) {
      size += chunk.length;
      if (size > uploadMax) throw new TooLargeError(`a blob has at most ${uploadMax} bytes`);
      await file.writeFile(chunk);
    }
    return size;
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
    await rename(this.#upload(id), this.#blob(digest));
    await syncFile(join(this.#folder, "blobs"));
    await writeDurable(this.#link(repository, "_blobs", hex(digest)), "");
  }

  async dropUpload(id: string): Promise<void> {
    await rm(this.#upload(id), { force: true });
  }

  /** Removes uploads nobody has touched since `before`, in milliseconds since 1970. */
  async expireUploads(before: number): Promise<void> {
    for (const id of await list(join(this.#folder, "uploads"))) {
      const path = this.#upload(id);
      if ((await stat(path)).mtimeMs < before) await rm(path, { force: true });
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

/** Bytes that are on the disk under their name when it resolves, or not there at all. */
async function writeDurable(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  {
    await using file = await open(temporary, "w");
    await file.writeFile(content);
    await file.sync();
  }
  await rename(temporary, path);
  await syncFile(dirname(path));
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

async function exists(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await orMissing(stat(path)))?.size;
}

async function text(path: string): Promise<string | undefined> {
  return await orMissing(readFile(path, "utf8"));
}

async function list(folder: string): Promise<string[]> {
  return ((await orMissing(readdir(folder))) ?? []).filter((name) => !name.endsWith(".tmp"));
}

async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
