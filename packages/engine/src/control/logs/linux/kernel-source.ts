import { constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { Instant } from "@selvedge/base";
import { type KernelLine, parseKernelLine } from "../kernel-line.ts";
import type { KernelSource } from "../kernel-log.ts";

const path = "/dev/kmsg";
/** The kernel gives one record at a time, and none longer. */
const recordMax = 8192;
/** In one go; what is more comes with the next. */
const linesMax = 2000;

/** Undefined where the kernel lets nobody of us read its log. */
export async function openKernelSource(bootedAt: Instant): Promise<LinuxKernelSource | undefined> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new LinuxKernelSource(file, boot, bootedAt);
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

class LinuxKernelSource implements KernelSource, AsyncDisposable {
  readonly boot: string;
  readonly #file: FileHandle;
  readonly #bootedAt: Instant;

  constructor(file: FileHandle, boot: string, bootedAt: Instant) {
    this.#file = file;
    this.boot = boot;
    this.#bootedAt = bootedAt;
  }

  async read(): Promise<readonly KernelLine[]> {
    const buffer = Buffer.alloc(recordMax);
    const lines: KernelLine[] = [];
    for (let count = 0; count < linesMax; count++) {
      try {
        const { bytesRead } = await this.#file.read(buffer, 0, recordMax, null);
        const line = parseKernelLine(buffer.toString("utf8", 0, bytesRead), this.#bootedAt);
        if (line !== undefined) lines.push(line);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : undefined;
        if (code === "EAGAIN") break;
        // The kernel has overwritten what would have come: it goes on with the oldest that it has.
        if (code !== "EPIPE") throw error;
      }
    }
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
