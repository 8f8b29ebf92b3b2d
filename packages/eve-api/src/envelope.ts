/**
 * The signed wrapper of every message between node and controller (AuthContainer), encoded and decoded by
 * hand: it is on the path of every request, and its few fields do not change.
 *
 * The signature covers the payload bytes alone. Which certificate made it is named by a hash, and the two
 * directions hash different things: a node the DER of its certificate, a controller the exact PEM text it
 * published. Whoever calls compares hashes and verifies; this file only reads and writes.
 */
import { concatBytes } from "@selvedge/base";
import { readVarint, varintBytesMax, varintOf } from "./varint.ts";

export interface Envelope {
  readonly payload: Uint8Array;
  /** How senderCertHash was cut; 0 when the peer left it out. */
  readonly algorithm: HashKind | 0;
  readonly senderCertHash: Uint8Array;
  readonly signature: Uint8Array;
  /** Only in `register`: the base64 text of the onboarding certificate's PEM. */
  readonly senderCert: Uint8Array;
  /** Set when the payload is encrypted for the receiver (LOC): such envelopes need the full message. */
  readonly encrypted: boolean;
}

/** HashAlgorithm of the API: 1 keeps the first 16 bytes of SHA-256, 2 all 32. */
export type HashKind = 1 | 2;

/** The bytes are not an envelope. */
export class EnvelopeError extends Error {
  override name = "EnvelopeError";
}

export function encodeEnvelope(envelope: {
  readonly payload: Uint8Array;
  readonly algorithm: HashKind;
  readonly senderCertHash: Uint8Array;
  readonly signature: Uint8Array;
  readonly senderCert?: Uint8Array;
}): Uint8Array {
  const { payload, algorithm, senderCertHash, signature, senderCert } = envelope;
  // The body is written even when it is empty: peers refuse an envelope without one.
  const body = payload.length === 0 ? [] : [field(1, payload)];
  return concatBytes([
    field(1, concatBytes(body)),
    Uint8Array.of(0x10, algorithm),
    field(3, senderCertHash),
    field(4, signature),
    ...(senderCert === undefined ? [] : [field(5, senderCert)]),
  ]);
}

export function decodeEnvelope(bytes: Uint8Array): Envelope {
  let payload: Uint8Array = empty;
  let algorithm: HashKind | 0 = 0;
  let senderCertHash: Uint8Array = empty;
  let signature: Uint8Array = empty;
  let senderCert: Uint8Array = empty;
  let encrypted = false;
  eachField(bytes, (number, value, content) => {
    switch (number) {
      case 1:
        // A second body adds to the first: a message that is repeated is merged.
        payload = bodyPayload(required(content, "protectedPayload")) ?? payload;
        break;
      case 2:
        if (value !== 1 && value !== 2 && value !== 0)
          throw new EnvelopeError(`algo ${value ?? "of another type"} is not known`);
        algorithm = value;
        break;
      case 3:
        senderCertHash = required(content, "senderCertHash");
        break;
      case 4:
        signature = required(content, "signatureHash");
        break;
      case 5:
        senderCert = required(content, "senderCert");
        break;
      case 6:
      case 7:
        encrypted = true;
        break;
    }
  });
  return { payload, algorithm, senderCertHash, signature, senderCert, encrypted };
}

/** The hash that names a certificate, cut as `kind` says. */
export function shortHash(sha256: Uint8Array, kind: HashKind): Uint8Array {
  return kind === 1 ? sha256.subarray(0, 16) : sha256;
}

const empty = new Uint8Array(0);
/** The largest that protobuf has. Other decoders cut off what is above, and would see another field. */
const fieldNumberMax = 2 ** 29 - 1;

function bodyPayload(body: Uint8Array): Uint8Array | undefined {
  let payload: Uint8Array | undefined;
  eachField(body, (number, _value, content) => {
    if (number === 1) payload = required(content, "payload");
  });
  return payload;
}

function required(content: Uint8Array | undefined, name: string): Uint8Array {
  if (content === undefined) throw new EnvelopeError(`${name} has the wrong wire type`);
  return content;
}

/** `value` is of a varint field, `content` of a length-delimited one. */
type TakeField = (number: number, value: number | undefined, content: Uint8Array | undefined) => void;

/**
 * Walks the fields of a message; unknown ones too. Throws on anything cut short or too long for its own
 * length.
 */
function eachField(bytes: Uint8Array, take: TakeField): void {
  let at = 0;
  const varint = (): number => {
    // Nearly every number here has one byte.
    const first = bytes[at];
    if (first !== undefined && first < 0x80) {
      at++;
      return first;
    }
    const read = readVarint(bytes, at);
    if (read === undefined) {
      const isLong = bytes.length - at >= varintBytesMax;
      throw new EnvelopeError(isLong ? `a number is longer than ${varintBytesMax} bytes` : "cut short");
    }
    at = read.next;
    return read.value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number === 0 || number > fieldNumberMax) throw new EnvelopeError(`field number ${number}`);
    switch (tag % 8) {
      case 0:
        take(number, varint(), undefined);
        break;
      case 1:
        at += 8;
        take(number, undefined, undefined);
        break;
      case 2: {
        const length = varint();
        if (length > bytes.length - at) throw new EnvelopeError("cut short");
        take(number, undefined, bytes.subarray(at, at + length));
        at += length;
        break;
      }
      case 5:
        at += 4;
        take(number, undefined, undefined);
        break;
      default:
        throw new EnvelopeError(`wire type ${tag % 8} is not known`);
    }
    if (at > bytes.length) throw new EnvelopeError("cut short");
  }
}

function field(number: number, content: Uint8Array): Uint8Array {
  return concatBytes([lengthPrefix(number, content.length), content]);
}

function lengthPrefix(number: number, length: number): Uint8Array {
  return Uint8Array.from([number * 8 + 2, ...varintOf(length)]);
}
