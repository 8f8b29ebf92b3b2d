import { createHash, X509Certificate } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { certs } from "@selvedge/eve-api";
import type { NodeId, Records } from "../ports.ts";

/** A certificate that a node sent cannot be used. */
export class DeviceCertificateError extends Error {
  override name = "DeviceCertificateError";
}

const bucket = "device-certificates";
/** EVE sends four; a chain for an endorsement key adds a few. */
const countMax = 16;
/** An RSA certificate with a long chain of attributes is below 4 KiB. */
const bytesMax = 16 * 1024;
/** How a certificate is named in lists and cipher contexts: the first bytes of SHA-256 over its PEM text. */
const hashLength = 16;

const {
  CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
  CERT_TYPE_DEVICE_ENDORSEMENT_RSA,
  CERT_TYPE_DEVICE_ECDH_EXCHANGE,
} = certs.ZCertType;
const fixed: readonly certs.ZCertType[] = [
  CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
  CERT_TYPE_DEVICE_ENDORSEMENT_RSA,
];

/**
 * The certificates nodes upload: which key their TPM signs quotes with, which one secrets are encrypted to.
 * The envelope they came in was signed by the node's device key, so they are the node's own word.
 */
export class DeviceCertificates {
  readonly #records: Records;
  readonly #known = new Map<NodeId, readonly certs.ZCert[]>();
  readonly #listeners = new Set<(node: NodeId) => void>();

  constructor(records: Records) {
    this.#records = records;
    for (const [node, record] of records.entries(bucket)) {
      this.#known.set(node, fromBinary(certs.ZControllerCertSchema, record).certs);
    }
  }

  /**
   * Takes what a node sent. Types that it sent take the place of what there was of them; the rest is kept.
   */
  accept(node: NodeId, sent: readonly certs.ZCert[]): void {
    if (sent.length > countMax) {
      throw new DeviceCertificateError(`certs has ${sent.length} entries; the most is ${countMax}`);
    }
    for (const [index, certificate] of sent.entries()) checkCertificate(certificate, `certs[${index}]`);
    for (const [index, certificate] of sent.entries())
      this.#checkUnchanged(node, certificate, `certs[${index}]`);
    const types = new Set(sent.map(({ type }) => type));
    const kept = (this.#known.get(node) ?? []).filter(({ type }) => !types.has(type));
    const list = create(certs.ZControllerCertSchema, { certs: [...kept, ...sent].slice(-countMax) });
    const record = toBinary(certs.ZControllerCertSchema, list);
    const before = this.#records.get(bucket, node);
    if (before !== undefined && Buffer.compare(before, record) === 0) return;
    this.#records.put(bucket, node, record);
    this.#known.set(node, list.certs);
    for (const listener of [...this.#listeners]) listener(node);
  }

  /**
   * What a TPM is known by does not change while the node is the same one: a thief of its disk must not
   * bring another. The same key in a new certificate is well; another box is enrolled anew.
   */
  #checkUnchanged(node: NodeId, { type, cert }: certs.ZCert, field: string): void {
    if (!fixed.includes(type)) return;
    const known = this.find(node, type);
    if (known === undefined || sameKey(known.cert, cert)) return;
    throw new DeviceCertificateError(
      `${field}: this node's TPM has another key; delete its EdgeNode and enrol the box anew`,
    );
  }

  /** The newest certificate of one type. */
  find(node: NodeId, type: certs.ZCertType): certs.ZCert | undefined {
    return this.#known.get(node)?.findLast((certificate) => certificate.type === type);
  }

  /** Whom anything is kept for. */
  nodes(): readonly NodeId[] {
    return [...this.#known.keys()];
  }

  forget(node: NodeId): void {
    if (!this.#known.delete(node)) return;
    this.#records.delete(bucket, node);
    for (const listener of [...this.#listeners]) listener(node);
  }

  /** Called with the node whose certificates came or changed. Returns how to stop. */
  onChange(listener: (node: NodeId) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Of certificates that cannot be read the text must be the same. */
function sameKey(left: Uint8Array, right: Uint8Array): boolean {
  if (Buffer.compare(left, right) === 0) return true;
  try {
    const [one, other] = [left, right].map((pem) => new X509Certificate(Buffer.from(pem)).publicKey);
    return one !== undefined && other !== undefined && one.equals(other);
  } catch {
    return false;
  }
}

function checkCertificate({ type, cert, certHash }: certs.ZCert, field: string): void {
  if (cert.length > bytesMax)
    throw new DeviceCertificateError(`${field}.cert has more than ${bytesMax} bytes`);
  // Only what we use ourselves must be of the right kind; the rest is kept for whoever asks later.
  if (type !== CERT_TYPE_DEVICE_RESTRICTED_SIGNING && type !== CERT_TYPE_DEVICE_ECDH_EXCHANGE) return;
  const digest = createHash("sha256").update(cert).digest("hex");
  const named = certHash.toHex();
  if (named !== digest.slice(0, 2 * hashLength) && named !== digest) {
    throw new DeviceCertificateError(`${field}.certHash is not the hash of the certificate's text`);
  }
  let curve: string | undefined;
  try {
    curve = new X509Certificate(Buffer.from(cert)).publicKey.asymmetricKeyDetails?.namedCurve;
  } catch (cause) {
    throw new DeviceCertificateError(`${field}.cert is not a certificate`, { cause });
  }
  // A TPM's attestation key may be RSA; what secrets are encrypted to must be on the one curve both ends
  // derive with.
  if (type === CERT_TYPE_DEVICE_ECDH_EXCHANGE && curve !== "prime256v1") {
    throw new DeviceCertificateError(`${field}.cert has a key on ${curve ?? "no curve"}; it must be P-256`);
  }
}
