/** The node's files on Linux, with the promises the Disk port makes about power cuts. */
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Disk, DiskFullError } from "../disk.ts";

/** Ends the name of a file that is being written; a power cut may leave one, nothing ever reads it. */
const unfinished = "~";
/** Records hold the configuration and the keys' certificates: the engine's own business. */
const recordMode = 0o600;
/** Images are opened by QEMU, which runs as another user. */
const contentMode = 0o644;
const folderMode = 0o755;

export class LinuxDisk implements Disk {
  readonly #folder: string;
  /** The newest write of each path that is being written; the next one waits for it. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  absolute(path: string): string {
    return join(this.#folder, path);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return await orUndefined(readFile(this.absolute(path)));
  }

  /** Writes of one path happen one after another: what was asked for last is what stays. */
  async writeDurable(path: string, content: Uint8Array): Promise<void> {
    const target = this.absolute(path);
    const before = this.#writing.get(target);
    const write = (async () => {
      await before?.catch(() => {});
      await this.#work(`write ${path}`, () => replaceFile(target, content));
    })();
    this.#writing.set(target, write);
    try {
      await write;
    } finally {
      if (this.#writing.get(target) === write) this.#writing.delete(target);
    }
  }

  async append(path: string, content: Uint8Array): Promise<void> {
    await this.#work(`append to ${path}`, async () => {
      await using file = await this.#openToAppend(this.absolute(path));
      await file.writeFile(content);
    });
  }

  async sync(path: string): Promise<void> {
    const target = this.absolute(path);
    await this.#work(`sync ${path}`, async () => {
      await using file = await open(target, "r");
      await file.sync();
      await syncFolder(dirname(target));
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#work(`rename ${from}`, async () => {
      const [source, target] = [this.absolute(from), this.absolute(to)];
      await makeFolder(dirname(target));
      await rename(source, target);
      await syncFolder(dirname(target));
      if (dirname(source) !== dirname(target)) await syncFolder(dirname(source));
    });
  }

  async remove(path: string): Promise<void> {
    await rm(this.absolute(path), { recursive: true, force: true });
  }

  async list(folder: string): Promise<string[]> {
    const names = (await orUndefined(readdir(this.absolute(folder)))) ?? [];
    return names.filter((name) => !name.endsWith(unfinished));
  }

  async size(path: string): Promise<number | undefined> {
    return (await orUndefined(stat(this.absolute(path))))?.size;
  }

  async free(): Promise<{ readonly bytes: number; readonly totalBytes: number }> {
    await makeFolder(this.#folder);
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    return { bytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  async #openToAppend(path: string): Promise<FileHandle> {
    try {
      return await open(path, "a", contentMode);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      await makeFolder(dirname(path));
      return await open(path, "a", contentMode);
    }
  }

  async #work(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (hasCode(cause, "ENOSPC") || hasCode(cause, "EDQUOT"))
        throw new DiskFullError(`cannot ${what}: the disk is full`, { cause });
      throw cause;
    }
  }
}

async function replaceFile(target: string, content: Uint8Array): Promise<void> {
  const temporary = `${target}${unfinished}`;
  await makeFolder(dirname(target));
  try {
    await using file = await open(temporary, "w", recordMode);
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await rename(temporary, target);
  await syncFolder(dirname(target));
}

/** Makes the folder and those above it, each durable in its parent. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: folderMode });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || dirname(made) === made) return;
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
