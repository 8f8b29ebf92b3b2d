import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Disk } from "../../host/disk.ts";
import { DiskFullError } from "../../host/disk.ts";
import { BadImageError, type FetchedLayer, type ImageBuilder } from "../image-builder.ts";
import { flatten } from "./flatten.ts";

export interface SqfstarOptions {
  readonly disk: Disk;
  /** The program; `sqfstar` when it is on the path. */
  readonly program?: string;
  /** Unpacked size an image may have. */
  readonly bytesMax?: number;
}

/** Unpacked images beyond this do not fit the boxes we run on; a model server with its weights does. */
const bytesMaxDefault = 64 * 2 ** 30;
/** Enough of what the program complained about to understand it. */
const complaintMax = 2000;

/**
 * Builds squashfs images with squashfs-tools' sqfstar, which reads a tar and never touches its content on
 * the host.
 */
export class SqfstarBuilder implements ImageBuilder {
  readonly #disk: Disk;
  readonly #program: string;
  readonly #bytesMax: number;

  constructor(options: SqfstarOptions) {
    this.#disk = options.disk;
    this.#program = options.program ?? "sqfstar";
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault;
  }

  async sha256(path: string, signal: AbortSignal): Promise<string> {
    const hash = createHash("sha256");
    await pipeline(createReadStream(this.#disk.absolute(path)), hash, { signal });
    return hash.digest("hex");
  }

  async build(layers: readonly FetchedLayer[], target: string, signal: AbortSignal): Promise<void> {
    const child = spawn(this.#program, [...flags, this.#disk.absolute(target)], {
      stdio: ["pipe", "ignore", "pipe"],
      signal,
    });
    let complaint = "";
    child.stderr.on("data", (text: Buffer) => {
      complaint = (complaint + text.toString()).slice(-complaintMax);
    });
    const exited = once(child, "close").then(([code]) => code as number | null);
    const files = layers.map(({ path, mediaType }) => ({ file: this.#disk.absolute(path), mediaType }));
    const [fed, exit] = await Promise.allSettled([
      flatten(files, { bytesMax: this.#bytesMax }, child.stdin, signal).catch((error: unknown) => {
        child.kill("SIGKILL");
        throw error;
      }),
      exited,
    ]);
    if (fed.status === "rejected" && fed.reason instanceof BadImageError) throw fed.reason;
    if (/No space left/i.test(complaint)) throw new DiskFullError("no room to build the image");
    if (exit.status === "rejected") throw new Error(`cannot run ${this.#program}`, { cause: exit.reason });
    if (exit.value !== 0) throw new Error(`${this.#program} ended with ${exit.value}: ${complaint.trim()}`);
    if (fed.status === "rejected") throw fed.reason;
  }
}

/**
 * lz4 costs the guest and this box the least to read and to make; one processor and little memory leave the
 * box to its apps.
 */
const flags = [
  ..."-comp lz4 -b 128K -no-progress -quiet".split(" "),
  ..."-processors 1 -mem 64M -root-mode 0755 -root-uid 0 -root-gid 0 -mkfs-time 0".split(" "),
];
