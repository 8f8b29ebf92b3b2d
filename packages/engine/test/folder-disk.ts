import { createHash } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Disk } from "../src/host/disk.ts";

/** Plain files in a folder: what integration tests need of the port. */
export class FolderDisk implements Disk {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  absolute(path: string): string {
    return join(this.#folder, path);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return await orUndefined(readFile(this.absolute(path)));
  }

  async writeDurable(path: string, content: Uint8Array): Promise<void> {
    await mkdir(dirname(this.absolute(path)), { recursive: true });
    const temporary = `${this.absolute(path)}.${createHash("sha1").update(content).digest("hex")}`;
    await writeFile(temporary, content);
    await rename(temporary, this.absolute(path));
  }

  async append(path: string, content: Uint8Array): Promise<void> {
    await mkdir(dirname(this.absolute(path)), { recursive: true });
    await appendFile(this.absolute(path), content);
  }

  async sync(path: string): Promise<void> {
    await using file = await open(this.absolute(path));
    await file.sync();
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.absolute(from), this.absolute(to));
  }

  async remove(path: string): Promise<void> {
    await rm(this.absolute(path), { recursive: true, force: true });
  }

  async list(folder: string): Promise<string[]> {
    return (await orUndefined(readdir(this.absolute(folder)))) ?? [];
  }

  async size(path: string): Promise<number | undefined> {
    return (await orUndefined(stat(this.absolute(path))))?.size;
  }

  async free(): Promise<{ bytes: number; totalBytes: number }> {
    return { bytes: 2 ** 40, totalBytes: 2 ** 40 };
  }
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
