/** Asks a certificate authority by SCEP, whoever carries the messages. */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import "reflect-metadata";
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from "@peculiar/x509";
import type { Clock, Random } from "@selvedge/base";
import { certificateRequest, type KeyPair, ownCertificate } from "./certificate-request.ts";
import type { CertificateSpec } from "./certificate-spec.ts";
import { chainOf } from "./chain.ts";
import {
  certificatesOf,
  readScepAnswer,
  type ScepCipher,
  ScepError,
  type ScepHash,
  type ScepRequestType,
  type ScepSigner,
  scepRequest,
} from "./scep-message.ts";

export type ScepOperation = "GetCACaps" | "GetCACert" | "PKIOperation";

/** Takes a message to the authority of a profile and brings back what it says. */
export interface ScepCarrier {
  ask(
    spec: CertificateSpec,
    operation: ScepOperation,
    message: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
}

/** What a node has of an authority. PEM. */
export interface Granted {
  readonly certificate: string;
  /** Those that lead from it to whom others believe, and these. */
  readonly chain: readonly string[];
}

export interface Enrolment {
  readonly spec: CertificateSpec;
  readonly challenge: string;
  readonly keys: KeyPair;
  /** The certificate that is to be replaced, and its key. */
  readonly before: { readonly certificate: string; readonly key: KeyObject } | undefined;
}

export interface ScepParts {
  readonly carrier: ScepCarrier;
  readonly clock: Clock;
  readonly random: Random;
}

const nonceBytes = 16;

/** The certificate; undefined: somebody has to decide first. */
export async function enrol(
  parts: ScepParts,
  { spec, challenge, keys, before }: Enrolment,
  signal: AbortSignal,
): Promise<Granted | undefined> {
  const { carrier, clock, random } = parts;
  const { hash } = spec.request;
  const sent = await carrier.ask(spec, "GetCACert", undefined, signal);
  const authorities = certificatesOf(sent).map((der) => new X509Certificate(der));
  const roots = spec.roots.map((pem) => new X509Certificate(pem));
  const believed = authorities.filter((it) => chainOf(it, authorities, roots, clock.now()) !== undefined);
  const [first] = believed;
  if (first === undefined)
    throw new ScepError(
      "the authority is none of those that the profile's certificates (ca_cert_pem) vouch for",
    );
  const caps = capabilities(await carrier.ask(spec, "GetCACaps", undefined, signal));
  const cipher = cipherOf(caps);
  checkHash(caps, hash);
  // Whose key it is: the same as often as it is asked, so that an answer that was lost is found again.
  const transaction = createHash("sha256")
    .update(keys.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
  const own = await ownCertificate(spec.request, keys, Uint8Array.of(1, ...random.bytes(7)), clock.now());
  const renews = before !== undefined && caps.has("renewal");
  const type: ScepRequestType = renews ? "RenewalReq" : "PKCSReq";
  const signer: ScepSigner = renews
    ? { certificate: new X509Certificate(before.certificate).raw, key: before.key }
    : { certificate: own.raw, key: keys.privateKey };
  const recipient = believed.find((it) => opensEnvelopes(it)) ?? first;
  const content = await certificateRequest(spec.request, keys, challenge);
  const nonce = random.bytes(nonceBytes);
  const message = scepRequest({ type, content, signer, recipient, transaction, nonce, hash, cipher }, random);
  const said = await carrier.ask(spec, "PKIOperation", message, signal);
  const answer = readScepAnswer(said, { authorities: believed, signer, transaction, nonce });
  if (answer.status === "pending") return undefined;
  if (answer.status === "refused") throw new ScepError(answer.reason);
  return granted(answer.certificates, keys, authorities, roots, clock);
}

function granted(
  certificates: readonly Uint8Array[],
  { publicKey }: KeyPair,
  authorities: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  clock: Clock,
): Granted {
  const all = certificates.map((der) => new X509Certificate(der));
  const mine = all.find((it) => it.publicKey.equals(publicKey));
  if (mine === undefined) throw new ScepError("the authority gave a certificate for another key");
  const chain = chainOf(mine, [...all, ...authorities], roots, clock.now());
  if (chain === undefined)
    throw new ScepError(
      "the certificate is given by none of those that the profile's certificates vouch for",
    );
  // Who it is shown to may be vouched for by another of them.
  const others = roots.filter((root) => !chain.some((it) => it.raw.equals(root.raw)));
  return { certificate: mine.toString(), chain: [...chain, ...others].map((it) => it.toString()) };
}

/** Lines of words; which case they are in is not said. */
function capabilities(said: Uint8Array): ReadonlySet<string> {
  const words = new TextDecoder().decode(said).split(/\s+/);
  return new Set(words.map((it) => it.toLowerCase()));
}

function cipherOf(caps: ReadonlySet<string>): ScepCipher {
  if (caps.has("aes") || caps.has("scepstandard")) return "aes-128-cbc";
  if (caps.has("des3")) return "des-ede3-cbc";
  throw new ScepError("the authority knows neither AES nor triple DES, and weaker is not spoken here");
}

function checkHash(caps: ReadonlySet<string>, hash: ScepHash): void {
  if (caps.has(hash.replace("sha", "sha-")) || (hash === "sha256" && caps.has("scepstandard"))) return;
  throw new ScepError(`the authority does not know ${hash.replace("sha", "SHA-")}; set hash_algorithm`);
}

/** Some authorities have one certificate to sign with and one that messages are encrypted for. */
function opensEnvelopes({ raw }: X509Certificate): boolean {
  const usage = new ParsedCertificate(raw).getExtension(KeyUsagesExtension)?.usages ?? 0;
  return (usage & KeyUsageFlags.keyEncipherment) !== 0;
}
