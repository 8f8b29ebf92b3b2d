/**
 * Signatures at the edges of what one is, against everything that believes one: the gateway's envelopes and
 * quotes, and the engine's answers.
 */
import assert from "node:assert/strict";
import { createHash, createPublicKey, type KeyObject, type webcrypto, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope, info } from "@selvedge/eve-api";
import { authenticate } from "../../packages/controller/src/gateway/authenticate.ts";
import type { KnownNode, NodeDirectory } from "../../packages/controller/src/gateway/node-directory.ts";
import { checkQuote } from "../../packages/controller/src/gateway/quote.ts";
import type { NodeId } from "../../packages/controller/src/ports.ts";
import {
  Box,
  base64Pem,
  envelope,
  NodeWorld,
  selfSigned,
} from "../../packages/controller/test/node-world.ts";
import {
  BadSignatureError,
  type ControllerCerts,
  openEnvelope,
} from "../../packages/engine/src/control/controller-certs.ts";
import { negatedS, rawSignature, selfSignedBy, wrongDer, wrongRaw, wrongRsa } from "./signature-edges.ts";

const p256 = { name: "ECDSA", namedCurve: "P-256" };
const rsa = (modulusLength: number): webcrypto.RsaHashedKeyGenParams => ({
  ...{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength, publicExponent: Uint8Array.of(1, 0, 1) },
});

const payload = toBinary(info.ZInfoMsgSchema, create(info.ZInfoMsgSchema, { devId: "edge" }));
const hash = new Uint8Array(createHash("sha256").update("any certificate").digest());

function bodyWith(signature: Uint8Array): Uint8Array {
  return encodeEnvelope({ payload, algorithm: 2, senderCertHash: hash, signature });
}

/** Whether the gateway takes this for an envelope of a node with this key. */
function gatewayTakes(key: KeyObject, signature: Uint8Array): boolean {
  const node: KnownNode = { id: "edge" as NodeId, name: "edge", certificateHash: hash, key };
  const directory: NodeDirectory = {
    byId: () => node,
    byCertificate: () => node,
    register: () => assert.fail("nobody registers"),
    onGone: () => () => undefined,
  };
  const result = authenticate(bodyWith(signature), directory);
  if (result.type === "refused") assert.equal(result.refused.reason, "signature");
  return result.type === "node";
}

/** Whether the engine takes this for an answer of a controller with this key. */
function engineTakes(key: KeyObject, signature: Uint8Array): boolean {
  const certs: ControllerCerts = {
    raw: new Uint8Array(),
    signing: { hash, key, since: 0 },
    exchange: new Map(),
  };
  try {
    openEnvelope(bodyWith(signature), [certs]);
    return true;
  } catch (error) {
    assert.ok(error instanceof BadSignatureError, String(error));
    return false;
  }
}

const device = await selfSignedBy(p256);
const devicePublic = createPublicKey(device.key);

describe("an ECDSA signature of an envelope", () => {
  for (const [who, takes] of [
    ["the gateway", gatewayTakes],
    ["the engine", engineTakes],
  ] as const) {
    it(`is taken by ${who} as it should be, and with the other root for s`, () => {
      assert.ok(takes(devicePublic, rawSignature(device.key, payload)));
      assert.ok(takes(devicePublic, negatedS(device.key, payload)));
    });
    for (const [what, signature] of wrongRaw(device.key, payload))
      it(`is refused by ${who}: ${what}`, () => assert.equal(takes(devicePublic, signature), false));
  }
});

describe("an RSA signature of an envelope", async () => {
  const pair = await selfSignedBy(rsa(2048));
  const key = createPublicKey(pair.key);
  for (const [who, takes] of [
    ["the gateway", gatewayTakes],
    ["the engine", engineTakes],
  ] as const) {
    it(`is taken by ${who} as it should be`, () => assert.ok(takes(key, rawSignature(pair.key, payload))));
    for (const [what, signature] of [...wrongRsa(pair.key, payload), ...wrongRaw(device.key, payload)])
      it(`is refused by ${who}: ${what}`, () => assert.equal(takes(key, signature), false));
  }
});

describe("the signature of a quote", () => {
  const attestation = payload;
  const verdict = (signature: Uint8Array): string => {
    const result = checkQuote({ attestation, signature, pcrs: new Map() }, devicePublic, new Uint8Array());
    return result.type === "bad" ? result.message : result.type;
  };
  const refused = "the signature does not verify with the attestation key";

  it("is believed in DER, so that it is what was signed that is looked at next", () => {
    const [, good] = wrongDer(device.key, attestation).find(([what]) => what === "a byte behind") ?? [];
    assert.equal(
      verdict(good?.subarray(0, -1) ?? new Uint8Array()),
      "the attestation was not made inside a TPM",
    );
  });

  for (const [what, signature] of wrongDer(device.key, attestation))
    it(`is refused: ${what}`, () => assert.equal(verdict(signature), refused));
});

describe("a box's keys", () => {
  const rows = [
    ["P-256", p256, 201],
    ["P-384", { name: "ECDSA", namedCurve: "P-384" }, 201],
    ["RSA of 2048 bits", rsa(2048), 201],
    ["P-521, whose signatures EVE cannot write", { name: "ECDSA", namedCurve: "P-521" }, 422],
    ["RSA of 1024 bits", rsa(1024), 422],
    ["RSA of 5120 bits", rsa(5120), 422],
    ["Ed25519", { name: "Ed25519" } as const, 422],
  ] as const;
  for (const [what, algorithm, status] of rows) {
    it(`${what}: as device key it is answered ${status}`, async () => {
      await using world = await NodeWorld.start();
      const onboarding = await selfSigned("onboarding");
      await world.addProfile(onboarding);
      const { pem, key } = await selfSignedBy(algorithm);
      const pair = { certificatePem: pem, key, certificate: new X509Certificate(pem), keyPem: "" };
      const box = await Box.make(world, onboarding, "A", pair);
      assert.equal(await box.register(), status);
      if (status === 201) assert.equal(await box.fetchUuid(), box.id);
    });
  }

  it("an onboarding certificate with a key that signs otherwise is refused, not a fault of ours", async () => {
    await using world = await NodeWorld.start();
    const { pem } = await selfSignedBy({ name: "Ed25519" });
    const stranger = await selfSigned("stranger");
    const senderCertHash = new Uint8Array(createHash("sha256").update(new X509Certificate(pem).raw).digest());
    const body = envelope(stranger, new Uint8Array(), { senderCert: base64Pem(pem), senderCertHash });
    const answer = await world.request("register", body);
    assert.equal(answer.status, 401);
  });
});
