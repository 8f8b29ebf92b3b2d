/**
 * The node's persistent files, as a port: the real one is Linux's, the simulated one loses what was not
 * synced when the power goes. Paths are relative to the engine's state folder and use "/".
 */
export interface Disk {
  /** Undefined when there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** All or nothing, and on the disk when it resolves: temporary file, sync, rename, sync of the folder. */
  writeDurable(path: string, content: Uint8Array): Promise<void>;
  /** Adds to the end without syncing: logs and partial downloads. Creates the file. */
  append(path: string, content: Uint8Array): Promise<void>;
  /** Makes what was appended durable. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all it holds; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** Undefined when there is no such file. */
  size(path: string): Promise<number | undefined>;
  free(): Promise<{ readonly bytes: number; readonly totalBytes: number }>;
  /** Absolute path, for programs that open the file themselves. */
  absolute(path: string): string;
}

/** No room: the caller frees something or waits; never a reason to lose what is there. */
export class DiskFullError extends Error {
  override name = "DiskFullError";
}
