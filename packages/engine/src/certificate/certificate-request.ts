/** What a node asks a certificate authority for, and what it signs that with while it has no certificate. */
import { type KeyObject, X509Certificate } from "node:crypto";
import "reflect-metadata";
import {
  ChallengePasswordAttribute,
  type GeneralNameType,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type Instant, instant } from "@selvedge/base";
import type { RequestSpec } from "./certificate-spec.ts";
import type { ScepHash } from "./scep-message.ts";

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const webHashes = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" } as const;
const dayMs = 86_400_000;

/** PKCS#10, DER. */
export async function certificateRequest(
  spec: RequestSpec,
  keys: KeyPair,
  challenge: string,
): Promise<Uint8Array> {
  const names = alternativeNames(spec);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subjectOf(spec),
    keys: webKeys(keys, spec.hash),
    signingAlgorithm: algorithmOf(spec.hash),
    attributes: challenge === "" ? [] : [new ChallengePasswordAttribute(challenge)],
    extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
  });
  return new Uint8Array(request.rawData);
}

/** Of the same key and name as the request: it says who asks until there is a certificate. Valid for a while. */
export async function ownCertificate(
  spec: RequestSpec,
  keys: KeyPair,
  serial: Uint8Array,
  now: Instant,
): Promise<X509Certificate> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: subjectOf(spec),
    keys: webKeys(keys, spec.hash),
    signingAlgorithm: algorithmOf(spec.hash),
    serialNumber: serial.toHex(),
    // Clocks differ; an authority that asks somebody first may take days.
    notBefore: new Date(instant(now - dayMs)),
    notAfter: new Date(instant(now + 30 * dayMs)),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
    ],
  });
  return new X509Certificate(Buffer.from(certificate.rawData));
}

function subjectOf(spec: RequestSpec): Name {
  const parts: readonly (readonly [string, string])[] = [
    ["C", spec.country],
    ["ST", spec.state],
    ["L", spec.locality],
    ["O", spec.organization],
    ["OU", spec.organizationalUnit],
    ["CN", spec.commonName],
  ];
  return new Name(parts.flatMap(([key, value]): JsonName => (value === "" ? [] : [{ [key]: [value] }])));
}

function alternativeNames(spec: RequestSpec): { type: GeneralNameType; value: string }[] {
  const named = (type: GeneralNameType, values: readonly string[]) =>
    values.map((value) => ({ type, value }));
  return [
    ...named("dns", spec.dnsNames),
    ...named("ip", spec.ipAddresses),
    ...named("url", spec.uris),
    ...named("email", spec.emailAddresses),
  ];
}

function algorithmOf(hash: ScepHash): { name: string; hash: string } {
  return { name: "RSASSA-PKCS1-v1_5", hash: webHashes[hash] };
}

function webKeys(
  { privateKey, publicKey }: KeyPair,
  hash: ScepHash,
): { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey } {
  const algorithm = algorithmOf(hash);
  return {
    privateKey: privateKey.toCryptoKey(algorithm, false, ["sign"]),
    publicKey: publicKey.toCryptoKey(algorithm, true, ["verify"]),
  };
}
