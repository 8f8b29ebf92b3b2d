import { createCipheriv, createDecipheriv, createHash, createHmac, X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { LruMap } from "@selvedge/base";
import { type CipherPort, certs, cipher, common, sealCipherBlock } from "@selvedge/eve-api";
import type { DeviceCertificates } from "../gateway/device-certificates.ts";
import { type ControllerIdentity, certHashLength } from "../pki/controller-identity.ts";
import type { NodeId, NodeSealer } from "../ports.ts";
import { sharedKey } from "./shared-key.ts";

export interface CipherSealerOptions {
  readonly certificates: DeviceCertificates;
  /** Asked at each use: a renewal replaces it. A Pki is one of these. */
  readonly pki: {
    readonly identity: ControllerIdentity;
    onRenewed(listener: () => void): () => void;
  };
  /** The same at every start and on every replica: makes equal secrets equal blocks. */
  readonly secret: Uint8Array;
}

/** AES as EVE uses it for secrets. */
export const aesCfb: CipherPort = {
  encrypt: (key, iv, plaintext) => createCipheriv("aes-256-cfb", key, iv).update(plaintext),
  decrypt: (key, iv, ciphertext) => createDecipheriv("aes-256-cfb", key, iv).update(ciphertext),
};

/** Derived keys kept, 32 bytes each: deriving one costs a millisecond. */
const keysMax = 20_000;
const ivLength = 16;

/**
 * Encrypts secrets to nodes. The initial value is a keyed hash of everything that goes in, so that an equal
 * secret gives an equal block and a configuration changes only when its content does; an onlooker learns no
 * more than that.
 */
export class CipherSealer implements NodeSealer {
  readonly #options: CipherSealerOptions;
  readonly #keys = new LruMap<string, Uint8Array>(keysMax);

  constructor(options: CipherSealerOptions) {
    this.#options = options;
  }

  async seal(node: NodeId, name: string, plaintext: Uint8Array): Promise<cipher.CipherBlock | undefined> {
    const device = this.#deviceOf(node);
    if (device === undefined) return undefined;
    const { contextId } = this.#context(device);
    const key = await this.#key(device);
    const iv = createHmac("sha256", this.#options.secret);
    for (const part of [node, name, contextId]) iv.update(`${part.length}:${part}`);
    const initial = new Uint8Array(iv.update(plaintext).digest().subarray(0, ivLength));
    return await sealCipherBlock(aesCfb, { key, iv: initial, contextId, plaintext });
  }

  contexts(node: NodeId): readonly cipher.CipherContext[] {
    const device = this.#deviceOf(node);
    return device === undefined ? [] : [this.#context(device)];
  }

  /** A renewal of the controller's own certificates changes every node's contexts. */
  onChange(listener: (node: NodeId) => void): () => void {
    const { certificates, pki } = this.#options;
    const stops = [
      certificates.onChange(listener),
      pki.onRenewed(() => {
        for (const node of certificates.nodes()) listener(node);
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #deviceOf(node: NodeId): certs.ZCert | undefined {
    return this.#options.certificates.find(node, certs.ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE);
  }

  #context({ certHash }: certs.ZCert): cipher.CipherContext {
    const controllerCertHash = this.#encryption.sha256.subarray(0, certHashLength);
    return create(cipher.CipherContextSchema, {
      contextId: contextIdOf(controllerCertHash, certHash),
      hashScheme: common.HashAlgorithm.SHA256_16BYTES,
      keyExchangeScheme: cipher.KeyExchangeScheme.KEA_ECDH,
      encryptionScheme: cipher.EncryptionScheme.SA_AES_256_CFB,
      deviceCertHash: certHash,
      controllerCertHash,
    });
  }

  async #key({ cert, certHash }: certs.ZCert): Promise<Uint8Array> {
    const { sha256, key } = this.#encryption;
    const name = `${sha256.toHex()} ${certHash.toHex()}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const made = await sharedKey(key, new X509Certificate(Buffer.from(cert)).publicKey);
    this.#keys.set(name, made);
    return made;
  }

  get #encryption(): ControllerIdentity["encryption"][number] {
    const [newest] = this.#options.pki.identity.encryption;
    if (newest === undefined) throw new Error("the controller has no encryption key");
    return newest;
  }
}

/** A name for the pair of certificates, in the form of a UUID made from a hash. */
function contextIdOf(controllerCertHash: Uint8Array, deviceCertHash: Uint8Array): string {
  const digest = createHash("sha1")
    .update(Buffer.alloc(16))
    .update(controllerCertHash)
    .update(deviceCertHash);
  const bytes = digest.digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
