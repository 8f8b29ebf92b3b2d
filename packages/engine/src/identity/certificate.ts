/**
 * Makes the node's X.509 certificates. The signing key may live in a TPM, which signs a digest and nothing
 * else, so a certificate is put together here: a dozen DER elements (RFC 5280), all of fixed shape, for P-256
 * keys only.
 */
import { type Instant, instant } from "@selvedge/base";

export interface CertificateRequest {
  readonly subject: Name;
  readonly issuer: Name;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly serial: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly authority: boolean;
  readonly usages: readonly KeyUsage[];
  /** r‖s of the issuer's key over SHA-256 of the bytes. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

export interface Name {
  readonly organization: string;
  readonly commonName: string;
}

/** Bit numbers of RFC 5280's KeyUsage. */
const usageBits = { digitalSignature: 0, keyAgreement: 4, certificateSign: 5 } as const;
export type KeyUsage = keyof typeof usageBits;

/** The certificate as DER. */
export async function makeCertificate(request: CertificateRequest): Promise<Uint8Array> {
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(request.serial),
    ecdsaWithSha256,
    name(request.issuer),
    sequence(time(request.notBefore), time(request.notAfter)),
    name(request.subject),
    request.publicKey,
    explicit(3, sequence(...extensions(request))),
  );
  const signature = await request.sign(body);
  return sequence(body, ecdsaWithSha256, bits(ecdsaSignature(signature), 0));
}

/** A P-256 public key as SubjectPublicKeyInfo. */
export function p256PublicKey(x: Uint8Array, y: Uint8Array): Uint8Array {
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(x, 33 - x.length);
  point.set(y, 65 - y.length);
  return sequence(sequence(objectId("1.2.840.10045.2.1"), objectId("1.2.840.10045.3.1.7")), bits(point, 0));
}

/** r‖s of P-256 as the DER that certificates and quotes carry. */
export function ecdsaSignature(rs: Uint8Array): Uint8Array {
  return sequence(integer(rs.subarray(0, 32)), integer(rs.subarray(32)));
}

const lineLength = 64;

export function toPem(der: Uint8Array): string {
  const lines = der.toBase64().match(new RegExp(`.{1,${lineLength}}`, "g")) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

const ecdsaWithSha256 = sequence(objectId("1.2.840.10045.4.3.2"));

function extensions({ authority, usages }: CertificateRequest): Uint8Array[] {
  const used = usages.map((usage) => usageBits[usage]);
  const last = Math.max(...used);
  const usageByte = used.reduce<number>((byte, bit) => byte | (0x80 >> bit), 0);
  const constraints = authority ? sequence(element(0x01, Uint8Array.of(0xff))) : sequence();
  return [
    critical("2.5.29.15", bits(Uint8Array.of(usageByte), 7 - last)),
    critical("2.5.29.19", constraints),
  ];
}

function critical(id: string, value: Uint8Array): Uint8Array {
  return sequence(objectId(id), element(0x01, Uint8Array.of(0xff)), element(0x04, value));
}

function name({ organization, commonName }: Name): Uint8Array {
  const part = (id: string, value: string): Uint8Array =>
    element(0x31, sequence(objectId(id), element(0x0c, new TextEncoder().encode(value))));
  return sequence(part("2.5.4.10", organization), part("2.5.4.3", commonName));
}

/** From this year on RFC 5280 wants the year in four digits, before it in two. */
const firstLongYear = 2050;

function time(at: Instant): Uint8Array {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, "");
  const long = new Date(at).getUTCFullYear() >= firstLongYear;
  return element(long ? 0x18 : 0x17, new TextEncoder().encode(long ? digits : digits.slice(2)));
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(0x30, concat(parts));
}

function explicit(tag: number, content: Uint8Array): Uint8Array {
  return element(0xa0 + tag, content);
}

/**
 * A whole number that is never negative: leading zeros go, one comes back where the first bit would be a
 * sign.
 */
function integer(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const digits = bytes.subarray(at);
  return element(0x02, (digits[0] ?? 0) >= 0x80 ? concat([Uint8Array.of(0), digits]) : digits);
}

function bits(bytes: Uint8Array, unused: number): Uint8Array {
  return element(0x03, concat([Uint8Array.of(unused), bytes]));
}

function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(0x06, Uint8Array.from(bytes));
}

function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const prefix =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat([Uint8Array.from([tag, ...prefix]), content]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * Not earlier than this, whatever a box with an empty clock battery believes: no box made these keys before.
 */
const earliest = instant(Date.UTC(2026, 0, 1));
const validityYears = 20;
/** The controller's clock may be behind ours. */
const backdatedMs = 86_400_000;

/** Twenty years, as EVE's device certificates have: a certificate here names a key, dates protect nothing. */
export function validity(now: Instant): { notBefore: Instant; notAfter: Instant } {
  const notBefore = instant(Math.max(now - backdatedMs, earliest));
  const end = new Date(notBefore);
  end.setUTCFullYear(end.getUTCFullYear() + validityYears);
  return { notBefore, notAfter: instant(end.getTime()) };
}
