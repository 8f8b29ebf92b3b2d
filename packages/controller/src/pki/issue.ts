import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  type Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Instant, Random } from "@selvedge/base";

/** A certificate and its key, kept as one text so that no power cut can part them. */
export interface Pair {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** One PEM block, without white space around it. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

export type Purpose =
  | { readonly type: "authority"; readonly depth: number }
  | { readonly type: "server"; readonly names: readonly string[] }
  | { readonly type: "client" }
  /** Nodes verify these with Go's default rules: no extended usage, or none of them is accepted. */
  | { readonly type: "signing" }
  | { readonly type: "agreement" };

export interface IssueOptions {
  /** `CN=…, O=…` */
  readonly subject: string;
  readonly purpose: Purpose;
  readonly days: number;
  /** Undefined: it signs itself. */
  readonly issuer: Pair | undefined;
  readonly now: Instant;
  readonly random: Random;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMillis = 86_400_000;
const serialLength = 16;
/** As upstream: short-lived certificates start a little in the past, as clocks differ. */
const clockSkew = 5 * 60_000;

/** Makes a P-256 key and a certificate for it. */
export async function issue(options: IssueOptions): Promise<Pair> {
  const { subject, purpose, days, issuer, now, random } = options;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const common = {
    serialNumber: serialNumber(random),
    // A day back: the other end's clock may be behind ours.
    notBefore: new Date(now - dayMillis),
    notAfter: new Date(now + days * dayMillis),
    signingAlgorithm: algorithm,
    extensions: [
      ...extensionsOf(purpose),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(issuer === undefined
        ? []
        : [await AuthorityKeyIdentifierExtension.create(await publicKeyOf(issuer))]),
    ],
  };
  const made =
    issuer === undefined
      ? await X509CertificateGenerator.createSelfSigned({ ...common, name: subject, keys })
      : await X509CertificateGenerator.create({
          ...{ ...common, subject, issuer: subjectOf(issuer), publicKey: keys.publicKey },
          signingKey: await signingKeyOf(issuer),
        });
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return parsePair(`${made.toString("pem")}\n${key}`);
}

export interface SignOptions {
  readonly request: Pkcs10CertificateRequest;
  readonly keyEncipherment: boolean;
  readonly seconds: number;
  readonly issuer: Pair;
  readonly now: Instant;
  readonly random: Random;
}

/** A client certificate for the key and the subject of a request, as PEM. */
export async function signRequest(options: SignOptions): Promise<string> {
  const { request, keyEncipherment, seconds, issuer, now, random } = options;
  const usages = KeyUsageFlags.digitalSignature | (keyEncipherment ? KeyUsageFlags.keyEncipherment : 0);
  const made = await X509CertificateGenerator.create({
    ...{ subject: request.subject, issuer: subjectOf(issuer), publicKey: request.publicKey },
    serialNumber: serialNumber(random),
    notBefore: new Date(now - clockSkew),
    notAfter: new Date(Math.min(now + seconds * 1000, Date.parse(issuer.certificate.validTo))),
    signingAlgorithm: algorithm,
    signingKey: await signingKeyOf(issuer),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(usages, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      await SubjectKeyIdentifierExtension.create(request.publicKey),
      await AuthorityKeyIdentifierExtension.create(await publicKeyOf(issuer)),
    ],
  });
  return made.toString("pem");
}

function serialNumber(random: Random): string {
  const serial = random.bytes(serialLength);
  // A serial number is a positive number without leading zeros.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toHex();
}

/** The text form of a pair, read by `parsePair`. */
export function formatPair({ certificatePem, keyPem }: Pair): string {
  return `${certificatePem}\n${keyPem}\n`;
}

/**
 * Reads a certificate and its key from one text; throws when either is missing or they do not belong
 * together.
 */
export function parsePair(text: string): Pair {
  const [certificatePem = ""] = pemBlocks(text, "CERTIFICATE");
  const [keyPem = ""] = pemBlocks(text, "(?:EC )?PRIVATE KEY");
  const certificate = new X509Certificate(certificatePem);
  const key = createPrivateKey(keyPem);
  if (!certificate.checkPrivateKey(key)) throw new Error("certificate and key do not belong together");
  return { certificate, key, certificatePem, keyPem };
}

/** The PEM blocks of one kind in a text, in order, each without white space around it. */
export function pemBlocks(text: string, label: string): string[] {
  return text.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, "g")) ?? [];
}

/**
 * Whether `pair` has not aged at `now`, was issued by `issuer` and is for exactly these names. A clock that
 * says the certificate is not valid yet is wrong, as we made it in the past: what it would make instead
 * would be worse.
 */
export function isCurrent(pair: Pair, issuer: Pair, now: Instant, names: readonly string[] = []): boolean {
  const { certificate } = pair;
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  // A third of its life is time enough to renew, even for a controller that is rarely started.
  if (now > from + ((to - from) * 2) / 3) return false;
  if (!certificate.checkIssued(issuer.certificate)) return false;
  if (!certificate.verify(issuer.certificate.publicKey)) return false;
  const has = certificate.subjectAltName?.split(", ").length ?? 0;
  return has === names.length && names.every((name) => covers(certificate, name));
}

function covers(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined;
}

function extensionsOf(purpose: Purpose): Extension[] {
  const leaf = new BasicConstraintsExtension(false, undefined, true);
  const usage = (flags: KeyUsageFlags): Extension => new KeyUsagesExtension(flags, true);
  switch (purpose.type) {
    case "authority":
      return [
        new BasicConstraintsExtension(true, purpose.depth, true),
        usage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign),
      ];
    case "server":
      return [
        ...[leaf, usage(KeyUsageFlags.digitalSignature)],
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          purpose.names.map((value) => ({ type: isIP(value) ? "ip" : "dns", value })),
        ),
      ];
    case "client":
      return [
        ...[leaf, usage(KeyUsageFlags.digitalSignature)],
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      ];
    case "signing":
      return [leaf, usage(KeyUsageFlags.digitalSignature)];
    case "agreement":
      return [leaf, usage(KeyUsageFlags.keyAgreement)];
  }
}

/** A node's subject has a line an attribute; the generator wants them separated by commas. */
function subjectOf({ certificate }: Pair): string {
  return certificate.subject.split("\n").join(", ");
}

async function publicKeyOf({ certificate }: Pair): Promise<CryptoKey> {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return await crypto.subtle.importKey("spki", new Uint8Array(spki), algorithm, true, ["verify"]);
}

async function signingKeyOf({ key }: Pair): Promise<CryptoKey> {
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  return await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, false, ["sign"]);
}
