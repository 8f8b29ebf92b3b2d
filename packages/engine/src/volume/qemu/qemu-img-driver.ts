import { type FileHandle, mkdir, open, stat, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import type { DiskFormat } from "../../desired.ts";
import type { Disk } from "../../host/disk.ts";
import { ImageToolError, imageOptions, runTool, runWithSecret } from "../../host/qemu/image-tools.ts";
import { createSealed, createSealedFrom, fillSealed } from "../../host/qemu/sealed-image.ts";
import { diskInOva, type ReadAt, type Region } from "../ova.ts";
import { BadVolumeError, type SnapshotAct, type VolumeDriver, type VolumeImage } from "../volume-driver.ts";

/** As qemu-img calls them. The format is always named: an image must not say itself what it is. */
const formatNames: Readonly<Record<DiskFormat, string>> = {
  raw: "raw",
  qcow: "qcow",
  qcow2: "qcow2",
  vhd: "vpc",
  vhdx: "vhdx",
  vmdk: "vmdk",
  ova: "vmdk",
};

/** Where file systems and partition tables have their marks. */
const blankProbeBytes = 64 * 1024;
/** Larger disks than any node has are a number from a broken header. */
const virtualBytesMax = 16 * 2 ** 40;

/** Disk images by qemu-img, file systems by mke2fs, seals by the two of them and `host/qemu`. */
export class QemuImgDriver implements VolumeDriver {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async blank({ path, bytes, secret }: VolumeImage): Promise<void> {
    const target = await this.#place(path);
    if (secret !== undefined) return await createSealed(target, bytes, secret);
    await using file = await open(target, "wx", 0o600);
    await file.truncate(bytes);
  }

  async filesystem({ path, bytes, secret }: VolumeImage, signal: AbortSignal): Promise<void> {
    const target = await this.#place(path);
    const make = async (plain: string): Promise<void> => {
      {
        await using file = await open(plain, "wx", 0o600);
        await file.truncate(bytes);
      }
      await judged(runTool("mke2fs", [...ext4, plain], signal));
      // As an empty directory of a Pod is: containers of any user write to it.
      await judged(runTool("debugfs", ["-w", "-R", "set_inode_field / mode 040777", plain], signal));
    };
    if (secret === undefined) await make(target);
    else await createSealedFrom(target, bytes, secret, make);
  }

  async convert(
    source: string,
    format: DiskFormat,
    { path, bytes, secret }: VolumeImage,
    signal: AbortSignal,
  ): Promise<void> {
    const target = await this.#place(path);
    const from = await nameSource(this.#disk.absolute(source), format);
    const name = formatNames[format];
    if (secret !== undefined) {
      await createSealed(target, bytes, secret);
      await judged(fillSealed(from, name, target, secret, signal));
      return;
    }
    await judged(runTool("qemu-img", ["convert", "-f", name, "-O", "raw", from, target], signal));
    if ((await stat(target)).size < bytes) await truncate(target, bytes);
  }

  async isBlank({ path, secret }: VolumeImage): Promise<boolean> {
    const image = this.#disk.absolute(path);
    if (secret !== undefined) {
      const map = await runWithSecret(["map", "--output=json", "--image-opts", imageOptions(image)], secret);
      const [first] = JSON.parse(map) as { readonly length: number; readonly data: boolean }[];
      return first?.data === false && first.length >= blankProbeBytes;
    }
    await using file = await open(image);
    const bytes = new Uint8Array(blankProbeBytes);
    await file.read(bytes, 0, bytes.length, 0);
    return bytes.every((byte) => byte === 0);
  }

  async inspect(path: string, format: DiskFormat, signal: AbortSignal): Promise<{ virtualBytes: number }> {
    const source = await nameSource(this.#disk.absolute(path), format);
    const options = ["info", "--output=json", "-f", formatNames[format], source];
    const info = JSON.parse(await judged(runTool("qemu-img", options, signal))) as Record<string, unknown>;
    // An image may name another file as its base or its data: on this node that would be somebody else's.
    const details = JSON.stringify(info["format-specific"] ?? {});
    if (info["backing-filename"] !== undefined || /"data-file"/.test(details))
      throw new BadVolumeError("the image refers to another file; flatten it with qemu-img convert");
    const virtualBytes = Number(info["virtual-size"]);
    if (!Number.isSafeInteger(virtualBytes) || virtualBytes <= 0 || virtualBytes > virtualBytesMax)
      throw new BadVolumeError(`the image says it is a disk of ${virtualBytes} bytes`);
    return { virtualBytes };
  }

  async snapshot({ path, secret }: VolumeImage, act: SnapshotAct, name: string): Promise<void> {
    const options = imageOptions(this.#disk.absolute(path));
    const run = async (flag: string): Promise<string> =>
      await judged(runWithSecret(["snapshot", flag, name, "--image-opts", options], secretOf(secret)));
    // Two of one name would be made without a word.
    const there = await this.#hasSnapshot(options, name, secretOf(secret));
    if (act === "restore") await run("-a");
    else if (there !== (act === "take")) await run(act === "take" ? "-c" : "-d");
  }

  async #hasSnapshot(options: string, name: string, secret: string): Promise<boolean> {
    const text = await judged(runWithSecret(["info", "--output=json", "--image-opts", options], secret));
    const { snapshots = [] } = JSON.parse(text) as { readonly snapshots?: readonly { name: string }[] };
    return snapshots.some((it) => it.name === name);
  }

  async mend({ path, secret }: VolumeImage): Promise<void> {
    const options = imageOptions(this.#disk.absolute(path));
    await judged(runWithSecret(["check", "-q", "-r", "all", "--image-opts", options], secretOf(secret)));
  }

  async usedBytes(path: string): Promise<number> {
    const { blocks } = await stat(this.#disk.absolute(path));
    return blocks * blockBytes;
  }

  async #place(path: string): Promise<string> {
    const target = this.#disk.absolute(path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    return target;
  }
}

function secretOf(secret: string | undefined): string {
  if (secret === undefined) throw new Error("a raw image has no snapshots inside");
  return secret;
}

const ext4Features = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
const ext4: readonly string[] = ["-q", "-F", "-t", "ext4", "-I", "256", "-m", "0", "-E", ext4Features];

/** The unit of stat's blocks, whatever the file system's own is. */
const blockBytes = 512;

/** As `qemu-img` is told of it, once what is in it is known to be all there is. */
async function nameSource(path: string, format: DiskFormat): Promise<string> {
  if (format !== "vmdk" && format !== "ova") return path;
  await using file = await open(path);
  const read = readAt(file);
  if (format === "vmdk") {
    await refuseDescriptor(read, 0);
    return path;
  }
  const disk = await diskInOva(read);
  await refuseDescriptor(read, disk.offset);
  return partOf(path, disk);
}

function readAt(file: FileHandle): ReadAt {
  return async (offset, length) => {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  };
}

/** A disk that lies within a file. */
function partOf(filename: string, { offset, size }: Region): string {
  const file = { driver: "raw", offset, size, file: { driver: "file", filename } };
  return `json:${JSON.stringify({ driver: "vmdk", file })}`;
}

/** A VMDK can be a text that names files, or have such a text inside: only one that is whole in itself is taken. */
async function refuseDescriptor(read: ReadAt, at: number): Promise<void> {
  const head = new DataView(new ArrayBuffer(sparseHeaderBytes));
  new Uint8Array(head.buffer).set(await read(at, sparseHeaderBytes));
  const magic = new TextDecoder("latin1").decode(new Uint8Array(head.buffer, 0, 4));
  if (magic !== "KDMV" || head.getBigUint64(capacityAt, true) === 0n)
    throw new BadVolumeError(
      "the VMDK is a description of other files; use a monolithic sparse or stream-optimized one",
    );
}

const sparseHeaderBytes = 512;
const capacityAt = 12;

/** What is wrong with an image is told as that; a tool that is not there is not the image's fault. */
async function judged<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof ImageToolError)) throw cause;
    throw new BadVolumeError(cause.message, { cause });
  }
}
