import type { ContentId } from "../desired.ts";
import type { Disk } from "../host/disk.ts";
import type { Remembered, StoredContent } from "./content-plan.ts";

/**
 * The content folder. Whatever a crash leaves behind is one of: a record whose bytes are durable, bytes
 * without a record (garbage), a partial download (resumed or garbage), something in `tmp` (removed at the
 * start).
 *
 *   images/<hash>.json   record; written last, so that it vouches for the file beside it
 *   images/<hash>.sqfs   root file system of a container image; `.img` for a disk image
 *   blobs/<hash>         verified layers and configs
 *   partial/<hash>       what has arrived of a blob
 *   refs/<content>.json  what a content's URL stood for
 *   tmp/                 file systems being built
 */
export class ContentFiles {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  static blob(hash: string): string {
    return `content/blobs/${hash}`;
  }

  static partial(hash: string): string {
    return `content/partial/${hash}`;
  }

  static temporary(hash: string): string {
    return `content/tmp/${hash}`;
  }

  static image(hash: string, kind: "sqfs" | "img"): string {
    return `content/images/${hash}.${kind}`;
  }

  static #record(hash: string): string {
    return `content/images/${hash}.json`;
  }

  /** The record, when the file it speaks of is whole. */
  async stored(hash: string): Promise<StoredContent | undefined> {
    const record = await this.#json<StoredContent>(ContentFiles.#record(hash));
    if (record === undefined || (await this.#disk.size(record.path)) !== record.sizeBytes) return undefined;
    return record;
  }

  async store(content: StoredContent): Promise<void> {
    await this.#disk.writeDurable(ContentFiles.#record(content.hash), encode(content));
  }

  async remembered(id: ContentId): Promise<Remembered | undefined> {
    return await this.#json<Remembered>(refPath(id));
  }

  async remember(id: ContentId, what: Remembered): Promise<void> {
    await this.#disk.writeDurable(refPath(id), encode(what));
  }

  async forget(id: ContentId): Promise<void> {
    await this.#disk.remove(refPath(id));
  }

  /** Removes what a crash left half built, and makes the folders that others write into by rename. */
  async prepare(): Promise<void> {
    await this.#disk.remove("content/tmp");
    for (const folder of folders) await this.#disk.writeDurable(`${folder}/${keep}`, new Uint8Array());
  }

  /** Everything that could be garbage. */
  async present(): Promise<string[]> {
    const lists = await Promise.all(
      folders.map(async (folder) => {
        const names = await this.#disk.list(folder);
        return names.filter((name) => name !== keep).map((name) => `${folder}/${name}`);
      }),
    );
    return lists.flat();
  }

  async used(ids: readonly ContentId[]): Promise<Set<string>> {
    const used = new Set<string>();
    for (const id of ids) {
      used.add(refPath(id));
      const hash = (await this.remembered(id))?.hash;
      if (hash === undefined) continue;
      used.add(ContentFiles.#record(hash));
      for (const kind of ["sqfs", "img"] as const) used.add(ContentFiles.image(hash, kind));
    }
    return used;
  }

  /** A file that cannot be read as JSON is as good as absent: it is made again from the source. */
  async #json<T>(path: string): Promise<T | undefined> {
    const bytes = await this.#disk.read(path);
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as T;
    } catch {
      return undefined;
    }
  }
}

const folders = ["content/images", "content/blobs", "content/partial", "content/refs", "content/tmp"];
/** An empty file that holds its folder open. */
const keep = ".keep";

function refPath(id: ContentId): string {
  return `content/refs/${id}.json`;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}
