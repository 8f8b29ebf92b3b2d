import type { Disk, DiskFormat, VolumeDriver, VolumeImage } from "@selvedge/engine";

/** Volumes as short texts: enough for the volume domain, which cares that a file is there and whole. */
export class SimVolumeDriver implements VolumeDriver {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async blank({ path, bytes }: VolumeImage): Promise<void> {
    await this.#disk.append(path, new TextEncoder().encode(`blank ${bytes}`));
  }

  async filesystem({ path, bytes }: VolumeImage): Promise<void> {
    await this.#disk.append(path, new TextEncoder().encode(`blank ${bytes} ext4`));
  }

  async isBlank({ path }: VolumeImage): Promise<boolean> {
    return new TextDecoder().decode(await this.#disk.read(path)).startsWith("blank");
  }

  async inspect(path: string, _format: DiskFormat): Promise<{ virtualBytes: number }> {
    return { virtualBytes: (await this.#disk.size(path)) ?? 0 };
  }

  async convert(source: string, _format: DiskFormat, { path }: VolumeImage): Promise<void> {
    const bytes = await this.#disk.read(source);
    if (bytes === undefined) throw new Error(`there is no ${source}`);
    await this.#disk.append(path, bytes);
  }

  async usedBytes(path: string): Promise<number> {
    return (await this.#disk.size(path)) ?? 0;
  }
}
