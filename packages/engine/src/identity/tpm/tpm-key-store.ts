/** The node's keys in a TPM 2.0. They are made inside it, bound to it, and lie under persistent handles. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { p256PublicKey } from "../certificate.ts";
import {
  type Activated,
  type Challenge,
  type CredentialKeys,
  type KeyStore,
  KeyStoreError,
  type Point,
  type Quote,
  type Sealed,
} from "../key-store.ts";
import { type KeyPurpose, Tpm, type TpmHandle } from "./tpm.ts";
import { type TpmChannel, TpmDeviceChannel, TpmSocketChannel } from "./tpm-channel.ts";
import { activate, credentialKeys } from "./tpm-credential.ts";
import { seal, unseal } from "./tpm-seal.ts";

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

/** Where Linux shows what the firmware measured; a software TPM has no firmware. */
const firmwareLog = "/sys/kernel/security/tpm0/binary_bios_measurements";

export class TpmKeyStore implements KeyStore {
  readonly kind = "tpm";
  readonly place: string;
  readonly chip: KeyStore["chip"];
  readonly publicKeys: KeyStore["publicKeys"];
  readonly #tpm: Tpm;
  readonly #eventLog: string | undefined;
  #lastCredential: Promise<unknown> = Promise.resolve();

  private constructor(
    tpm: Tpm,
    about: Pick<KeyStore, "place" | "chip" | "publicKeys"> & { readonly eventLog: string | undefined },
  ) {
    this.#tpm = tpm;
    this.place = about.place;
    this.chip = about.chip;
    this.publicKeys = about.publicKeys;
    this.#eventLog = about.eventLog;
  }

  static async open(
    place: TpmPlace,
    eventLog: string | undefined = place.kind === "device" ? firmwareLog : undefined,
  ): Promise<TpmKeyStore> {
    const at = place.kind === "swtpm" ? `software TPM at ${place.socket}` : `TPM at ${place.path}`;
    const channel: TpmChannel =
      place.kind === "swtpm" ? new TpmSocketChannel(place.socket) : new TpmDeviceChannel(place.path);
    const tpm = new Tpm(channel);
    try {
      const publicKeys = {
        device: await prepare(tpm, "sign"),
        exchange: await prepare(tpm, "exchange"),
        attestation: await prepare(tpm, "attest"),
      };
      return new TpmKeyStore(tpm, { place: at, chip: await tpm.chip(), publicKeys, eventLog });
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

  async seal(secret: Uint8Array, registers: readonly number[]): Promise<Sealed> {
    return await seal(this.#tpm, secret, registers);
  }

  async unseal(sealed: Sealed, registers: readonly number[]): Promise<Uint8Array | undefined> {
    return await unseal(this.#tpm, sealed, registers);
  }

  credentialKeys(): Promise<CredentialKeys> {
    return this.#credential(() => credentialKeys(this.#tpm));
  }

  activate(challenge: Challenge): Promise<Activated> {
    return this.#credential(() => activate(this.#tpm, challenge));
  }

  /** One after the other: both make the keys where they are not there. */
  #credential<T>(ask: () => Promise<T>): Promise<T> {
    const mine = this.#lastCredential.then(ask);
    this.#lastCredential = mine.catch(() => undefined);
    return mine;
  }

  async eventLog(): Promise<Uint8Array | undefined> {
    if (this.#eventLog === undefined) return undefined;
    try {
      return await readFile(this.#eventLog);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : "";
      const why =
        code === "ENOENT" ? "is not there; mount securityfs at /sys/kernel/security" : "is unreadable";
      throw new KeyStoreError(`the firmware's log ${this.#eventLog} ${why}`, { cause });
    }
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
