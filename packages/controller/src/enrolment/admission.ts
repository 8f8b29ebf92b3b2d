import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import type { EdgeNode, EnrollmentProfile } from "@selvedge/kinds";
import { pemBlocks } from "../pki/issue.ts";

/**
 * Whether a box may be a node. It has a certificate and nobody said no: the owner registered it, a profile
 * let it in, or a human approved it. A box that waits has `approved: false` from the start; setting it
 * later sends a node away.
 */
export function isAdmitted({ spec }: EdgeNode): boolean {
  return spec.deviceCertificate !== undefined && spec.deviceCertificate !== "" && spec.approved !== false;
}

export interface CertificateFacts {
  /** SHA-256 over the DER. */
  readonly hash: Uint8Array;
  readonly key: KeyObject;
}

/** By the spec that names the certificate: its hash in hex, empty where there is none. */
const hashes = new WeakMap<EdgeNode["spec"], string>();

/**
 * The hash of a node's certificate in hex; undefined when it has none. To read one takes long, and it is asked for
 * again and again: once for each spec that cannot change.
 */
export function certificateHashOf({ spec }: EdgeNode): string | undefined {
  const hash = hashes.get(spec) ?? readCertificate(spec.deviceCertificate)?.hash.toHex() ?? "";
  if (Object.isFrozen(spec)) hashes.set(spec, hash);
  return hash === "" ? undefined : hash;
}

/** What matters of a certificate in an object; undefined when the text holds none. */
export function readCertificate(pem: string | undefined): CertificateFacts | undefined {
  const [block] = pemBlocks(pem ?? "", "CERTIFICATE");
  if (block === undefined) return undefined;
  try {
    const certificate = new X509Certificate(block);
    const hash = new Uint8Array(createHash("sha256").update(certificate.raw).digest());
    return { hash, key: certificate.publicKey };
  } catch {
    return undefined;
  }
}

/** SHA-256 over what a certificate's text stands for, whether or not it is a certificate; undefined without text. */
export function textHash(pem: string): Uint8Array | undefined {
  const [block] = pemBlocks(pem, "CERTIFICATE");
  if (block === undefined) return undefined;
  const der = Buffer.from(block.replace(/-----[^-]*-----/g, ""), "base64");
  return new Uint8Array(createHash("sha256").update(der).digest());
}

/** Whether a serial is one of those a profile admits. No patterns admit any serial. */
export function admitsSerial(profile: EnrollmentProfile, serial: string): boolean {
  const { serials = [] } = profile.spec;
  return serials.length === 0 || serials.some((pattern) => matchesGlob(pattern, serial));
}

/**
 * `*` stands for any text, `?` for one character. Takes no longer than pattern times text, whatever they
 * are.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let patternAt = 0;
  let star = -1;
  let starText = 0;
  while (at < text.length) {
    const sign = pattern[patternAt];
    if (sign === "*") {
      star = patternAt++;
      starText = at;
    } else if (sign === "?" || sign === text[at]) {
      patternAt++;
      at++;
    } else if (star >= 0) {
      // Let the last star take one character more.
      patternAt = star + 1;
      at = ++starText;
    } else return false;
  }
  while (pattern[patternAt] === "*") patternAt++;
  return patternAt === pattern.length;
}
