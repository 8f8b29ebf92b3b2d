import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Vault } from "../ports.ts";
import type { Disk } from "./disk.ts";

/** Begins each sealed file. Nothing that is kept in clear begins so: it is text. */
const mark = new Uint8Array([0, ...new TextEncoder().encode("sealed1")]);
const algorithm = "aes-256-gcm";
const ivBytes = 12;
const tagBytes = 16;
/** Length of what follows, IV, text, tag. */
const lengthBytes = 4;

/** There is a key, and the node does not have it now. Once the vault is open the same is done again. */
export class VaultLockedError extends Error {
  override name = "VaultLockedError";
}

/**
 * Files that only the vault's key opens, on a node that has a vault; the engine's own files for what apps say.
 * Each write is a frame of its own, so that what a power cut tore is left out and all before it is read. A file
 * that an engine before this one left in clear is read as it is, and sealed when it is written to.
 */
export class SealedDisk implements Disk {
  readonly #disk: Disk;
  readonly #vault: Vault;
  /** Files known to be sealed, so that nobody reads a file to add to it. */
  readonly #known = new Set<string>();

  constructor(disk: Disk, vault: Vault) {
    this.#disk = disk;
    this.#vault = vault;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#disk.read(path);
    return bytes !== undefined && isSealed(bytes) ? opened(bytes, this.#key(path)) : bytes;
  }

  async writeDurable(path: string, content: Uint8Array): Promise<void> {
    const key = this.#keyToWrite(path);
    await this.#disk.writeDurable(path, key === undefined ? content : join([mark, frame(content, key)]));
  }

  async append(path: string, content: Uint8Array): Promise<void> {
    const key = this.#keyToWrite(path);
    if (key === undefined) return await this.#disk.append(path, content);
    if (!this.#known.has(path)) {
      const before = await this.#disk.read(path);
      if (before === undefined || before.length === 0) await this.#disk.append(path, mark);
      else if (!isSealed(before)) await this.writeDurable(path, before);
      this.#known.add(path);
    }
    await this.#disk.append(path, frame(content, key));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#disk.rename(from, to);
    this.#known.delete(from);
    this.#known.delete(to);
  }

  async remove(path: string): Promise<void> {
    await this.#disk.remove(path);
    for (const known of this.#known)
      if (known === path || known.startsWith(`${path}/`)) this.#known.delete(known);
  }

  sync(path: string): Promise<void> {
    return this.#disk.sync(path);
  }

  list(folder: string): Promise<string[]> {
    return this.#disk.list(folder);
  }

  /** Of the file as it lies there. */
  size(path: string): Promise<number | undefined> {
    return this.#disk.size(path);
  }

  free(): Promise<{ readonly bytes: number; readonly totalBytes: number }> {
    return this.#disk.free();
  }

  absolute(path: string): string {
    return this.#disk.absolute(path);
  }

  #keyToWrite(path: string): Uint8Array | undefined {
    return this.#vault.state === "off" ? undefined : this.#key(path);
  }

  #key(path: string): Uint8Array {
    const secret = this.#vault.secretFor("files");
    if (secret === undefined) throw new VaultLockedError(`the vault with ${path} is not open`);
    return Uint8Array.fromBase64(secret);
  }
}

export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= mark.length && mark.every((byte, at) => bytes[at] === byte);
}

function frame(content: Uint8Array, key: Uint8Array): Uint8Array {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv);
  const text = cipher.update(content);
  cipher.final();
  const length = new Uint8Array(lengthBytes);
  new DataView(length.buffer).setUint32(0, ivBytes + text.length + tagBytes);
  return join([length, iv, text, cipher.getAuthTag()]);
}

/** All frames up to the first that is not whole. */
function opened(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = mark.length; at + lengthBytes <= bytes.length; ) {
    const start = at + lengthBytes;
    at = start + view.getUint32(at);
    const body = bytes.subarray(start, at);
    const text = at <= bytes.length && body.length >= ivBytes + tagBytes ? decrypted(body, key) : undefined;
    if (text === undefined) break;
    parts.push(text);
  }
  return join(parts);
}

function decrypted(body: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(algorithm, key, body.subarray(0, ivBytes));
  decipher.setAuthTag(body.subarray(-tagBytes));
  try {
    return join([decipher.update(body.subarray(ivBytes, -tagBytes)), decipher.final()]);
  } catch {
    // Torn, or of another key: there is nothing in it for us.
    return undefined;
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
