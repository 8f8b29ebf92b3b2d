/** The node's keys in a TPM 2.0. They are made inside it, bound to it, and lie under persistent handles. */
import { createHash } from "node:crypto";
import { p256PublicKey } from "../certificate.ts";
import { type KeyStore, KeyStoreError, type Point, type Quote } from "../key-store.ts";
import { type KeyPurpose, Tpm, type TpmHandle } from "./tpm.ts";
import { type TpmChannel, TpmDeviceChannel, TpmSocketChannel } from "./tpm-channel.ts";

/** Handles of the range that TCG leaves to the owner, beside those that EVE and distributions use. */
const handles: Readonly<Record<KeyPurpose, TpmHandle>> = {
  sign: 0x8153_0001,
  exchange: 0x8153_0002,
  attest: 0x8153_0003,
};
/** Where the device certificate lies, so that a box whose disk was replaced is still the same node. */
const certificateIndex: TpmHandle = 0x0153_0001;
/** The NV area is made once and never grows; a certificate of ours has about 450 bytes. */
const certificateArea = 1024;

export type TpmPlace =
  | { readonly kind: "swtpm"; readonly socket: string }
  | { readonly kind: "device"; readonly path: string };

export class TpmKeyStore implements KeyStore {
  readonly kind = "tpm";
  readonly place: string;
  readonly chip: KeyStore["chip"];
  readonly publicKeys: KeyStore["publicKeys"];
  readonly #tpm: Tpm;

  private constructor(tpm: Tpm, place: string, chip: KeyStore["chip"], publicKeys: KeyStore["publicKeys"]) {
    this.#tpm = tpm;
    this.place = place;
    this.chip = chip;
    this.publicKeys = publicKeys;
  }

  static async open(place: TpmPlace): Promise<TpmKeyStore> {
    const at = place.kind === "swtpm" ? `software TPM at ${place.socket}` : `TPM at ${place.path}`;
    const channel: TpmChannel =
      place.kind === "swtpm" ? new TpmSocketChannel(place.socket) : new TpmDeviceChannel(place.path);
    const tpm = new Tpm(channel);
    try {
      return new TpmKeyStore(tpm, at, await tpm.chip(), {
        device: await prepare(tpm, "sign"),
        exchange: await prepare(tpm, "exchange"),
        attestation: await prepare(tpm, "attest"),
      });
    } catch (cause) {
      await tpm[Symbol.asyncDispose]();
      throw new KeyStoreError(`the ${at} cannot be used`, { cause });
    }
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return await this.#tpm.sign(handles.sign, createHash("sha256").update(bytes).digest());
  }

  async sharedPoint(peer: Point): Promise<Point> {
    return await this.#tpm.sharedPoint(handles.exchange, peer);
  }

  async quote(nonce: Uint8Array): Promise<Quote> {
    const { attested, signature } = await this.#tpm.quote(handles.attest, nonce);
    return { attested, signature, registers: await this.#tpm.readRegisters() };
  }

  async readCertificate(): Promise<Uint8Array | undefined> {
    return await this.#tpm.nvRead(certificateIndex, certificateArea);
  }

  async writeCertificate(der: Uint8Array): Promise<void> {
    const area = new Uint8Array(certificateArea);
    area.set(der);
    await this.#tpm.nvWrite(certificateIndex, area);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tpm[Symbol.asyncDispose]();
  }
}

/** The public key under the purpose's handle; the key is made when it is not there. */
async function prepare(tpm: Tpm, purpose: KeyPurpose): Promise<Uint8Array> {
  const handle = handles[purpose];
  const known = await tpm.readPublic(handle);
  if (known !== undefined) return p256PublicKey(known.x, known.y);
  // The seed and this label determine the key, so that a handle somebody evicted comes back with the same key
  // in it.
  const label = createHash("sha256").update(`selvedge ${purpose}`).digest();
  const transient = await tpm.createPrimary(purpose, label);
  try {
    await tpm.persist(transient, handle);
  } finally {
    await tpm.flush(transient);
  }
  const made = await tpm.readPublic(handle);
  if (made === undefined)
    throw new KeyStoreError(`the key at 0x${handle.toString(16)} is not there after making it`);
  return p256PublicKey(made.x, made.y);
}
