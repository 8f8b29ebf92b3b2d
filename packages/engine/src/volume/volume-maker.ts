import type { DiskFormat, VolumeKey, VolumeSpec } from "../desired.ts";
import type { Disk } from "../host/disk.ts";
import type { ContentStatus } from "../observed.ts";
import { BadVolumeError, type VolumeDriver, type VolumeImage } from "./volume-driver.ts";
import { VolumeFiles } from "./volume-files.ts";
import type { StoredVolume } from "./volume-plan.ts";

export interface MakerParts {
  readonly disk: Disk;
  readonly driver: VolumeDriver;
}

/** How large the volume may get, before it is made. */
export interface Sized {
  readonly maxBytes: number;
  /** Whether the configuration says so, so that room is kept for it; else it takes what it takes. */
  readonly promised: boolean;
}

/** Over an image without a limit of its own as much may be written; disks are sparse. */
const imageDefaultBytes = 8 * 2 ** 30;
/** A file system has tables of its own. */
const filesystemLeastBytes = 64 * 2 ** 20;
const sectorBytes = 512;

type ReadyContent = Extract<ContentStatus, { phase: "ready" }>;

/** Throws a BadVolumeError for what cannot be made. */
export async function sizeVolume(
  { disk, driver }: MakerParts,
  spec: VolumeSpec,
  content: ReadyContent | undefined,
  signal: AbortSignal,
): Promise<Sized> {
  const asked = Math.ceil(spec.sizeBytes / sectorBytes) * sectorBytes;
  if (spec.form === "blank") {
    if (asked <= 0) throw new BadVolumeError("a blank volume needs maxsizebytes");
    return { maxBytes: asked, promised: true };
  }
  if (spec.form === "image") {
    if (asked <= 0) return { maxBytes: imageDefaultBytes, promised: false };
    return { maxBytes: Math.max(asked, filesystemLeastBytes), promised: true };
  }
  const format = diskFormat(spec);
  const source = stateRelative(disk, content);
  const { virtualBytes } = await driver.inspect(source, format, signal);
  if (asked > 0 && virtualBytes > asked)
    throw new BadVolumeError(
      `its content is a disk of ${virtualBytes} bytes, maxsizebytes allows ${spec.sizeBytes}`,
    );
  return { maxBytes: Math.max(asked, Math.ceil(virtualBytes / sectorBytes) * sectorBytes), promised: true };
}

/** Makes the volume beside its place and puts it there whole. */
export async function makeVolume(
  parts: MakerParts,
  what: {
    key: VolumeKey;
    spec: VolumeSpec;
    content: ReadyContent | undefined;
    sized: Sized;
    mounted: boolean;
    secret: string | undefined;
  },
  signal: AbortSignal,
): Promise<Omit<StoredVolume, "createdAt">> {
  const { disk, driver } = parts;
  const { key, spec, content, sized, mounted, secret } = what;
  const filesystem = spec.form === "image" || (spec.form === "blank" && mounted);
  await putVolume(parts, { key, bytes: sized.maxBytes, secret }, async (image) => {
    if (filesystem) await driver.filesystem(image, signal);
    else if (spec.form === "blank") await driver.blank(image);
    else await driver.convert(stateRelative(disk, content), diskFormat(spec), image, signal);
  });
  return { key, form: spec.form, filesystem, maxBytes: sized.maxBytes, sealed: secret !== undefined };
}

export interface NewImage {
  readonly key: VolumeKey;
  readonly bytes: number;
  readonly secret: string | undefined;
  /** Where it goes, when that is not the volume's own place. */
  readonly place?: string;
}

/** Makes an image beside a volume's place, and puts it there instead of what is there once it is whole. */
export async function putVolume(
  { disk }: MakerParts,
  { key, bytes, secret, place }: NewImage,
  make: (image: VolumeImage) => Promise<void>,
): Promise<void> {
  const path = VolumeFiles.temporary(key);
  await disk.remove(path);
  try {
    await make({ path, bytes, secret });
    await disk.sync(path);
    await disk.rename(path, place ?? VolumeFiles.image({ key, sealed: secret !== undefined }));
  } finally {
    await disk.remove(path);
  }
}

function diskFormat({ format, form }: VolumeSpec): DiskFormat {
  // What is only fetched may be anything: nobody looks into it.
  if (format === "iso" || form === "file") return "raw";
  if (format === undefined || format === "container" || format === "other")
    throw new BadVolumeError(
      "its content is of a format that this node cannot read; use RAW, QCOW, QCOW2, VHD, VHDX, VMDK, OVA or ISO",
    );
  return format;
}

function stateRelative(disk: Disk, content: ReadyContent | undefined): string {
  if (content === undefined) throw new BadVolumeError("it has no content to be made from");
  const root = disk.absolute("");
  if (!content.path.startsWith(root)) throw new Error(`content ${content.path} is not below ${root}`);
  return content.path.slice(root.length).replace(/^\/+/, "");
}
