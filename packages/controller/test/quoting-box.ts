/** A box with a TPM as the protocol sees one: what it uploads, and what its quotes are. */
import assert from "node:assert/strict";
import { createHash, type KeyObject, sign } from "node:crypto";
import { type attest as api, attest, certs } from "@selvedge/eve-api";
import type { Pair } from "../src/pki/issue.ts";
import { type Box, selfSigned } from "./node-world.ts";

export const attestationKey: Pair = await selfSigned("attestation");
const { ATTEST_REQ_CERT, ATTEST_REQ_NONCE, ATTEST_REQ_QUOTE } = attest.ZAttestReqType;
const { CERT_TYPE_DEVICE_RESTRICTED_SIGNING } = certs.ZCertType;

export const registers: ReadonlyMap<number, Uint8Array> = new Map(
  [0, 1, 2, 7].map((index) => [index, new Uint8Array(32).fill(index)]),
);

export interface QuoteParts {
  readonly magic: number;
  readonly type: number;
  readonly algorithm: number;
  readonly selected: readonly number[];
  readonly digest: Uint8Array;
  readonly trailer: Uint8Array;
}

/** A TPMS_ATTEST as a TPM lays it out. */
export function attestation(nonce: Uint8Array, over: Partial<QuoteParts> = {}): Uint8Array {
  const selected = over.selected ?? [0, 1, 2, 7];
  const all = createHash("sha256");
  for (const index of selected) all.update(registers.get(index) ?? new Uint8Array(32));
  const {
    magic = 0xff544347,
    type = 0x8018,
    algorithm = 0x0b,
    digest = all.digest(),
    trailer = new Uint8Array(),
  } = over;
  const bitmap = [0, 0, 0];
  for (const index of selected) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
  const u32 = (value: number): Buffer =>
    Buffer.from([value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);
  const sized = (bytes: Uint8Array): Buffer => Buffer.concat([u16(bytes.length), bytes]);
  return Buffer.concat([
    ...[u32(magic), u16(type), sized(new Uint8Array(34)), sized(nonce), new Uint8Array(17 + 8)],
    ...[u32(1), u16(algorithm), Buffer.from([3, ...bitmap]), sized(digest), trailer],
  ]);
}

export function quoteOf(
  nonce: Uint8Array,
  key: KeyObject = attestationKey.key,
  over: Partial<QuoteParts> = {},
): Partial<api.ZAttestQuote> {
  const attestData = attestation(nonce, over);
  const pcrValues = [...registers].map(([index, value]) => ({ index, value, hashAlgo: 2 as const }));
  return { attestData, signature: sign("sha256", attestData, key), pcrValues: pcrValues as never };
}

export async function uploadKey(
  box: Box,
  key: Pair = attestationKey,
  type: certs.ZCertType = CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
): Promise<void> {
  const cert = new TextEncoder().encode(key.certificatePem);
  const certHash = new Uint8Array(createHash("sha256").update(cert).digest().subarray(0, 16));
  const answer = await box.attest({
    reqType: ATTEST_REQ_CERT,
    certs: [{ type, cert, certHash, hashAlgo: 1 }],
  });
  assert.equal(
    typeof answer === "number" ? answer : answer.respType,
    attest.ZAttestRespType.ATTEST_RESP_CERT,
  );
}

export async function nonceFor(box: Box): Promise<Uint8Array> {
  const answer = await box.attest({ reqType: ATTEST_REQ_NONCE });
  assert.ok(typeof answer !== "number" && answer.nonce);
  return answer.nonce.nonce;
}

/** Keeps the token that it earns. */
export async function send(box: Box, quote: Partial<api.ZAttestQuote>): Promise<api.ZAttestQuoteResp> {
  const answer = await box.attest({ reqType: ATTEST_REQ_QUOTE, quote: quote as never });
  assert.ok(typeof answer !== "number" && answer.quoteResp);
  if (answer.quoteResp.integrityToken.length > 0) box.token = answer.quoteResp.integrityToken;
  return answer.quoteResp;
}
