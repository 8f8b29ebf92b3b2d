import assert from "node:assert/strict";
import { createHash, createPublicKey, generateKeyPairSync, sign, verify, X509Certificate } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { createRegistry, fromBinary, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { below, SeededRandom } from "@selvedge/base";
import { decodeEnvelope, EnvelopeError, encodeEnvelope } from "./envelope.ts";
import * as attest from "./gen/attest/attest_pb.ts";
import * as auth from "./gen/auth/auth_pb.ts";
import * as certs from "./gen/certs/certs_pb.ts";
import * as config from "./gen/config/devconfig_pb.ts";
import * as uuid from "./gen/eveuuid/eveuuid_pb.ts";
import * as flowlog from "./gen/flowlog/flowlog_pb.ts";
import * as health from "./gen/hardwarehealth/hardware_health_pb.ts";
import * as info from "./gen/info/info_pb.ts";
import * as logs from "./gen/logs/log_pb.ts";
import * as metrics from "./gen/metrics/metrics_pb.ts";
import * as register from "./gen/register/register_pb.ts";

const recorded = join(import.meta.dirname, "../testdata/eve");
const registry = createRegistry(
  attest.file_attest_attest,
  auth.file_auth_auth,
  certs.file_certs_certs,
  config.file_config_devconfig,
  uuid.file_eveuuid_eveuuid,
  flowlog.file_flowlog_flowlog,
  health.file_hardwarehealth_hardware_health,
  info.file_info_info,
  logs.file_logs_log,
  metrics.file_metrics_metrics,
  register.file_register_register,
);

interface Decoded {
  readonly auth_container?: JsonValue;
  readonly payload?: JsonValue;
  readonly payload_type?: string;
}

const bodies = globSync("http/*/{request,response}.decoded.json", { cwd: recorded })
  .sort()
  .map((path) => ({
    name: path.replace("http/", "").replace(".decoded.json", ""),
    decoded: JSON.parse(readFileSync(join(recorded, path), "utf8")) as Decoded,
    bytes: new Uint8Array(readFileSync(join(recorded, path.replace(".decoded.json", ".body")))),
  }))
  .filter(({ decoded }) => decoded.auth_container !== undefined);

function certificate(name: string): X509Certificate {
  return new X509Certificate(readFileSync(join(recorded, "keys", name)));
}

/**
 * Certificates by the hash that names them: the node's by their DER, the controller's by the PEM it
 * published.
 */
const senders = new Map<string, X509Certificate>();
for (const name of ["device.cert.pem", "onboard.pem", "unknown-device.cert.pem"]) {
  senders.set(createHash("sha256").update(certificate(name).raw).digest("hex"), certificate(name));
}
for (const name of ["signing.leaf.pem", "signing.pem"]) {
  const text = readFileSync(join(recorded, "keys", name), "utf8");
  const [first = ""] = /-----BEGIN[\s\S]*?-----END CERTIFICATE-----/.exec(text) ?? [];
  senders.set(createHash("sha256").update(first).digest("hex"), certificate(name));
}

describe("envelopes recorded from EVE and Adam", () => {
  it("are all here", () => assert.equal(bodies.length, 60));

  let verified = 0;
  for (const { name, decoded, bytes } of bodies) {
    it(`${name} decodes as recorded, and encodes to the same bytes`, () => {
      const envelope = decodeEnvelope(bytes);
      const expected = fromJson(auth.AuthContainerSchema, decoded.auth_container as JsonValue);
      assert.deepEqual(envelope.payload, expected.protectedPayload?.payload ?? new Uint8Array());
      assert.equal(envelope.algorithm, expected.algo);
      assert.deepEqual(envelope.senderCertHash, expected.senderCertHash);
      assert.deepEqual(envelope.signature, expected.signatureHash);
      const { algorithm, senderCert } = envelope;
      assert.ok(algorithm !== 0);
      const again = encodeEnvelope({
        ...{ payload: envelope.payload, algorithm, senderCertHash: envelope.senderCertHash },
        ...{ signature: envelope.signature, ...(senderCert.length > 0 ? { senderCert } : {}) },
      });
      assert.equal(again.toHex(), bytes.toHex());
      const sender = senders.get(envelope.senderCertHash.toHex());
      if (sender === undefined) return;
      assert.ok(verifies(sender, envelope.payload, envelope.signature), "signature");
      verified++;
    });

    const { payload, payload_type: type } = decoded;
    if (type === undefined || payload === undefined || registry.getMessage(type) === undefined) continue;
    it(`${name} holds the ${type} recorded`, () => {
      const schema = registry.getMessage(type);
      assert.ok(schema);
      const message = fromBinary(schema, decodeEnvelope(bytes).payload);
      assert.deepEqual(message, fromJson(schema, payload));
      assert.equal(toBinary(schema, message).length, decodeEnvelope(bytes).payload.length);
    });
  }

  it("verify with the keys given", () => assert.ok(verified >= 58, `${verified} verified`));
});

function verifies(sender: X509Certificate, payload: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey(sender.publicKey.export({ type: "spki", format: "pem" }));
  return verify("sha256", payload, { key, dsaEncoding: "ieee-p1363" }, signature);
}

describe("an envelope", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  it("keeps its body when the payload is empty", () => {
    const bytes = encodeEnvelope({
      ...{ payload: new Uint8Array(), algorithm: 2, senderCertHash: new Uint8Array(32) },
      signature: sign("sha256", new Uint8Array(), { key: privateKey, dsaEncoding: "ieee-p1363" }),
    });
    assert.equal(bytes.subarray(0, 2).toHex(), "0a00");
    assert.equal(fromBinary(auth.AuthContainerSchema, bytes).protectedPayload?.payload.length, 0);
  });

  for (const [what, hex] of [
    ["that ends inside a field", "0a050a03"],
    ["with a field longer than the rest", "1aff01aa"],
    ["with field number 0", "0200"],
    ["with a number that never ends", "10ffffffffffffffffffff"],
    ["with a group", "0b"],
    ["with a body that is a number", "0801"],
    ["with an algorithm nobody knows", "1009"],
    ["that ends inside a fixed number", "4901"],
  ] as const) {
    it(`${what} is refused`, () =>
      assert.throws(() => decodeEnvelope(Uint8Array.fromHex(hex)), EnvelopeError));
  }

  it("that a stranger changed is decoded or refused, never worse", () => {
    const random = new SeededRandom(3);
    const [{ bytes } = assert.fail("nothing recorded")] = bodies;
    for (let round = 0; round < 20_000; round++) {
      const changed = bytes.slice(0, 1 + below(random, bytes.length));
      for (let flip = 0; flip < 3; flip++) changed[below(random, changed.length)] = below(random, 256);
      try {
        decodeEnvelope(changed);
      } catch (error) {
        assert.ok(error instanceof EnvelopeError, String(error));
      }
    }
  });
});

describe("the configurations the administrator set", () => {
  for (const name of ["config-v1.pb", "config-v2.pb"]) {
    it(`${basename(name)} survives decoding and encoding`, {
      skip: !existsSync(join(recorded, name)) && "absent",
    }, () => {
      const bytes = readFileSync(join(recorded, name));
      const message = fromBinary(config.EdgeDevConfigSchema, bytes);
      assert.deepEqual(
        fromBinary(config.EdgeDevConfigSchema, toBinary(config.EdgeDevConfigSchema, message)),
        message,
      );
    });
  }
});
