import type { Disk, DiskFormat, SnapshotAct, VolumeDriver, VolumeImage } from "@selvedge/engine";

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

  /** Inside, as the real one's are: a state a line, the first is the present one. */
  async snapshot({ path }: VolumeImage, act: SnapshotAct, name: string): Promise<void> {
    const [now = "", ...kept] = new TextDecoder().decode(await this.#disk.read(path)).split("\n");
    const others = kept.filter((line) => !line.startsWith(`${name} `));
    const named = kept.find((line) => line.startsWith(`${name} `));
    const lines =
      act === "drop"
        ? [now, ...others]
        : act === "take"
          ? [now, ...others, named ?? `${name} ${now}`]
          : [named?.slice(name.length + 1) ?? now, ...kept];
    await this.#disk.writeDurable(path, new TextEncoder().encode(lines.join("\n")));
  }

  async mend(): Promise<void> {}

  async usedBytes(path: string): Promise<number> {
    return (await this.#disk.size(path)) ?? 0;
  }
}
