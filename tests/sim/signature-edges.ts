/**
 * Signatures that are nearly right, and what they are over: for every verifier that believes strangers'
 * bytes.
 */
import { KeyObject, sign, webcrypto } from "node:crypto";
import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";

/** Of P-256: the order of the group, and the prime of the field. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const prime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const half = 32;

export type Edge = readonly [what: string, signature: Uint8Array];

/** Numbers at which a verifier that forgets a check goes wrong. */
const specials: readonly (readonly [name: string, value: bigint])[] = [
  ["0", 0n],
  ["1", 1n],
  ["n-1", order - 1n],
  ["n", order],
  ["n+1", order + 1n],
  ["p", prime],
  ["p+1", prime + 1n],
  ["2^256-1", 2n ** 256n - 1n],
];

/** r‖s signatures by this P-256 key that nobody may take for one over `payload`. */
export function wrongRaw(key: KeyObject, payload: Uint8Array): readonly Edge[] {
  const good = rawSignature(key, payload);
  const [r, s] = [good.subarray(0, half), good.subarray(half)];
  const zero = new Uint8Array(1);
  const rs: Edge[] = specials.flatMap(([rName, rValue]) =>
    specials.map(
      ([sName, sValue]): Edge => [`r = ${rName}, s = ${sName}`, join(number(rValue), number(sValue))],
    ),
  );
  const mixed: Edge[] = specials.flatMap(([name, value]): Edge[] => [
    [`r = ${name}, the right s`, join(number(value), s)],
    [`the right r, s = ${name}`, join(r, number(value))],
  ]);
  return [
    ...rs,
    ...mixed,
    ["r + n in 33 bytes", join(number(toBigint(r) + order, half + 1), s)],
    ["s + n in 33 bytes", join(r, number(toBigint(s) + order, half + 1))],
    ["n - r", join(number(order - toBigint(r)), s)],
    ["s and r the other way round", join(s, r)],
    ["both bytewise reversed", join(r.toReversed(), s.toReversed())],
    ["nothing", new Uint8Array()],
    ["one byte", Uint8Array.of(1)],
    ["r alone", r],
    ["a byte short", good.subarray(0, -1)],
    ["a zero behind", join(good, zero)],
    ["a zero before", join(zero, good)],
    ["each half in 33 bytes", join(zero, r, zero, s)],
    ["each half in 48 bytes", join(new Uint8Array(16), r, new Uint8Array(16), s)],
    ["twice", join(good, good)],
    ["DER", sign("sha256", payload, key)],
    ["over the digest's digest", rawSignature(key, sign("sha256", payload, key))],
    ["with SHA-1", sign("sha1", payload, { key, dsaEncoding: "ieee-p1363" })],
    ["with SHA-384", sign("sha384", payload, { key, dsaEncoding: "ieee-p1363" })],
  ];
}

/**
 * Go takes the other root for s too, and so do EVE and we: an envelope's signature is not what tells two
 * apart.
 */
export function negatedS(key: KeyObject, payload: Uint8Array): Uint8Array {
  const good = rawSignature(key, payload);
  return join(good.subarray(0, half), number(order - toBigint(good.subarray(half))));
}

/** DER signatures by this P-256 key that nobody may take for one over `payload`. */
export function wrongDer(key: KeyObject, payload: Uint8Array): readonly Edge[] {
  const raw = rawSignature(key, payload);
  const [r, s] = [toBigint(raw.subarray(0, half)), toBigint(raw.subarray(half))];
  const [rField, sField] = [integer(r), integer(s)];
  const body = join(rField, sField);
  const good = sequence(body);
  const values: Edge[] = specials.flatMap(([name, value]): Edge[] => [
    [`r = ${name}`, sequence(join(integer(value), sField))],
    [`s = ${name}`, sequence(join(rField, integer(value)))],
    [`r = s = ${name}`, sequence(join(integer(value), integer(value)))],
  ]);
  return [
    ...values,
    ["r + n", sequence(join(integer(r + order), sField))],
    ["s + n", sequence(join(rField, integer(s + order)))],
    ["the length in long form", join(Uint8Array.of(0x30, 0x81, body.length), body)],
    ["the length in a longer form", join(Uint8Array.of(0x30, 0x82, 0, body.length), body)],
    ["an indefinite length", join(Uint8Array.of(0x30, 0x80), body, Uint8Array.of(0, 0))],
    ["r's length in long form", sequence(join(Uint8Array.of(2, 0x81), rField.subarray(1), sField))],
    ["zeros before r", sequence(join(padded(r), sField))],
    ["zeros before s", sequence(join(rField, padded(s)))],
    ["a negative r", sequence(join(Uint8Array.of(2, 1, 0xff), sField))],
    ["an empty r", sequence(join(Uint8Array.of(2, 0), sField))],
    ["a byte behind", join(good, Uint8Array.of(0))],
    ["a byte behind, inside", sequence(join(body, Uint8Array.of(0)))],
    ["a third number", sequence(join(body, integer(1n)))],
    ["r alone", sequence(rField)],
    ["a set", join(Uint8Array.of(0x31), good.subarray(1))],
    ["an octet string for r", sequence(join(Uint8Array.of(4), rField.subarray(1), sField))],
    ["cut short", good.subarray(0, -1)],
    ["nothing", new Uint8Array()],
    ["a length of 4 GiB", Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2)],
    ["r‖s", raw],
  ];
}

/** Signatures by this RSA key that nobody may take for PKCS#1 v1.5 with SHA-256 over `payload`. */
export function wrongRsa(key: KeyObject, payload: Uint8Array): readonly Edge[] {
  const good = sign("sha256", payload, key);
  const pss = sign("sha256", payload, { key, padding: 6 });
  return [
    ["PSS", pss],
    ["with SHA-1", sign("sha1", payload, key)],
    ["with SHA-512", sign("sha512", payload, key)],
    ["a zero before", join(new Uint8Array(1), good)],
    ["a zero behind", join(good, new Uint8Array(1))],
    ["cut short", good.subarray(1)],
    ["nothing", new Uint8Array()],
    ["zero", new Uint8Array(good.length)],
    ["one", join(new Uint8Array(good.length - 1), Uint8Array.of(1))],
    ["all ones", new Uint8Array(good.length).fill(0xff)],
  ];
}

export function rawSignature(key: KeyObject, payload: Uint8Array): Uint8Array {
  return new Uint8Array(sign("sha256", payload, { key, dsaEncoding: "ieee-p1363" }));
}

/** A certificate of any type of key that signs itself; the PEM has no white space around it. */
export async function selfSignedBy(
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams | { readonly name: "Ed25519" },
): Promise<{ readonly pem: string; readonly key: KeyObject }> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ name: "CN=edge", keys, notBefore: new Date(Date.now() - 86_400_000) },
    ...{ notAfter: new Date(Date.now() + 86_400_000), signingAlgorithm: { ...algorithm, hash: "SHA-256" } },
  });
  return { pem: certificate.toString("pem").trim(), key: KeyObject.from(keys.privateKey) };
}

function toBigint(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.toHex()}`);
}

function number(value: bigint, length = half): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(2 * length, "0"));
}

/** A DER INTEGER, as short as it can be. */
function integer(value: bigint): Uint8Array {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const bytes = Uint8Array.fromHex(Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even);
  return join(Uint8Array.of(2, bytes.length), bytes);
}

function padded(value: bigint): Uint8Array {
  const [, , ...content] = integer(value);
  return Uint8Array.from([2, content.length + 2, 0, 0, ...content]);
}

function sequence(body: Uint8Array): Uint8Array {
  return join(Uint8Array.of(0x30, body.length), body);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
