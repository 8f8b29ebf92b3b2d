/** The keys of a device of EVE, and what it does with them. */
import { type KeyObject, sign } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { auth, certs, common } from "@selvedge/eve-api";
import { makeOnboarding } from "../wire/wire-node.ts";
import { sha256 } from "../wire-bytes.ts";

export interface KeyPair {
  readonly pem: string;
  readonly der: Uint8Array;
  readonly key: KeyObject;
}

export interface PillarKeys {
  readonly device: KeyPair;
  /** What quotes are signed with. */
  readonly attestation: KeyPair;
  /** What secrets are encrypted to. */
  readonly exchange: KeyPair;
}

export async function makePillarKeys(name: string, now: Instant): Promise<PillarKeys> {
  const pair = async (use: string): Promise<KeyPair> => makeKeyPair(`${name} ${use}`, now);
  return {
    ...{ device: await pair("EVE"), attestation: await pair("AIK"), exchange: await pair("ECDH") },
  };
}

export async function makeKeyPair(name: string, now: Instant): Promise<KeyPair> {
  const { certificatePem, certificateDer, key } = await makeOnboarding(name, now);
  return { pem: certificatePem, der: certificateDer, key };
}

/** Signs what a device sends: the payload alone, as r‖s; named by the hash over its certificate's DER. */
export function envelopeOf(pair: KeyPair, payload: Uint8Array, senderCert?: Uint8Array): Uint8Array {
  const container = create(auth.AuthContainerSchema, {
    protectedPayload: { payload },
    algo: common.HashAlgorithm.SHA256_32BYTES,
    senderCertHash: sha256(pair.der),
    signatureHash: sign("sha256", payload, { key: pair.key, dsaEncoding: "ieee-p1363" }),
    ...(senderCert && { senderCert }),
  });
  return toBinary(auth.AuthContainerSchema, container);
}

/** As uploaded: named by the first half of the hash over the text, not over its content. */
export function edgeCertificate(type: certs.ZCertType, { pem }: KeyPair): certs.ZCert {
  const cert = new TextEncoder().encode(pem);
  return create(certs.ZCertSchema, {
    ...{ type, cert, certHash: sha256(cert).subarray(0, 16) },
    hashAlgo: common.HashAlgorithm.SHA256_16BYTES,
  });
}
