import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { attest } from "@selvedge/eve-api";
import type { Records } from "../ports.ts";

/** How a node proved its state. */
export type Proof = "tpm" | "software";

/** Keys that a node wants kept cannot be taken as they are. */
export class EscrowError extends Error {
  override name = "EscrowError";
}

interface EscrowSet {
  readonly proof: Proof;
  /** Encoded AttestVolumeKeys in hexadecimal. */
  readonly keys: readonly string[];
}

const bucket = "escrow";
/** EVE has one storage key; a few more are no sign of trouble, many are. */
const keysMax = 16;
const keyBytesMax = 16 * 1024;
/**
 * Sets kept for one device: older ones are there for a human, should a node ever replace a good key by a
 * bad one.
 */
const setsMax = 32;

/**
 * Keys that open a node's storage after its system was updated and its TPM no longer does. They are
 * encrypted for that TPM; we cannot read them. Kept for ever, under the device's certificate: a node that
 * was removed and enrols again finds them.
 */
export class KeyEscrow {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  keep(certificateHash: Uint8Array, proof: Proof, keys: readonly attest.AttestVolumeKey[]): void {
    if (keys.length === 0) throw new EscrowError("storage_keys.keys is empty");
    if (keys.length > keysMax) throw new EscrowError(`storage_keys.keys has more than ${keysMax} entries`);
    const index = keys.findIndex(({ key }) => key.length > keyBytesMax);
    if (index >= 0)
      throw new EscrowError(`storage_keys.keys[${index}].key has more than ${keyBytesMax} bytes`);
    const set = { proof, keys: keys.map((key) => toBinary(attest.AttestVolumeKeySchema, key).toHex()) };
    const owner = certificateHash.toHex();
    const others = this.#sets(owner).filter((one) => one.keys.join() !== set.keys.join());
    const record = JSON.stringify([...others, set].slice(-setsMax));
    this.#records.put(bucket, owner, new TextEncoder().encode(record));
  }

  /** The newest set, unless it takes more proof than was given. */
  release(certificateHash: Uint8Array, proof: Proof): readonly attest.AttestVolumeKey[] {
    const newest = this.#sets(certificateHash.toHex()).at(-1);
    if (newest === undefined || (newest.proof === "tpm" && proof !== "tpm")) return [];
    return newest.keys.map((key) => fromBinary(attest.AttestVolumeKeySchema, Uint8Array.fromHex(key)));
  }

  #sets(owner: string): readonly EscrowSet[] {
    const record = this.#records.get(bucket, owner);
    return record === undefined ? [] : (JSON.parse(new TextDecoder().decode(record)) as EscrowSet[]);
  }
}
