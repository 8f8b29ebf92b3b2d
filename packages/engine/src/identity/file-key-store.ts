/**
 * Keys in a file, for boxes without a TPM. Whoever copies the disk is the node; the engine says so in what it
 * reports.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Disk } from "../host/disk.ts";
import { type KeyStore, KeyStoreError, type Point, type Quote } from "./key-store.ts";

const path = "identity/keys.json";

/** The stored form: PKCS#8 as PEM. */
interface StoredKeys {
  readonly device: string;
  readonly exchange: string;
}

export class FileKeyStore implements KeyStore {
  readonly kind = "file";
  readonly chip = undefined;
  readonly place: string;
  readonly publicKeys: KeyStore["publicKeys"];
  readonly #device: KeyObject;
  readonly #exchange: KeyObject;

  private constructor(place: string, device: KeyObject, exchange: KeyObject) {
    this.place = place;
    this.#device = device;
    this.#exchange = exchange;
    this.publicKeys = { device: spki(device), exchange: spki(exchange), attestation: undefined };
  }

  /** Makes the keys at the first start; they are on the disk before they are used. */
  static async open(disk: Disk): Promise<FileKeyStore> {
    const stored = (await read(disk)) ?? (await create(disk));
    const place = `file ${disk.absolute(path)}`;
    return new FileKeyStore(place, createPrivateKey(stored.device), createPrivateKey(stored.exchange));
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(sign("sha256", bytes, { key: this.#device, dsaEncoding: "ieee-p1363" }));
  }

  async sharedPoint(peer: Point): Promise<Point> {
    // Loaded by the few nodes without a TPM only, and when the first secret is opened.
    const { p256 } = await import("@noble/curves/nist.js");
    const { d = "" } = this.#exchange.export({ format: "jwk" });
    const peerPoint = new Uint8Array(65);
    peerPoint.set([4]);
    peerPoint.set(peer.x, 1);
    peerPoint.set(peer.y, 33);
    const shared = p256.getSharedSecret(
      Uint8Array.fromBase64(d, { alphabet: "base64url" }),
      peerPoint,
      false,
    );
    return { x: shared.subarray(1, 33), y: shared.subarray(33) };
  }

  async quote(): Promise<Quote | undefined> {
    return undefined;
  }

  /** What lies beside the keys would be sealed to nothing. */
  async seal(): Promise<undefined> {
    return undefined;
  }

  async credentialKeys(): Promise<undefined> {
    return undefined;
  }

  async activate(): Promise<undefined> {
    return undefined;
  }

  async unseal(): Promise<undefined> {
    return undefined;
  }

  async eventLog(): Promise<undefined> {
    return undefined;
  }

  /** The certificate lies on the same disk anyway. */
  async readCertificate(): Promise<Uint8Array | undefined> {
    return undefined;
  }

  async writeCertificate(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function read(disk: Disk): Promise<StoredKeys | undefined> {
  const bytes = await disk.read(path);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as StoredKeys;
  } catch (cause) {
    throw new KeyStoreError(
      `${disk.absolute(path)} is not readable; restore it, or remove it to be a new node`,
      {
        cause,
      },
    );
  }
}

async function create(disk: Disk): Promise<StoredKeys> {
  const make = (): string =>
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      format: "pem",
      type: "pkcs8",
    }) as string;
  const stored: StoredKeys = { device: make(), exchange: make() };
  await disk.writeDurable(path, new TextEncoder().encode(JSON.stringify(stored)));
  return stored;
}

function spki(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }));
}
