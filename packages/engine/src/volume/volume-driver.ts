import type { DiskFormat } from "../desired.ts";

/** An image to be made. */
export interface VolumeImage {
  /** Relative to the engine's state folder, as the Disk port takes paths. Nothing may be there. */
  readonly path: string;
  /** Of the disk, once it is full. */
  readonly bytes: number;
  /** What opens it; undefined: it is a raw file that anybody can read. */
  readonly secret: string | undefined;
}

export type SnapshotAct = "take" | "restore" | "drop";

/** Makes and reads disk images, as a port: the real one runs qemu-img and mke2fs. */
export interface VolumeDriver {
  /** A disk of zeros that takes no room. */
  blank(image: VolumeImage): Promise<void>;
  /** A disk with an empty file system. */
  filesystem(image: VolumeImage, signal: AbortSignal): Promise<void>;
  /** A disk that holds what another image does, and zeros behind it. `source` is raw or of a stranger's format. */
  convert(source: string, format: DiskFormat, image: VolumeImage, signal: AbortSignal): Promise<void>;
  /** Whether anything but zeros is at the beginning, where every file system and partition table has a mark. */
  isBlank(image: VolumeImage): Promise<boolean>;
  /** What the image says about itself. Throws a BadVolumeError for one that is not self-contained. */
  inspect(path: string, format: DiskFormat, signal: AbortSignal): Promise<{ readonly virtualBytes: number }>;
  /**
   * Of a sealed image that no machine has: keeps its state under a name inside it, brings it back to that, or
   * forgets it. What is so already is no error.
   */
  snapshot(image: VolumeImage, act: SnapshotAct, name: string): Promise<void>;
  /** Makes a sealed image whole again in which something was left half done. */
  mend(image: VolumeImage): Promise<void>;
  /** What the file takes of the disk. */
  usedBytes(path: string): Promise<number>;
}

/** The volume can never be made as it is described, however often it is tried. */
export class BadVolumeError extends Error {
  override name = "BadVolumeError";
}
