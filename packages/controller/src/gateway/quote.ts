import { createHash, type KeyObject, verify } from "node:crypto";

/** What a TPM says and signs about the state of its machine. */
export interface Quote {
  /** A marshalled TPMS_ATTEST. */
  readonly attestation: Uint8Array;
  /** ECDSA in ASN.1 DER over it, as TPM tools write it. */
  readonly signature: Uint8Array;
  /** Of the SHA-256 bank, by index. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

export type QuoteVerdict =
  /** With the registers it covers. */
  | { readonly type: "good"; readonly quoted: readonly number[] }
  | { readonly type: "nonce-mismatch" }
  | { readonly type: "bad"; readonly message: string };

const magic = 0xff_54_43_47;
const quoteType = 0x80_18;
const sha256Algorithm = 0x00_0b;
/** Clock, reset and restart counts, "safe", firmware version: of no use here. */
const clockAndFirmware = 8 + 4 + 4 + 1 + 8;
/** A TPM has at most a few banks, of 24 registers each. */
const banksMax = 16;

/**
 * Checks a quote: that this key signed it, over this nonce, and that the registers shown are those it
 * covers.
 */
export function checkQuote(quote: Quote, key: KeyObject, nonce: Uint8Array): QuoteVerdict {
  if (!verifies(quote, key)) return bad("the signature does not verify with the attestation key");
  let read: AttestationRead;
  try {
    read = readAttestation(quote.attestation);
  } catch (error) {
    return bad(error instanceof Error ? error.message : String(error));
  }
  if (read.extraData.toHex() !== nonce.toHex()) return { type: "nonce-mismatch" };
  const digest = createHash("sha256");
  for (const { algorithm, indices } of read.selections) {
    if (algorithm !== sha256Algorithm && indices.length > 0) {
      return bad(`registers of bank 0x${algorithm.toString(16)} are quoted; only SHA-256 is taken`);
    }
    for (const index of indices) {
      const value = quote.pcrs.get(index);
      if (value === undefined) return bad(`register ${index} is quoted but not shown`);
      digest.update(value);
    }
  }
  if (digest.digest("hex") !== read.pcrDigest.toHex())
    return bad("the registers shown are not the ones quoted");
  const quoted = read.selections.flatMap(({ indices }) => indices);
  // That there is a TPM says nothing of what was started.
  return quoted.length === 0 ? bad("the quote covers no register") : { type: "good", quoted };
}

function bad(message: string): QuoteVerdict {
  return { type: "bad", message };
}

function verifies({ attestation, signature }: Quote, key: KeyObject): boolean {
  try {
    return verify("sha256", attestation, key, signature);
  } catch {
    // A signature that is no DER at all is thrown by some versions of OpenSSL.
    return false;
  }
}

interface AttestationRead {
  readonly extraData: Uint8Array;
  readonly selections: readonly { readonly algorithm: number; readonly indices: readonly number[] }[];
  readonly pcrDigest: Uint8Array;
}

/** Reads a TPMS_ATTEST of a quote; throws on anything else, cut short or too long. */
function readAttestation(bytes: Uint8Array): AttestationRead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const skip = (length: number): number => {
    if (length > bytes.length - at) throw new Error("the attestation is cut short");
    at += length;
    return at - length;
  };
  const sized = (): Uint8Array => {
    const length = view.getUint16(skip(2));
    const start = skip(length);
    return bytes.subarray(start, start + length);
  };
  if (view.getUint32(skip(4)) !== magic) throw new Error("the attestation was not made inside a TPM");
  if (view.getUint16(skip(2)) !== quoteType) throw new Error("the attestation is not a quote");
  // The name of the key that signed: the signature says as much.
  sized();
  const extraData = sized();
  skip(clockAndFirmware);
  const banks = view.getUint32(skip(4));
  if (banks > banksMax) throw new Error(`the attestation names ${banks} banks of registers`);
  const selections = Array.from({ length: banks }, () => {
    const algorithm = view.getUint16(skip(2));
    const length = view.getUint8(skip(1));
    const start = skip(length);
    return { algorithm, indices: setBits(bytes.subarray(start, start + length)) };
  });
  const pcrDigest = sized();
  if (at !== bytes.length) throw new Error("the attestation has more bytes than it should");
  return { extraData, selections, pcrDigest };
}

function setBits(bitmap: Uint8Array): number[] {
  return [...bitmap].flatMap((byte, offset) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) & 1).map((bit) => offset * 8 + bit),
  );
}
