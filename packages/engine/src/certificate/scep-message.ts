/**
 * What is said between a node and a certificate authority (SCEP, RFC 8894): a request in an envelope that only
 * the authority opens, signed by who asks; and what comes back, the other way round. Pure but for the keys.
 *
 *   request ─► enveloped for the authority ─► signed, with what kind of message it is
 *   certificate ◄─ enveloped for us ◄─ signed by the authority, with how it decided
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
  X509Certificate,
} from "node:crypto";
import "reflect-metadata";
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  ContentInfo,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  EncryptedContent,
  EncryptedContentInfo,
  EnvelopedData,
  IssuerAndSerialNumber,
  KeyTransRecipientInfo,
  RecipientIdentifier,
  RecipientInfo,
  RecipientInfos,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from "@peculiar/asn1-cms";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Certificate } from "@peculiar/asn1-x509";
import type { Random } from "@selvedge/base";
import { octets, plain, printable, setOf } from "./der.ts";

export type ScepHash = "sha256" | "sha384" | "sha512";
export type ScepCipher = "aes-128-cbc" | "des-ede3-cbc";
/** A first request, asked again while somebody decides, and one by a certificate that is to be replaced. */
export type ScepRequestType = "PKCSReq" | "RenewalReq";

export interface ScepSigner {
  /** DER; of RSA, as the answer is enveloped for it. */
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

export interface ScepRequest {
  readonly type: ScepRequestType;
  /** What is asked for: PKCS#10, DER. */
  readonly content: Uint8Array;
  readonly signer: ScepSigner;
  /** Of the authority, which opens the envelope. */
  readonly recipient: X509Certificate;
  /** Tells an exchange from others, however often it is asked. */
  readonly transaction: string;
  readonly nonce: Uint8Array;
  readonly hash: ScepHash;
  readonly cipher: ScepCipher;
}

/** An answer that is none, or that is not from whom was asked. */
export class ScepError extends Error {
  override name = "ScepError";
}

export type ScepAnswer =
  /** The certificate and others that came with it, DER. */
  | { readonly status: "granted"; readonly certificates: readonly Uint8Array[] }
  /** Somebody has to decide first. */
  | { readonly status: "pending" }
  | { readonly status: "refused"; readonly reason: string };

const ids = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  envelopedData: "1.2.840.113549.1.7.3",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  rsa: "1.2.840.113549.1.1.1",
  messageType: "2.16.840.1.113733.1.9.2",
  status: "2.16.840.1.113733.1.9.3",
  failure: "2.16.840.1.113733.1.9.4",
  senderNonce: "2.16.840.1.113733.1.9.5",
  recipientNonce: "2.16.840.1.113733.1.9.6",
  transaction: "2.16.840.1.113733.1.9.7",
} as const;

const ciphers: Readonly<
  Record<ScepCipher, { readonly id: string; readonly key: number; readonly iv: number }>
> = {
  "aes-128-cbc": { id: "2.16.840.1.101.3.4.1.2", key: 16, iv: 16 },
  "des-ede3-cbc": { id: "1.2.840.113549.3.7", key: 24, iv: 8 },
};
/**
 * What an answer may be enveloped by besides: what servers choose is theirs, and a certificate is no secret. Single
 * DES, which some choose, is triple DES with one key thrice.
 */
const singleDes = "1.3.14.3.2.7";
const opened: Readonly<Record<string, string>> = {
  ...{ [ciphers["aes-128-cbc"].id]: "aes-128-cbc", [ciphers["des-ede3-cbc"].id]: "des-ede3-cbc" },
  [singleDes]: "des-ede3-cbc",
  ...{ "2.16.840.1.101.3.4.1.22": "aes-192-cbc", "2.16.840.1.101.3.4.1.42": "aes-256-cbc" },
};
const hashes: Readonly<Record<ScepHash, string>> = {
  ...{ sha256: "2.16.840.1.101.3.4.2.1", sha384: "2.16.840.1.101.3.4.2.2" },
  sha512: "2.16.840.1.101.3.4.2.3",
};
/**
 * What an answer may be signed by. Servers that know nothing newer are many; who would forge an answer has to hit a
 * digest that is there already, our nonce in it, and what it grants is believed by its own chain alone.
 */
const believed: Readonly<Record<string, string>> = { ...hashes, sha1: "1.3.14.3.2.26" };
const types: Readonly<Record<ScepRequestType, string>> = { PKCSReq: "19", RenewalReq: "17" };
const answerType = "3";
const failures: readonly string[] = [
  "it knows no such algorithm",
  "the message is damaged",
  "it does not allow the request: the challenge or the subject may be wrong",
  "the time of the message is not near enough to its own",
  "it knows no such certificate",
];

/** A whole message, DER. */
export function scepRequest(request: ScepRequest, random: Random): Uint8Array {
  const { type, signer, transaction, nonce, hash } = request;
  const content = enveloped(request, random);
  const digest = createHash(hash).update(content).digest();
  const attributes: readonly (readonly [string, ArrayBuffer])[] = [
    [ids.contentType, plain(ids.data)],
    [ids.messageDigest, octets(digest)],
    [ids.messageType, printable(types[type])],
    [ids.senderNonce, octets(nonce)],
    [ids.transaction, printable(transaction)],
  ];
  const signedAttrs = attributes
    .map(([attrType, value]) => new Attribute({ attrType, attrValues: [value] }))
    // As a set is written, which is what is signed.
    .map((attribute) => ({ attribute, der: Buffer.from(AsnConvert.serialize(attribute)) }))
    .toSorted((left, right) => Buffer.compare(left.der, right.der));
  const signature = sign(hash, setOf(signedAttrs.map(({ der }) => der)), signer.key);
  const own = AsnConvert.parse(signer.certificate, Certificate);
  const algorithm = new AlgorithmIdentifier({ algorithm: hashes[hash] });
  const info = new SignerInfo({
    version: 1,
    sid: new SignerIdentifier({ issuerAndSerialNumber: issuerOf(own) }),
    digestAlgorithm: algorithm,
    signedAttrs: signedAttrs.map(({ attribute }) => attribute),
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ids.rsa, parameters: null }),
    signature: new OctetString(signature),
  });
  const signed = new SignedData({
    version: 1,
    digestAlgorithms: new DigestAlgorithmIdentifiers([algorithm]),
    encapContentInfo: new EncapsulatedContentInfo({
      eContentType: ids.data,
      eContent: new EncapsulatedContent({ single: new OctetString(content) }),
    }),
    certificates: new CertificateSet([new CertificateChoices({ certificate: own })]),
    signerInfos: new SignerInfos([info]),
  });
  return wrapped(ids.signedData, AsnConvert.serialize(signed));
}

function enveloped({ content, recipient, cipher }: ScepRequest, random: Random): Uint8Array {
  const { id, key: keyBytes, iv: ivBytes } = ciphers[cipher];
  const [key, iv] = [random.bytes(keyBytes), random.bytes(ivBytes)];
  const aes = createCipheriv(cipher, key, iv);
  const text = Buffer.concat([aes.update(content), aes.final()]);
  const padding = constants.RSA_PKCS1_PADDING;
  const envelope = new EnvelopedData({
    version: 0,
    recipientInfos: new RecipientInfos([
      new RecipientInfo({
        ktri: new KeyTransRecipientInfo({
          version: 0,
          rid: new RecipientIdentifier({
            issuerAndSerialNumber: issuerOf(AsnConvert.parse(recipient.raw, Certificate)),
          }),
          keyEncryptionAlgorithm: new AlgorithmIdentifier({ algorithm: ids.rsa, parameters: null }),
          encryptedKey: new OctetString(publicEncrypt({ key: recipient.publicKey, padding }, key)),
        }),
      }),
    ]),
    encryptedContentInfo: new EncryptedContentInfo({
      contentType: ids.data,
      contentEncryptionAlgorithm: new AlgorithmIdentifier({ algorithm: id, parameters: octets(iv) }),
      encryptedContent: new EncryptedContent({ value: new OctetString(text) }),
    }),
  });
  return wrapped(ids.envelopedData, AsnConvert.serialize(envelope));
}

export interface AskedOf {
  /** Whoever of these signed the answer. */
  readonly authorities: readonly X509Certificate[];
  readonly signer: ScepSigner;
  readonly transaction: string;
  readonly nonce: Uint8Array;
}

/** What the authority decided; throws ScepError when it is not the answer to what was asked. */
export function readScepAnswer(message: Uint8Array, asked: AskedOf): ScepAnswer {
  const signed = signedOf(message);
  const { content, attributes } = verified(signed, asked.authorities);
  const text = (id: string): string => attributeText(attributes, id);
  if (text(ids.messageType) !== answerType) throw new ScepError("the authority sent no answer to a request");
  if (text(ids.transaction) !== asked.transaction) throw new ScepError("the answer is to another request");
  const nonce = attributeBytes(attributes, ids.recipientNonce);
  if (nonce === undefined || Buffer.compare(nonce, asked.nonce) !== 0)
    throw new ScepError("the answer is an old one: it does not know what was asked last");
  switch (text(ids.status)) {
    case "0":
      return { status: "granted", certificates: certificatesOf(decrypted(content, asked.signer)) };
    case "3":
      return { status: "pending" };
    case "2": {
      const reason = failures[Number(text(ids.failure) || -1)];
      return {
        status: "refused",
        reason: `the authority refuses${reason === undefined ? "" : `: ${reason}`}`,
      };
    }
    default:
      throw new ScepError(`the answer has status ${JSON.stringify(text(ids.status))}`);
  }
}

/** The certificates of a message that is nothing but a bag of them, or of one certificate alone: DER. */
export function certificatesOf(bytes: Uint8Array): Uint8Array[] {
  const signed = bagOf(bytes);
  if (signed === undefined) {
    if (!isCertificate(bytes)) throw new ScepError("the authority sent no certificate");
    return [bytes];
  }
  return [...(signed.certificates ?? [])].flatMap(({ certificate }) =>
    certificate === undefined ? [] : [new Uint8Array(AsnConvert.serialize(certificate))],
  );
}

function bagOf(bytes: Uint8Array): SignedData | undefined {
  try {
    return signedOf(bytes);
  } catch (error) {
    if (error instanceof ScepError) return undefined;
    throw error;
  }
}

function isCertificate(bytes: Uint8Array): boolean {
  try {
    return new X509Certificate(bytes).raw.length > 0;
  } catch {
    return false;
  }
}

function signedOf(bytes: Uint8Array): SignedData {
  return parsed(() => {
    const info = AsnConvert.parse(bytes, ContentInfo);
    if (info.contentType !== ids.signedData) throw new ScepError("the authority's message is not signed");
    return AsnConvert.parse(info.content, SignedData);
  });
}

interface Verified {
  readonly content: Uint8Array;
  readonly attributes: readonly Attribute[];
}

function verified(signed: SignedData, authorities: readonly X509Certificate[]): Verified {
  const [info] = [...signed.signerInfos];
  const content = new Uint8Array(signed.encapContentInfo.eContent?.single?.buffer ?? new ArrayBuffer());
  const attributes = info?.signedAttrs ?? [];
  const hash = Object.entries(believed).find(([, id]) => id === info?.digestAlgorithm.algorithm)?.[0];
  if (info === undefined || hash === undefined)
    throw new ScepError("the authority signs in a way that is not known");
  const digest = attributeBytes(attributes, ids.messageDigest);
  if (digest === undefined || !createHash(hash).update(content).digest().equals(digest))
    throw new ScepError("the answer is not what was signed");
  // What is sent with a mark of its own is signed as a set.
  const raw = setOf(attributes.map((it) => new Uint8Array(AsnConvert.serialize(it))));
  const signature = new Uint8Array(info.signature.buffer);
  const by = authorities.find((it) => signs(it, info.sid) && verify(hash, raw, it.publicKey, signature));
  if (by === undefined) throw new ScepError("the answer is signed by none of the authority's certificates");
  return { content, attributes };
}

function signs(certificate: X509Certificate, { issuerAndSerialNumber }: SignerIdentifier): boolean {
  // Who is named in another way is found by trying.
  if (issuerAndSerialNumber === undefined) return true;
  const own = AsnConvert.serialize(issuerOf(AsnConvert.parse(certificate.raw, Certificate)));
  return Buffer.from(own).equals(Buffer.from(AsnConvert.serialize(issuerAndSerialNumber)));
}

function decrypted(content: Uint8Array, signer: ScepSigner): Uint8Array {
  return parsed(() => {
    const info = AsnConvert.parse(content, ContentInfo);
    const { recipientInfos, encryptedContentInfo } = AsnConvert.parse(info.content, EnvelopedData);
    const recipient = [...recipientInfos].find(({ ktri }) => ktri !== undefined)?.ktri;
    const { algorithm, parameters } = encryptedContentInfo.contentEncryptionAlgorithm;
    const cipher = opened[algorithm];
    if (recipient === undefined || cipher === undefined || !parameters)
      throw new ScepError(`the answer is encrypted in a way that is not known (${algorithm})`);
    const padding = constants.RSA_PKCS1_PADDING;
    const secret = privateDecrypt({ key: signer.key, padding }, Buffer.from(recipient.encryptedKey.buffer));
    const iv = AsnConvert.parse(parameters, OctetString);
    const key = algorithm === singleDes ? Buffer.concat([secret, secret, secret]) : secret;
    const aes = createDecipheriv(cipher, key, Buffer.from(iv.buffer));
    const { value, constructedValue = [] } = encryptedContentInfo.encryptedContent ?? {};
    const parts = value === undefined ? constructedValue : [value];
    return new Uint8Array(
      Buffer.concat([...parts.map((it) => aes.update(Buffer.from(it.buffer))), aes.final()]),
    );
  });
}

function attributeBytes(attributes: readonly Attribute[], id: string): Buffer | undefined {
  const value = attributes.find(({ attrType }) => attrType === id)?.attrValues[0];
  return value && parsed(() => Buffer.from(AsnConvert.parse(value, OctetString).buffer));
}

function attributeText(attributes: readonly Attribute[], id: string): string {
  const value = attributes.find(({ attrType }) => attrType === id)?.attrValues[0];
  // A printable string: its mark, its length, its letters.
  return value === undefined ? "" : Buffer.from(value).subarray(2).toString("latin1");
}

function issuerOf({ tbsCertificate: { issuer, serialNumber } }: Certificate): IssuerAndSerialNumber {
  return new IssuerAndSerialNumber({ issuer, serialNumber });
}

function wrapped(contentType: string, content: ArrayBuffer): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(new ContentInfo({ contentType, content })));
}

/** What cannot be read is a fault of the message, whatever the reader calls it. */
function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ScepError) throw error;
    throw new ScepError("the authority's message cannot be read", { cause: error });
  }
}
