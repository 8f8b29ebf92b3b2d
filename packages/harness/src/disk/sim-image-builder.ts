import { createHash } from "node:crypto";
import type { Disk, FetchedLayer, ImageBuilder } from "@selvedge/engine";

/** Joins the layers' bytes: enough for the content domain, which cares that the file is there and whole. */
export class SimImageBuilder implements ImageBuilder {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async sha256(path: string, signal: AbortSignal): Promise<string> {
    const bytes = await this.#read(path);
    signal.throwIfAborted();
    return createHash("sha256").update(bytes).digest("hex");
  }

  async build(layers: readonly FetchedLayer[], target: string, signal: AbortSignal): Promise<void> {
    await this.#disk.remove(target);
    for (const { path } of layers) {
      signal.throwIfAborted();
      await this.#disk.append(target, await this.#read(path));
    }
  }

  async #read(path: string): Promise<Uint8Array> {
    const bytes = await this.#disk.read(path);
    if (bytes === undefined) throw new Error(`there is no ${path}`);
    return bytes;
  }
}
