/**
 * A node's disk that forgets as real ones do. What was synced stays; what was only appended may be gone, in
 * part gone, or zeroes after the power was cut; what was removed without a sync may be back. A kill of the
 * engine loses nothing: the kernel has the bytes.
 *
 *   append ──► cached bytes ──sync──► durable        rename, writeDurable: durable when they return
 *                  │ power cut
 *                  └──► a prefix, or a prefix and zeroes
 */
import { below, type Random } from "@selvedge/base";
import { type Disk, DiskFullError } from "@selvedge/engine";
import { never } from "../life.ts";

/** What one name stands for: bytes, and how many of them a power cut cannot take. */
interface SimFile {
  bytes: Uint8Array;
  synced: number;
}

/** The power went in the middle of this write; nobody is left to see it but SimDiskHandle. */
class PowerGoneError extends Error {
  override name = "PowerGoneError";
}

export interface SimDiskOptions {
  readonly random: Random;
  readonly capacityBytes: number;
  /** What absolute paths start with: the hypervisor gets them. */
  readonly root: string;
}

export class SimDisk {
  readonly root: string;
  readonly #random: Random;
  /** What the kernel would answer now. */
  #files = new Map<string, SimFile>();
  /** What is on the plates: names and, by SimFile.synced, bytes. */
  #durable = new Map<string, SimFile>();
  #capacity: number;
  #handle: SimDiskHandle | undefined;
  #cut: { left: number; readonly cut: () => void } | undefined;

  constructor(options: SimDiskOptions) {
    this.#random = options.random;
    this.#capacity = options.capacityBytes;
    this.root = options.root;
  }

  /** For one life of the engine; the handle before it is dead from now on. */
  open(): Disk {
    this.#handle?.die();
    this.#handle = new SimDiskHandle(this);
    return this.#handle;
  }

  /** The engine was killed: its handle does nothing any more, all bytes stay. */
  kill(): void {
    this.#handle?.die();
    this.#handle = undefined;
  }

  /** The power goes: what was not synced may be lost. */
  powerCut(): void {
    this.kill();
    this.#cut = undefined;
    const after = new Map<string, SimFile>();
    for (const [path, file] of this.#durable) {
      // A removal that nobody synced: the file may be back.
      if (this.#files.has(path) || this.#random.next() < 0.5) after.set(path, this.#torn(file));
    }
    // A file that was only ever appended to: its name may have made it.
    for (const [path, file] of this.#files) {
      if (!this.#durable.has(path) && this.#random.next() < 0.5) after.set(path, this.#torn(file));
    }
    this.#files = after;
    this.#durable = new Map(after);
  }

  /** The power goes during the `writes`-th write from now: before, after, or in the middle of it. */
  cutPowerDuringWrite(writes: number, cut: () => void): void {
    this.#cut = { left: writes, cut };
  }

  /** Leaves room for `bytes` more than there is now. */
  setFree(bytes: number): void {
    this.#capacity = this.usedBytes + bytes;
  }

  setCapacity(bytes: number): void {
    this.#capacity = bytes;
  }

  get usedBytes(): number {
    return [...this.#files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get freeBytes(): number {
    return Math.max(0, this.#capacity - this.usedBytes);
  }

  get capacityBytes(): number {
    return this.#capacity;
  }

  /** What a program that opens an absolute path finds; QEMU, for one. */
  has(absolute: string): boolean {
    return absolute.startsWith(`${this.root}/`) && this.#files.has(absolute.slice(this.root.length + 1));
  }

  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  read(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.bytes;
  }

  /** A bad sector or a meddling hand: the file now holds something else, durably. */
  corrupt(path: string, bytes: Uint8Array): void {
    const file: SimFile = { bytes, synced: bytes.length };
    this.#files.set(path, file);
    this.#durable.set(path, file);
  }

  writeDurable(path: string, content: Uint8Array): void {
    this.#room(content.length - (this.#files.get(path)?.bytes.length ?? 0));
    this.#write(() => {
      const file: SimFile = { bytes: content.slice(), synced: content.length };
      this.#files.set(path, file);
      this.#durable.set(path, file);
    });
  }

  append(path: string, content: Uint8Array): void {
    this.#room(content.length);
    this.#write(() => {
      const file = this.#files.get(path) ?? { bytes: new Uint8Array(), synced: 0 };
      file.bytes = joined(file.bytes, content);
      this.#files.set(path, file);
    });
  }

  sync(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) throw new Error(`cannot sync ${path}: there is no such file`);
    this.#write(() => {
      file.synced = file.bytes.length;
      this.#durable.set(path, file);
    });
  }

  rename(from: string, to: string): void {
    const file = this.#files.get(from);
    if (file === undefined) throw new Error(`cannot rename ${from}: there is no such file`);
    this.#write(() => {
      for (const names of [this.#files, this.#durable]) {
        names.delete(from);
        names.set(to, file);
      }
    });
  }

  remove(path: string): void {
    this.#write(() => {
      for (const name of this.#files.keys()) {
        if (name === path || name.startsWith(`${path}/`)) this.#files.delete(name);
      }
    });
  }

  list(folder: string): string[] {
    const below = `${folder}/`;
    const names = [...this.#files.keys()].filter((path) => path.startsWith(below));
    return [...new Set(names.map((path) => path.slice(below.length).split("/")[0] ?? ""))].sort();
  }

  #room(more: number): void {
    if (more > this.freeBytes) throw new DiskFullError(`the disk is full: ${this.freeBytes} bytes are left`);
  }

  /** Does the write; when this is the one that the power goes in, perhaps not, and what follows never. */
  #write(act: () => void): void {
    if (this.#cut === undefined || --this.#cut.left > 0) {
      act();
      return;
    }
    const { cut } = this.#cut;
    if (this.#random.next() < 0.5) act();
    cut();
    throw new PowerGoneError();
  }

  #torn({ bytes, synced }: SimFile): SimFile {
    const kept = synced + below(this.#random, bytes.length - synced + 1);
    const rest = bytes.slice(0, kept);
    // Blocks whose length reached the disk before their bytes did.
    if (kept > synced && this.#random.next() < 0.5) rest.fill(0, synced + below(this.#random, kept - synced));
    return { bytes: rest, synced: rest.length };
  }
}

/**
 * Logs grow by many small pieces: the memory behind a file doubles instead of being copied for each of
 * them.
 */
function joined(bytes: Uint8Array, more: Uint8Array): Uint8Array {
  const length = bytes.length + more.length;
  const room = bytes.buffer.byteLength - bytes.byteOffset;
  let grown = bytes;
  if (room < length) {
    grown = new Uint8Array(2 * length);
    grown.set(bytes);
  } else grown = new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  grown.set(more, bytes.length);
  return grown.subarray(0, length);
}

/**
 * The port, for one life of the engine. Each call takes a turn of the event loop, as real ones do. After
 * the engine's death it never answers: whoever waits for it is dead, too.
 */
class SimDiskHandle implements Disk {
  readonly #disk: SimDisk;
  #dead = false;

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  die(): void {
    this.#dead = true;
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return this.#turn(() => this.#disk.read(path)?.slice());
  }

  writeDurable(path: string, content: Uint8Array): Promise<void> {
    return this.#turn(() => this.#disk.writeDurable(path, content));
  }

  append(path: string, content: Uint8Array): Promise<void> {
    return this.#turn(() => this.#disk.append(path, content));
  }

  sync(path: string): Promise<void> {
    return this.#turn(() => this.#disk.sync(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#turn(() => this.#disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#turn(() => this.#disk.remove(path));
  }

  list(folder: string): Promise<string[]> {
    return this.#turn(() => this.#disk.list(folder));
  }

  size(path: string): Promise<number | undefined> {
    return this.#turn(() => this.#disk.read(path)?.length);
  }

  free(): Promise<{ readonly bytes: number; readonly totalBytes: number }> {
    return this.#turn(() => ({ bytes: this.#disk.freeBytes, totalBytes: this.#disk.capacityBytes }));
  }

  absolute(path: string): string {
    return `${this.#disk.root}/${path}`;
  }

  async #turn<T>(act: () => T): Promise<T> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#dead) return await never();
    try {
      return act();
    } catch (error) {
      if (error instanceof PowerGoneError) return await never();
      throw error;
    }
  }
}
