import { describeError, type Log } from "@selvedge/base";
import type { VolumeKey } from "../desired.ts";
import type { Disk } from "../host/disk.ts";
import type { StoredVolume } from "./volume-plan.ts";

/**
 * The volumes folder. A crash leaves a record whose image is whole, an image without a record (removed at
 * the start), or something in `tmp` (removed at the start).
 *
 *   volumes/<uuid>#<generation>.json   record; written last, removed first
 *   volumes/<uuid>#<generation>.qcow2  image that the vault's secret opens
 *   volumes/<uuid>#<generation>.img    raw image, of a node without a vault or an engine before it
 *   volumes/<uuid>#<generation>@<name>.snapshot
 *                                      what a raw volume was like, to go back to
 *   volumes/tmp/                       images being made
 */
export class VolumeFiles {
  readonly #disk: Disk;
  readonly #log: Log;

  constructor(disk: Disk, log: Log) {
    this.#disk = disk;
    this.#log = log;
  }

  static image({ key, sealed }: Pick<StoredVolume, "key" | "sealed">): string {
    return `${folder}/${key}${sealed === true ? sealedImage : rawImage}`;
  }

  /** A state of a raw volume, beside it. */
  static copy(key: VolumeKey, name: string): string {
    return `${folder}/${key}@${name}${copyImage}`;
  }

  static temporary(key: VolumeKey): string {
    return `${folder}/tmp/${key}.img`;
  }

  /** Removes what a crash left half made, and reads what is there. */
  async load(): Promise<StoredVolume[]> {
    await this.#disk.remove(`${folder}/tmp`);
    const names = await this.#disk.list(folder);
    const stored = await Promise.all(
      names.filter((name) => name.endsWith(record)).map((name) => this.#read(`${folder}/${name}`)),
    );
    const known = stored.filter((it) => it !== undefined);
    const images = new Set(
      known.flatMap((it) => [
        VolumeFiles.image(it),
        ...(it.snapshots ?? []).map((name) => VolumeFiles.copy(it.key, name)),
      ]),
    );
    for (const name of names)
      if (isImage(name) && !images.has(`${folder}/${name}`)) await this.#disk.remove(`${folder}/${name}`);
    return known;
  }

  async store(volume: StoredVolume): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(volume)}\n`);
    await this.#disk.writeDurable(`${folder}/${volume.key}${record}`, bytes);
  }

  async remove(key: VolumeKey): Promise<void> {
    await this.#disk.remove(`${folder}/${key}${record}`);
    for (const sealed of [true, false]) await this.#disk.remove(VolumeFiles.image({ key, sealed }));
    await this.removeCopies(key);
  }

  async removeCopies(key: VolumeKey): Promise<void> {
    for (const name of await this.#disk.list(folder))
      if (name.startsWith(`${key}@`)) await this.#disk.remove(`${folder}/${name}`);
  }

  /** A disk that fails is no record that says nothing: it is thrown, and nothing is touched. */
  async #read(path: string): Promise<StoredVolume | undefined> {
    const bytes = await this.#disk.read(path);
    if (bytes === undefined) return undefined;
    let stored: StoredVolume;
    let image: string;
    try {
      stored = JSON.parse(new TextDecoder().decode(bytes)) as StoredVolume;
      image = VolumeFiles.image(stored);
    } catch (error) {
      this.#log.error("a volume's record says nothing; its image is set aside", {
        ...{ record: path, error: describeError(error) },
      });
      await this.#setAside(path);
      return undefined;
    }
    return (await this.#disk.size(image)) === undefined ? undefined : stored;
  }

  /** What such a record spoke of may be all that somebody has: it is not removed. */
  async #setAside(path: string): Promise<void> {
    for (const ending of [sealedImage, rawImage]) {
      const image = path.replace(/\.json$/, ending);
      if ((await this.#disk.size(image)) !== undefined) await this.#disk.rename(image, `${image}.unreadable`);
    }
  }
}

function isImage(name: string): boolean {
  return [sealedImage, rawImage, copyImage].some((ending) => name.endsWith(ending));
}

const folder = "volumes";
const record = ".json";
const sealedImage = ".qcow2";
const rawImage = ".img";
const copyImage = ".snapshot";
