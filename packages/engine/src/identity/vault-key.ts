/**
 * The key to what apps leave on the node's disk. It lies there sealed: the TPM gives it out while firmware and
 * system are those it was sealed under. After an update they are others; then the controller, once it has
 * accepted what the node measured, gives back the copy that it keeps, which only this node's TPM can open.
 */
import { createCipheriv, createDecipheriv, createECDH, hkdfSync } from "node:crypto";
import { describeError, type Log, type Random } from "@selvedge/base";
import type { Disk } from "../host/disk.ts";
import type { Vault, VaultState } from "../ports.ts";
import type { KeyStore, Point } from "./key-store.ts";
import { sha256 } from "./sha256.ts";

export interface VaultKeyParts {
  readonly keys: KeyStore;
  readonly disk: Disk;
  readonly random: Random;
  readonly log: Log;
}

const path = "identity/vault-key.json";
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;
const pointBytes = 65;
const algorithm = "aes-256-gcm";
/** EVE's choice: firmware, its settings, loader and system; not what changes from boot to boot. */
const usualRegisters: readonly number[] = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14];

interface Stored {
  readonly privatePart: string;
  readonly publicPart: string;
  readonly registers: readonly number[];
}

export class VaultKey implements Vault {
  readonly #parts: VaultKeyParts;
  readonly #listeners = new Set<() => void>();
  #key: Uint8Array | undefined;
  #stored: Stored | undefined;

  private constructor(parts: VaultKeyParts) {
    this.#parts = parts;
  }

  /** Opens what this boot may open. */
  static async open(parts: VaultKeyParts): Promise<VaultKey> {
    const vault = new VaultKey(parts);
    const bytes = await parts.disk.read(path);
    if (bytes === undefined) return vault;
    try {
      vault.#stored = JSON.parse(new TextDecoder().decode(bytes)) as Stored;
      const { privatePart, publicPart, registers } = vault.#stored;
      const sealed = {
        privatePart: Uint8Array.fromBase64(privatePart),
        publicPart: Uint8Array.fromBase64(publicPart),
      };
      vault.#key = await parts.keys.unseal(sealed, registers);
      if (vault.#key === undefined)
        parts.log.warn("the vault key stays sealed: the box measures another system");
    } catch (error) {
      parts.log.error("the sealed vault key is of no use", { error: describeError(error) });
    }
    return vault;
  }

  get state(): VaultState {
    if (this.#key !== undefined) return "open";
    if (this.#parts.keys.kind !== "tpm") return "off";
    return this.#stored === undefined ? "none" : "locked";
  }

  /** Undefined while it is not open. */
  get key(): Uint8Array | undefined {
    return this.#key;
  }

  /** One that got out of a machine opens what is the machine's own and nothing else. */
  secretFor(what: string): string | undefined {
    if (this.#key === undefined) return undefined;
    const bytes = hkdfSync("sha256", this.#key, new Uint8Array(), `selvedge ${what}`, keyBytes);
    return new Uint8Array(bytes).toBase64();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The controller has accepted what the box measures. `copies` are what it keeps for the node; `registers`
   * what it wants the key to be sealed to. Resolves with the copy it shall keep; undefined without a TPM.
   */
  async attested(
    copies: readonly Uint8Array[],
    registers: readonly number[] | undefined,
  ): Promise<Uint8Array | undefined> {
    const { keys, random, log } = this.#parts;
    if (keys.kind !== "tpm") return undefined;
    const wanted = registers === undefined || registers.length === 0 ? usualRegisters : registers;
    if (this.#key === undefined) {
      const kept = await this.#fromCopies(copies);
      if (kept === undefined && (copies.length > 0 || this.#stored !== undefined)) {
        // A new key here would throw away whatever the old one opens.
        log.error("the vault stays locked: the controller keeps no copy of its key that this TPM opens");
        return undefined;
      }
      this.#key = kept ?? random.bytes(keyBytes);
      await this.#seal(this.#key, wanted);
      log.info(kept === undefined ? "the node has a vault key" : "the controller gave the vault key back");
      for (const listener of this.#listeners) listener();
    } else if (this.#stored?.registers.join() !== wanted.join()) await this.#seal(this.#key, wanted);
    return await this.#copy(this.#key);
  }

  async #seal(key: Uint8Array, registers: readonly number[]): Promise<void> {
    const { keys, disk } = this.#parts;
    const sealed = await keys.seal(key, registers);
    if (sealed === undefined) return;
    const stored: Stored = {
      privatePart: sealed.privatePart.toBase64(),
      publicPart: sealed.publicPart.toBase64(),
      registers,
    };
    await disk.writeDurable(path, new TextEncoder().encode(JSON.stringify(stored)));
    this.#stored = stored;
  }

  /** Encrypted to the node's exchange key, which never leaves its TPM: ephemeral point, IV, text, tag. */
  async #copy(key: Uint8Array): Promise<Uint8Array> {
    const { keys, random } = this.#parts;
    const ephemeral = createECDH("prime256v1");
    const point = ephemeral.generateKeys();
    const shared = ephemeral.computeSecret(keys.publicKeys.exchange.subarray(-pointBytes));
    const iv = random.bytes(ivBytes);
    const cipher = createCipheriv(algorithm, sha256(shared, point), iv);
    const text = Buffer.concat([cipher.update(key), cipher.final()]);
    return new Uint8Array(Buffer.concat([point, iv, text, cipher.getAuthTag()]));
  }

  async #fromCopies(copies: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
    for (const copy of copies) {
      const key = await this.#opened(copy).catch(() => undefined);
      if (key?.length === keyBytes) return key;
    }
    return undefined;
  }

  async #opened(copy: Uint8Array): Promise<Uint8Array> {
    const point = copy.subarray(0, pointBytes);
    const peer: Point = { x: point.slice(1, 33), y: point.slice(33) };
    const { x } = await this.#parts.keys.sharedPoint(peer);
    const iv = copy.subarray(pointBytes, pointBytes + ivBytes);
    const decipher = createDecipheriv(algorithm, sha256(x, point), iv);
    decipher.setAuthTag(copy.subarray(-tagBytes));
    const text = copy.subarray(pointBytes + ivBytes, -tagBytes);
    return new Uint8Array(Buffer.concat([decipher.update(text), decipher.final()]));
  }
}
