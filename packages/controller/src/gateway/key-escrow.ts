import { createHash } from "node:crypto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Clock, LruMap, toRfc3339 } from "@selvedge/base";
import { attest } from "@selvedge/eve-api";
import { BusyError, type Records } from "../ports.ts";

/** How a node proved its state. */
export type Proof = "tpm" | "software";

/** Keys that a node wants kept cannot be taken as they are. */
export class EscrowError extends Error {
  override name = "EscrowError";
}

/** There is no room for more, and nothing is dropped for them: the node sends them again until there is. */
export class EscrowFullError extends BusyError {
  override name = "EscrowFullError";
}

interface EscrowSet {
  readonly proof: Proof;
  /** Encoded AttestVolumeKeys in hexadecimal. */
  readonly keys: readonly string[];
  /** When it came first; of sets from before this was kept nobody knows. */
  readonly at?: string;
}

/** A set as people may see it: keys are encrypted to a TPM, but still nobody's to read. */
export interface ShownSet {
  readonly id: string;
  readonly at?: string;
  readonly proof: Proof;
  readonly keys: number;
  readonly bytes: number;
}

/** How much of its room a device has used. */
export interface EscrowFill {
  readonly bytes: number;
  readonly is: "roomy" | "filling" | "full";
}

const bucket = "escrow";
/** EVE has one storage key; a few more are no sign of trouble, many are. */
const keysMax = 16;
const keyBytesMax = 16 * 1024;
/** Of one device: 16 sets of the largest, or 25,000 as boxes send them, who have a new one once in years. */
export const escrowBytesMax: number = 8 * 1024 * 1024;
/** Its owner is told when half of that is used, long before there is no room. */
const toldAt = 2;
/** Devices that were told there is no room, remembered to be shown. */
const fullMax = 10_000;

/**
 * Keys that open a node's storage after its system was updated and its TPM no longer does. They are
 * encrypted for that TPM; we cannot read them. Kept for ever, under the device's certificate: a node that
 * was removed and enrols again finds them. Nothing but a human drops any: when there is no room, the newest are
 * not taken, which the node still has.
 */
export class KeyEscrow {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #full = new LruMap<string, true>(fullMax);
  readonly #bytesMax: number;

  constructor(records: Records, clock: Clock, bytesMax: number = escrowBytesMax) {
    this.#records = records;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  keep(certificateHash: Uint8Array, proof: Proof, keys: readonly attest.AttestVolumeKey[]): void {
    if (keys.length === 0) throw new EscrowError("storage_keys.keys is empty");
    if (keys.length > keysMax) throw new EscrowError(`storage_keys.keys has more than ${keysMax} entries`);
    const index = keys.findIndex(({ key }) => key.length > keyBytesMax);
    if (index >= 0)
      throw new EscrowError(`storage_keys.keys[${index}].key has more than ${keyBytesMax} bytes`);
    const made = keys.map((key) => toBinary(attest.AttestVolumeKeySchema, key).toHex());
    const owner = certificateHash.toHex();
    const sets = this.#sets(owner);
    const text = made.join();
    const known = sets.find((set) => set.keys.join() === text);
    const at = known === undefined ? toRfc3339(this.#clock.now()) : known.at;
    const others = sets.filter((set) => set !== known);
    const record = encode([...others, { proof, keys: made, ...(at !== undefined && { at }) }]);
    if (known === undefined && record.length > this.#bytesMax) {
      this.#full.set(owner, true);
      throw new EscrowFullError(`${sets.length} sets of keys leave no room for another`);
    }
    this.#full.delete(owner);
    this.#records.put(bucket, owner, record);
  }

  /** The newest set, unless it takes more proof than was given. */
  release(certificateHash: Uint8Array, proof: Proof): readonly attest.AttestVolumeKey[] {
    const newest = this.#sets(certificateHash.toHex()).at(-1);
    if (newest === undefined || (newest.proof === "tpm" && proof !== "tpm")) return [];
    return newest.keys.map((key) => fromBinary(attest.AttestVolumeKeySchema, Uint8Array.fromHex(key)));
  }

  /** By the hash of the device's certificate in hexadecimal, as the rest below. */
  fill(owner: string): EscrowFill {
    const bytes = this.#records.get(bucket, owner)?.length ?? 0;
    const is = this.#full.get(owner) ? "full" : bytes > this.#bytesMax / toldAt ? "filling" : "roomy";
    return { bytes, is };
  }

  /** The newest last: that is the one a node gets. */
  shown(owner: string): readonly ShownSet[] {
    return this.#sets(owner).map((set) => ({
      id: idOf(set),
      ...(set.at !== undefined && { at: set.at }),
      ...{ proof: set.proof, keys: set.keys.length, bytes: set.keys.join("").length / 2 },
    }));
  }

  /** A human's word that all but the newest may go. */
  prune(owner: string, count: number): void {
    this.#records.put(bucket, owner, encode(this.#sets(owner).slice(-count)));
    this.#full.delete(owner);
  }

  /** A human's word that a node is to get this set from now on; false when there is none of that name. */
  prefer(owner: string, id: string): boolean {
    const sets = this.#sets(owner);
    const chosen = sets.find((set) => idOf(set) === id);
    if (chosen === undefined) return false;
    this.#records.put(bucket, owner, encode([...sets.filter((set) => set !== chosen), chosen]));
    return true;
  }

  #sets(owner: string): readonly EscrowSet[] {
    const record = this.#records.get(bucket, owner);
    return record === undefined ? [] : (JSON.parse(new TextDecoder().decode(record)) as EscrowSet[]);
  }
}

function encode(sets: readonly EscrowSet[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(sets));
}

function idOf({ keys }: EscrowSet): string {
  return createHash("sha256").update(keys.join()).digest("hex").slice(0, 16);
}
