import { createHash, type KeyObject, verify, X509Certificate } from "node:crypto";
import { decodeEnvelope, type Envelope, EnvelopeError, shortHash } from "@selvedge/eve-api";
import type { Refused } from "./answers.ts";
import type { KnownNode, NodeDirectory } from "./node-directory.ts";

/**
 * How many bytes of a certificate's hash the directory finds it by: the shorter of the two forms nodes may
 * send.
 */
const prefixLength = 16;

export type Authenticated =
  | { readonly type: "node"; readonly node: KnownNode; readonly payload: Uint8Array }
  | { readonly type: "refused"; readonly refused: Refused };

/** Who says that it signed a body: whether it did is still to be verified. */
export interface Claim {
  readonly type: "claim";
  readonly node: KnownNode;
  readonly envelope: Envelope;
}

type Refusal = Authenticated & { readonly type: "refused" };

/** Who signed this body. The order is by cost: what is cheap to refuse is refused first. */
export function authenticate(body: Uint8Array, directory: NodeDirectory): Authenticated {
  const claim = readClaim(body, directory);
  if (claim.type === "refused") return claim;
  return judge(claim, signedBy(claim.envelope, claim.node.key), directory);
}

export function readClaim(body: Uint8Array, directory: NodeDirectory): Claim | Refusal {
  const envelope = openEnvelope(body);
  if ("status" in envelope) return { type: "refused", refused: envelope };
  const node = holderOf(envelope, directory);
  if (node === undefined || !names(envelope, node.certificateHash)) return nobody;
  return { type: "claim", node, envelope };
}

/** What a claim is worth, once its signature was verified: its node may have been sent away meanwhile. */
export function judge({ node, envelope }: Claim, isSigned: boolean, directory: NodeDirectory): Authenticated {
  if (!isSigned) return refuse(401, "signature", "the signature does not verify");
  if (holderOf(envelope, directory) !== node) return nobody;
  return { type: "node", node, payload: envelope.payload };
}

function holderOf({ senderCertHash }: Envelope, directory: NodeDirectory): KnownNode | undefined {
  return directory.byCertificate(senderCertHash.subarray(0, prefixLength).toHex());
}

/** The envelope in a body, or why there is none. */
export function openEnvelope(body: Uint8Array): Envelope | Refused {
  let envelope: Envelope;
  try {
    envelope = decodeEnvelope(body);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    return { status: 400, reason: "malformed", message: `no envelope: ${error.message}` };
  }
  if (envelope.encrypted) {
    return {
      status: 400,
      reason: "malformed",
      message: "the envelope is encrypted; nodes send theirs in clear",
    };
  }
  return envelope;
}

/** With others the bytes of a signature are not said, or they are too short to prove anything. */
const curves: readonly (string | undefined)[] = ["prime256v1", "secp384r1"];
/** Shorter can be forged; longer costs whoever checks it more than a stranger is worth. */
const [rsaBitsMin, rsaBitsMax] = [2048, 4096];

/** Why nobody may sign envelopes with this key; undefined when it is fine. */
export function keyFault({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {};
  const isGood =
    asymmetricKeyType === "ec"
      ? curves.includes(namedCurve)
      : asymmetricKeyType === "rsa" && modulusLength >= rsaBitsMin && modulusLength <= rsaBitsMax;
  if (isGood) return undefined;
  return `key must be on P-256 or P-384, or RSA of ${rsaBitsMin} to ${rsaBitsMax} bits`;
}

/** Verifies signatures, here or elsewhere: nearly every request has one. */
export interface SignatureVerifier {
  verify(envelope: Envelope, key: KeyObject): boolean | Promise<boolean>;
}

/** Keys that were looked at already: what a key is does not change, and each look asks OpenSSL. */
const fit = new WeakSet<KeyObject>();

export function signedBy({ payload, signature }: Envelope, key: KeyObject): boolean {
  return isFit(key) && verify("sha256", payload, { key, dsaEncoding }, signature);
}

/** Of other types of keys some throw, and some would accept. */
export function isFit(key: KeyObject): boolean {
  if (fit.has(key)) return true;
  if (keyFault(key) !== undefined) return false;
  fit.add(key);
  return true;
}

/** For an RSA key it does not matter: its signatures are PKCS#1 v1.5. */
export const dsaEncoding = "ieee-p1363";

/** Whether the envelope says that the certificate of this hash made it. */
export function names({ algorithm, senderCertHash }: Envelope, sha256: Uint8Array): boolean {
  const kind = algorithm === 0 ? 2 : algorithm;
  return Buffer.compare(senderCertHash, shortHash(sha256, kind)) === 0;
}

/** SHA-256 over a certificate's DER: how nodes name their own. */
export function certificateHash(certificate: X509Certificate): Uint8Array {
  return new Uint8Array(createHash("sha256").update(certificate.raw).digest());
}

/** Registration carries certificates as the base64 of their PEM. Undefined when it is none. */
export function decodeCertificate(bytes: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(Buffer.from(bytes).toString("latin1"), "base64"));
  } catch {
    return undefined;
  }
}

function refuse(status: number, reason: Refused["reason"], text: string): Refusal {
  return { type: "refused", refused: { status, reason, message: text } };
}

const nobody = refuse(401, "unknown", "no node has this certificate");
