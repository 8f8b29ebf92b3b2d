import { execFile } from "node:child_process";
import { mkdir, open, stat, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { DiskFormat } from "../../desired.ts";
import { type Disk, DiskFullError } from "../../host/disk.ts";
import { BadVolumeError, type VolumeDriver } from "../volume-driver.ts";

/** As qemu-img calls them. The format is always named: an image must not say itself what it is. */
const formatNames: Readonly<Record<DiskFormat, string>> = {
  raw: "raw",
  qcow: "qcow",
  qcow2: "qcow2",
  vhd: "vpc",
  vhdx: "vhdx",
  vmdk: "vmdk",
};

/** A hostile image must not take the box along: address space and output of qemu-img are bounded. */
const addressSpaceBytes = 2 ** 30;
const outputMax = 2 ** 20;
/** Where file systems and partition tables have their marks. */
const blankProbeBytes = 64 * 1024;
/** Larger disks than any node has are a number from a broken header. */
const virtualBytesMax = 16 * 2 ** 40;

/** Disk images by qemu-img, file systems by mke2fs. */
export class QemuImgDriver implements VolumeDriver {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async blank(path: string, bytes: number): Promise<void> {
    const target = this.#disk.absolute(path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await using file = await open(target, "wx", 0o600);
    await file.truncate(bytes);
  }

  async format(path: string, signal: AbortSignal): Promise<void> {
    const features = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
    const options = ["-q", "-F", "-t", "ext4", "-I", "256", "-m", "0", "-E", features];
    const image = this.#disk.absolute(path);
    await run("mke2fs", [...options, image], signal);
    // As an empty directory of a Pod is: containers of any user write to it.
    await run("debugfs", ["-w", "-R", "set_inode_field / mode 040777", image], signal);
  }

  async isBlank(path: string): Promise<boolean> {
    await using file = await open(this.#disk.absolute(path));
    const bytes = new Uint8Array(blankProbeBytes);
    await file.read(bytes, 0, bytes.length, 0);
    return bytes.every((byte) => byte === 0);
  }

  async inspect(path: string, format: DiskFormat, signal: AbortSignal): Promise<{ virtualBytes: number }> {
    const source = this.#disk.absolute(path);
    if (format === "vmdk") await refuseDescriptor(source);
    const options = ["info", "--output=json", "-f", formatNames[format], source];
    const info = JSON.parse(await run("qemu-img", options, signal)) as Record<string, unknown>;
    // An image may name another file as its base or its data: on this node that would be somebody else's.
    const details = JSON.stringify(info["format-specific"] ?? {});
    if (info["backing-filename"] !== undefined || /"data-file"/.test(details))
      throw new BadVolumeError("the image refers to another file; flatten it with qemu-img convert");
    const virtualBytes = Number(info["virtual-size"]);
    if (!Number.isSafeInteger(virtualBytes) || virtualBytes <= 0 || virtualBytes > virtualBytesMax)
      throw new BadVolumeError(`the image says it is a disk of ${virtualBytes} bytes`);
    return { virtualBytes };
  }

  async convert(source: string, format: DiskFormat, target: string, signal: AbortSignal): Promise<void> {
    const to = this.#disk.absolute(target);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const options = ["convert", "-f", formatNames[format], "-O", "raw"];
    await run("qemu-img", [...options, this.#disk.absolute(source), to], signal);
  }

  async grow(path: string, bytes: number): Promise<void> {
    const file = this.#disk.absolute(path);
    if ((await stat(file)).size < bytes) await truncate(file, bytes);
  }

  async usedBytes(path: string): Promise<number> {
    const { blocks } = await stat(this.#disk.absolute(path));
    return blocks * blockBytes;
  }
}

/** The unit of stat's blocks, whatever the file system's own is. */
const blockBytes = 512;

/** A VMDK can be a text that names files, or have such a text inside: only one that is whole in itself is taken. */
async function refuseDescriptor(path: string): Promise<void> {
  await using file = await open(path);
  const head = new DataView(new ArrayBuffer(sparseHeaderBytes));
  await file.read(head, 0, sparseHeaderBytes, 0);
  const magic = new TextDecoder("latin1").decode(new Uint8Array(head.buffer, 0, 4));
  if (magic !== "KDMV" || head.getBigUint64(capacityAt, true) === 0n)
    throw new BadVolumeError(
      "the VMDK is a description of other files; use a monolithic sparse or stream-optimized one",
    );
}

const sparseHeaderBytes = 512;
const capacityAt = 12;

async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const limited = ["--as=" + addressSpaceBytes, program, ...args];
  try {
    const options = {
      signal,
      maxBuffer: outputMax,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    };
    return (await promisify(execFile)("prlimit", limited, options)).stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const { stderr = "", code } = cause as { stderr?: string; code?: unknown };
    if (code === "ENOENT") throw cause;
    if (/No space left|ENOSPC|Disk quota/i.test(stderr))
      throw new DiskFullError(`${program}: the disk is full`, { cause });
    throw new BadVolumeError(`${program}: ${stderr.trim().split("\n").at(-1) ?? "failed"}`, { cause });
  }
}
