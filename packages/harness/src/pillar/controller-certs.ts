/** The list of a controller's certificates, as a device takes it or refuses it whole. */
import { X509Certificate } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { auth, certs } from "@selvedge/eve-api";
import { sha256 } from "../wire-bytes.ts";

const { ZCertType: Type } = certs;

/** A list that was accepted. */
export interface ControllerCerts {
  readonly signing: X509Certificate;
  /** SHA-256 over the text of the signing certificate, as received. */
  readonly signingHash: Uint8Array;
  /** By the name they are published under, in hexadecimal. */
  readonly exchange: ReadonlyMap<string, X509Certificate>;
}

/** The list in the answer of `certs`, or why the device refuses it. */
export function readControllerCerts(answer: Uint8Array, root: string, now: number): ControllerCerts | string {
  let list: certs.ZControllerCert;
  try {
    const { protectedPayload } = fromBinary(auth.AuthContainerSchema, answer);
    list = fromBinary(certs.ZControllerCertSchema, protectedPayload?.payload ?? new Uint8Array());
  } catch (error) {
    return `certs: no envelope around a list: ${error}`;
  }
  const intermediates: X509Certificate[] = [];
  const leaves: { readonly entry: certs.ZCert; readonly certificate: X509Certificate }[] = [];
  for (const entry of list.certs) {
    const certificate = oneCertificate(entry.cert);
    if (typeof certificate === "string") return certificate;
    if (entry.type === Type.CERT_TYPE_CONTROLLER_INTERMEDIATE) intermediates.push(certificate);
    else if (
      entry.type === Type.CERT_TYPE_CONTROLLER_SIGNING ||
      entry.type === Type.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE
    ) {
      leaves.push({ entry, certificate });
    } else return `certs: type ${entry.type} rejects the whole list`;
  }
  if (new Set(list.certs.map(({ certHash }) => certHash.toHex())).size !== list.certs.length) {
    return "certs: two entries have one certHash";
  }
  const rootCertificate = new X509Certificate(root);
  for (const { certificate } of leaves) {
    const fault = chainFault(certificate, intermediates, rootCertificate, now);
    if (fault !== undefined) return `certs: ${certificate.subject}: ${fault}`;
  }
  return accepted(leaves);
}

function accepted(
  leaves: readonly { readonly entry: certs.ZCert; readonly certificate: X509Certificate }[],
): ControllerCerts | string {
  const signing = leaves.filter(({ entry }) => entry.type === Type.CERT_TYPE_CONTROLLER_SIGNING);
  const exchange = leaves.filter(({ entry }) => entry.type === Type.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE);
  const [only] = signing;
  if (only === undefined || signing.length > 1) return `certs: ${signing.length} signing certificates`;
  if (exchange.length === 0) return "certs: no certificate to exchange keys with";
  const bad = exchange.find(({ certificate }) => curveOf(certificate) !== "prime256v1");
  if (bad !== undefined) return "certs: a key to exchange with is not on P-256: the agent would crash";
  return {
    ...{ signing: only.certificate, signingHash: sha256(only.entry.cert) },
    exchange: new Map(exchange.map(({ entry, certificate }) => [entry.certHash.toHex(), certificate])),
  };
}

function oneCertificate(pem: Uint8Array): X509Certificate | string {
  const text = new TextDecoder().decode(pem);
  if (text.match(/-----BEGIN CERTIFICATE-----/g)?.length !== 1) return "certs: an entry is not one PEM block";
  try {
    return new X509Certificate(text);
  } catch (error) {
    return `certs: an entry is no certificate: ${error}`;
  }
}

const serverAuth = "1.3.6.1.5.5.7.3.1";
/** Leaf, intermediates, root. */
const depthMax = 5;

/** Go's default rules: dates, authorities, and an extended usage that allows servers, or none. */
function chainFault(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  root: X509Certificate,
  now: number,
): string | undefined {
  const usages = leaf.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && usages.length > 0 && !usages.includes(serverAuth)) {
    return "its extended usage does not allow servers";
  }
  let current = leaf;
  for (let depth = 0; depth < depthMax; depth++) {
    if (now < Date.parse(current.validFrom) || now > Date.parse(current.validTo)) {
      return `not valid at ${new Date(now).toISOString()}`;
    }
    if (signedBy(current, root)) return undefined;
    const next = intermediates.find((candidate) => candidate.ca && signedBy(current, candidate));
    if (next === undefined) return "does not lead to the root";
    current = next;
  }
  return "its chain is too long";
}

function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function curveOf({ publicKey }: X509Certificate): string | undefined {
  return publicKey.asymmetricKeyDetails?.namedCurve;
}
