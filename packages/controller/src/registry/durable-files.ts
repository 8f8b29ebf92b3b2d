import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Bytes that are on the disk under their name when it resolves, or not there at all. */
export async function writeDurable(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Two clients may push the same at once: each writes its own file, and the last rename wins over its equal.
  const temporary = `${path}.${randomUUID()}${temporarySuffix}`;
  try {
    {
      await using file = await open(temporary, "wx");
      await file.writeFile(content);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFile(dirname(path));
}

export const temporarySuffix = ".tmp";

export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

export async function exists(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined;
}

export async function sizeOf(path: string): Promise<number | undefined> {
  return (await orMissing(stat(path)))?.size;
}

export async function text(path: string): Promise<string | undefined> {
  return await orMissing(readFile(path, "utf8"));
}

/** Names in a folder, without files that are being written. */
export async function list(folder: string): Promise<string[]> {
  return ((await orMissing(readdir(folder))) ?? []).filter((name) => !name.endsWith(temporarySuffix));
}

export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
