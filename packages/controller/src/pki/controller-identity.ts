import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { certs, common, encodeEnvelope } from "@selvedge/eve-api";

/** A certificate as it is published: the hash that names it covers exactly these bytes. */
export interface PublishedCertificate {
  readonly pem: Uint8Array;
  /** SHA-256 of `pem`. */
  readonly sha256: Uint8Array;
}

export interface EncryptionKey extends PublishedCertificate {
  readonly key: KeyObject;
}

export interface ControllerIdentityOptions {
  readonly signing: { readonly certificate: string; readonly key: KeyObject };
  /** The newest first; older ones stay published while a node's configuration may still refer to them. */
  readonly encryption: readonly { readonly certificate: string; readonly key: KeyObject }[];
  readonly intermediates: readonly string[];
}

/**
 * What the controller is towards nodes: the key it signs with, the keys secrets are encrypted with, and the
 * list of certificates it publishes. Nothing in it changes; a renewal makes a new one.
 */
export class ControllerIdentity {
  readonly signing: PublishedCertificate;
  readonly encryption: readonly EncryptionKey[];
  /** Changes when the published list does: EdgeDevConfig.controllercert_confighash. */
  readonly certsHash: string;
  /** The enveloped ZControllerCert, ready to be sent. */
  readonly certsAnswer: Uint8Array;
  readonly #key: KeyObject;

  constructor(options: ControllerIdentityOptions) {
    this.#key = options.signing.key;
    this.signing = published(options.signing.certificate);
    this.encryption = options.encryption.map(({ certificate, key }) => ({ ...published(certificate), key }));
    if (this.encryption.length === 0) throw new Error("encryption: at least one key is needed");
    const list = create(certs.ZControllerCertSchema, {
      certs: [
        zCert(certs.ZCertType.CERT_TYPE_CONTROLLER_SIGNING, this.signing),
        ...options.intermediates.map((pem) =>
          zCert(certs.ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE, published(pem)),
        ),
        ...this.encryption.map((certificate) =>
          zCert(certs.ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE, certificate),
        ),
      ],
    });
    const payload = toBinary(certs.ZControllerCertSchema, list);
    this.certsHash = createHash("sha256").update(payload).digest("hex");
    this.certsAnswer = this.seal(payload);
  }

  /** r‖s over the bytes, by the signing key. */
  sign(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign("sha256", bytes, { key: this.#key, dsaEncoding: "ieee-p1363" }));
  }

  /** Whether this identity's key made such a signature. */
  hasSigned(bytes: Uint8Array, signature: Uint8Array): boolean {
    return verify("sha256", bytes, { key: publicKeyOf(this.signing), dsaEncoding: "ieee-p1363" }, signature);
  }

  /** An envelope around `payload`, signed. */
  seal(payload: Uint8Array): Uint8Array {
    return encodeEnvelope({
      ...{ payload, algorithm: 2, senderCertHash: this.signing.sha256 },
      signature: this.sign(payload),
    });
  }
}

/** How many bytes of the SHA-256 name a certificate in lists and cipher contexts. */
export const certHashLength = 16;

function zCert(type: certs.ZCertType, { pem, sha256 }: PublishedCertificate): certs.ZCert {
  return create(certs.ZCertSchema, {
    ...{ type, cert: pem, certHash: sha256.subarray(0, certHashLength) },
    hashAlgo: common.HashAlgorithm.SHA256_16BYTES,
  });
}

function published(certificate: string): PublishedCertificate {
  const pem = new TextEncoder().encode(certificate);
  return { pem, sha256: new Uint8Array(createHash("sha256").update(pem).digest()) };
}

/** The public half of a published certificate's key. */
function publicKeyOf({ pem }: PublishedCertificate): KeyObject {
  return createPublicKey(Buffer.from(pem));
}
