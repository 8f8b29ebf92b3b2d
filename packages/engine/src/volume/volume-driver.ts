import type { DiskFormat } from "../desired.ts";

/**
 * Makes and reads disk images, as a port: the real one runs qemu-img and mke2fs. Paths are relative to the
 * engine's state folder, as the Disk port takes them.
 */
export interface VolumeDriver {
  /** A sparse file of zeros. */
  blank(path: string, bytes: number): Promise<void>;
  /** Makes an empty file system in a file of zeros that has its size. */
  format(path: string, signal: AbortSignal): Promise<void>;
  /** Whether anything but zeros is at the beginning, where every file system and partition table has a mark. */
  isBlank(path: string): Promise<boolean>;
  /** What the image says about itself. Throws a BadVolumeError for one that is not self-contained. */
  inspect(path: string, format: DiskFormat, signal: AbortSignal): Promise<{ readonly virtualBytes: number }>;
  /** Writes the image out as raw sectors, holes left out. */
  convert(source: string, format: DiskFormat, target: string, signal: AbortSignal): Promise<void>;
  /** Makes the file larger with zeros at its end. */
  grow(path: string, bytes: number): Promise<void>;
  /** What the file takes of the disk. */
  usedBytes(path: string): Promise<number>;
}

/** The volume can never be made as it is described, however often it is tried. */
export class BadVolumeError extends Error {
  override name = "BadVolumeError";
}
