/**
 * The controller's certificates: which list is believed, and which envelope is. Pure.
 *
 * The list itself comes in an envelope whose signature says nothing (it would have to be checked with what is
 * inside); what counts is that every signing and exchange certificate chains to a root the box was given on
 * the ladder.
 */
import { type KeyObject, verify, X509Certificate } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { certs, decodeEnvelope, shortHash } from "@selvedge/eve-api";
import type { Point } from "../identity/key-store.ts";
import { sha256 } from "../identity/sha256.ts";

export interface ControllerCerts {
  /** The encoded ZControllerCert as it came. */
  readonly raw: Uint8Array;
  readonly signing: {
    readonly hash: Uint8Array;
    readonly key: KeyObject;
    /** From when on its certificate is valid; a number that is none for a date that cannot be read. */
    readonly since: number;
  };
  /** Public points to derive keys for secrets with, by certHash in hex. */
  readonly exchange: ReadonlyMap<string, Point>;
}

/** The list is not one to be believed. */
export class ControllerCertsError extends Error {
  override name = "ControllerCertsError";
}

/** The envelope names a certificate that we do not hold: the controller may have changed its key. */
export class UnknownSignerError extends Error {
  override name = "UnknownSignerError";
}

/** The envelope is not from the controller, or was changed on the way. */
export class BadSignatureError extends Error {
  override name = "BadSignatureError";
}

const { ZCertType } = certs;
/** Longer chains are a mistake or an attack on our time. */
const chainMax = 8;
const certificatesMax = 64;
/** An extended key usage that names others but not this one rules a certificate out, as it does for EVE. */
const serverAuth = "1.3.6.1.5.5.7.3.1";

/**
 * `at` undefined leaves dates out of it: for a list that was believed when it came and is read again. A list that
 * goes with one signed message needs no keys for secrets.
 */
export function readControllerCerts(
  raw: Uint8Array,
  roots: readonly string[],
  at: Instant | undefined,
  needs: "signing and exchange" | "signing alone" = "signing and exchange",
): ControllerCerts {
  const list = decodeList(raw);
  if (list.length > certificatesMax)
    throw new ControllerCertsError(
      `the list holds ${list.length} certificates, at most ${certificatesMax} are read`,
    );
  const odd = list.find(({ type }) => type < ZCertType.CERT_TYPE_CONTROLLER_SIGNING || type > 3);
  if (odd !== undefined) throw new ControllerCertsError(`the list holds a certificate of type ${odd.type}`);
  const of = (type: certs.ZCertType): certs.ZCert[] => list.filter((item) => item.type === type);
  const trusted = roots.map((pem) => new X509Certificate(pem));
  const intermediates = of(ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE).map(parse);
  const checked = (item: certs.ZCert): X509Certificate => {
    const certificate = parse(item);
    checkChain(certificate, intermediates, trusted, at);
    return certificate;
  };
  const [signing, ...more] = of(ZCertType.CERT_TYPE_CONTROLLER_SIGNING);
  if (signing === undefined || more.length > 0)
    throw new ControllerCertsError(
      `the list needs one signing certificate and holds ${more.length + (signing ? 1 : 0)}`,
    );
  const exchange = of(ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE);
  if (exchange.length === 0 && needs !== "signing alone")
    throw new ControllerCertsError("the list holds no ECDH certificate");
  const signer = checked(signing);
  return {
    raw,
    signing: {
      ...{ hash: sha256(signing.cert), key: signingKey(signer) },
      since: signer.validFromDate.getTime(),
    },
    exchange: new Map(exchange.map((item) => [item.certHash.toHex(), pointOf(checked(item))])),
  };
}

/** The payload, if one of `lists` vouches for it. */
export function openEnvelope(bytes: Uint8Array, lists: readonly ControllerCerts[]): Uint8Array {
  const envelope = decodeEnvelope(bytes);
  const { algorithm, senderCertHash, payload, signature } = envelope;
  if (envelope.encrypted) throw new BadSignatureError("the answer is encrypted, which nobody asked for");
  if (algorithm === 0) throw new BadSignatureError("the answer does not say how its certificate is hashed");
  const wanted = senderCertHash.toHex();
  const list = lists.find(({ signing }) => shortHash(signing.hash, algorithm).toHex() === wanted);
  if (list === undefined)
    throw new UnknownSignerError(`signed with unknown certificate ${wanted || "(none)"}`);
  const { key } = list.signing;
  const options = key.asymmetricKeyType === "ec" ? { key, dsaEncoding: "ieee-p1363" as const } : { key };
  if (!verify("sha256", payload, options, signature))
    throw new BadSignatureError("the signature does not match");
  return payload;
}

function decodeList(raw: Uint8Array): readonly certs.ZCert[] {
  try {
    return fromBinary(certs.ZControllerCertSchema, raw).certs;
  } catch (cause) {
    throw new ControllerCertsError("the answer is no list of certificates", { cause });
  }
}

function parse({ cert, type }: certs.ZCert): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (cause) {
    throw new ControllerCertsError(`a certificate of type ${type} cannot be read`, { cause });
  }
}

/** From the leaf upwards, an issuer a step, until a root we were given. */
function checkChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  at: Instant | undefined,
): void {
  const usages = leaf.keyUsage;
  if (usages !== undefined && usages.length > 0 && !usages.includes(serverAuth))
    throw new ControllerCertsError(`${describe(leaf)} is for other uses only`);
  let current = leaf;
  for (let step = 0; step < chainMax; step++) {
    checkDates(current, at);
    if (roots.some((root) => root.raw.equals(current.raw))) return;
    const root = roots.find((candidate) => issued(candidate, current));
    if (root !== undefined) {
      checkDates(root, at);
      return;
    }
    const next = intermediates.find((candidate) => candidate.ca && issued(candidate, current));
    if (next === undefined || next.raw.equals(current.raw)) break;
    current = next;
  }
  throw new ControllerCertsError(`${describe(leaf)} does not chain to root-certificate.pem`);
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function checkDates(certificate: X509Certificate, at: Instant | undefined): void {
  if (at === undefined) return;
  // A date that is none compares with nothing.
  const { validFromDate, validToDate, validFrom, validTo } = certificate;
  if (at >= validFromDate.getTime() && at <= validToDate.getTime()) return;
  const now = new Date(at).toISOString();
  throw new ControllerCertsError(
    `${describe(certificate)} is valid from ${validFrom} to ${validTo}; it is ${now} here`,
  );
}

/** Envelopes say how a signature of these is laid out, and of no other. */
function signingKey(certificate: X509Certificate): KeyObject {
  const { publicKey } = certificate;
  if (publicKey.asymmetricKeyType !== "ec" && publicKey.asymmetricKeyType !== "rsa")
    throw new ControllerCertsError(`${describe(certificate)}: answers are signed by an ECDSA or an RSA key`);
  return publicKey;
}

function pointOf(certificate: X509Certificate): Point {
  const { kty, crv, x, y } = certificate.publicKey.export({ format: "jwk" });
  if (kty !== "EC" || crv !== "P-256" || x === undefined || y === undefined)
    throw new ControllerCertsError(`${describe(certificate)}: secrets need a P-256 key`);
  const decode = (text: string): Uint8Array => Uint8Array.fromBase64(text, { alphabet: "base64url" });
  return { x: decode(x), y: decode(y) };
}

function describe({ subject }: X509Certificate): string {
  return subject.replaceAll("\n", ", ");
}
