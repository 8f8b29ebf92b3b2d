import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { certs, openCipherBlock } from "@selvedge/eve-api";
import { DeviceCertificates } from "../gateway/device-certificates.ts";
import { ControllerIdentity } from "../pki/controller-identity.ts";
import { pemBlocks } from "../pki/issue.ts";
import { SqliteRecords } from "../records/sqlite-records.ts";
import { aesCfb, CipherSealer } from "./cipher-sealer.ts";
import { sharedKey } from "./shared-key.ts";

const keys = join(import.meta.dirname, "../../../eve-api/testdata/eve/keys");
const read = (name: string): string => readFileSync(join(keys, name), "utf8");
const certificate = (name: string): string => pemBlocks(read(name), "CERTIFICATE")[0] ?? "";
const node = "e072c17e-8657-4899-91ee-ef99105b8662";

function identity(): ControllerIdentity {
  return new ControllerIdentity({
    signing: { certificate: certificate("signing.leaf.pem"), key: createPrivateKey(read("signing-key.pem")) },
    encryption: [
      { certificate: certificate("encrypt.leaf.pem"), key: createPrivateKey(read("encrypt-key.pem")) },
    ],
    intermediates: [certificate("inter.pem")],
  });
}

function ecdhCertificate(cert = new TextEncoder().encode(read("ecdh.cert.pem"))): certs.ZCert {
  return create(certs.ZCertSchema, {
    type: certs.ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE,
    cert,
    certHash: new Uint8Array(createHash("sha256").update(cert).digest().subarray(0, 16)),
    hashAlgo: 1,
  });
}

function world(secret = Uint8Array.of(1, 2, 3)): {
  certificates: DeviceCertificates;
  sealer: CipherSealer;
  renew: () => void;
} {
  const certificates = new DeviceCertificates(new SqliteRecords(":memory:"));
  const listeners = new Set<() => void>();
  const pki = {
    identity: identity(),
    onRenewed(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return {
    certificates,
    sealer: new CipherSealer({ certificates, pki, secret }),
    renew: () => listeners.forEach((listener) => void listener()),
  };
}

const plaintext = new TextEncoder().encode("a secret of some length");

describe("the shared key", () => {
  /** The scalar 0x…, as a private key. */
  const scalar = (byte: string): KeyObject => {
    const sec1 = Buffer.from(`30310201010420${byte.repeat(32)}a00a06082a8648ce3d030107`, "hex");
    return createPrivateKey({ key: sec1, format: "der", type: "sec1" });
  };

  it("is what Go's standard library makes of the same scalars, from either end", async () => {
    const [one, two] = [scalar("11"), scalar("22")];
    const expected = "ce52bf7e89ac81bd6c630020dba95116ad00bf9601347e6aab2e39d98fa8aa9e";
    assert.equal((await sharedKey(one, createPublicKey(two))).toHex(), expected);
    assert.equal((await sharedKey(two, createPublicKey(one))).toHex(), expected);
  });
});

describe("CipherSealer", () => {
  it("has nothing for a node that has not sent its certificate", async () => {
    const { sealer } = world();
    assert.equal(await sealer.seal(node, "a", plaintext), undefined);
    assert.deepEqual(sealer.contexts(node), []);
  });

  it("seals what the node's key opens, under a context that names both certificates", async () => {
    const { sealer, certificates } = world();
    certificates.accept(node, [ecdhCertificate()]);
    const block = await sealer.seal(node, "a", plaintext);
    const [context] = sealer.contexts(node);
    assert.ok(block && context);
    assert.equal(block.cipherContextId, context.contextId);
    assert.match(context.contextId, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
    assert.equal(context.deviceCertHash.toHex(), hash(read("ecdh.cert.pem")));
    assert.equal(context.controllerCertHash.toHex(), hash(certificate("encrypt.leaf.pem")));
    const deviceKey = createPrivateKey(read("ecdh.key.pem"));
    const key = await sharedKey(deviceKey, createPublicKey(certificate("encrypt.leaf.pem")));
    assert.deepEqual(new Uint8Array(await openCipherBlock(aesCfb, key, block)), plaintext);
  });

  it("makes equal blocks of equal secrets, and different ones of everything else", async () => {
    const { sealer, certificates } = world();
    for (const one of [node, "other"]) certificates.accept(one, [ecdhCertificate()]);
    const iv = async (who = sealer, of = node, name = "a", what = plaintext): Promise<string> =>
      (await who.seal(of, name, what))?.initialValue.toHex() ?? "";
    const again = world();
    again.certificates.accept(node, [ecdhCertificate()]);
    const stranger = world(Uint8Array.of(9));
    stranger.certificates.accept(node, [ecdhCertificate()]);
    const first = await iv();
    assert.equal(await iv(), first);
    assert.equal(await iv(again.sealer), first, "another replica");
    const others = [
      await iv(sealer, "other"),
      await iv(sealer, node, "b"),
      await iv(sealer, node, "a", plaintext.subarray(1)),
      await iv(stranger.sealer),
    ];
    assert.equal(new Set([first, ...others]).size, 5);
  });

  it("tells when a node's certificate comes, once", () => {
    const { sealer, certificates, renew } = world();
    const told: string[] = [];
    const stop = sealer.onChange((changed) => told.push(changed));
    certificates.accept(node, [ecdhCertificate()]);
    certificates.accept(node, [ecdhCertificate()]);
    assert.deepEqual(told, [node]);
    renew();
    assert.deepEqual(told, [node, node], "and again when the controller's own certificate is renewed");
    stop();
    renew();
    certificates.forget(node);
    assert.equal(told.length, 2);
  });
});

describe("DeviceCertificates", () => {
  it("survive a restart, and are replaced type by type", () => {
    const records = new SqliteRecords(":memory:");
    const signing = create(certs.ZCertSchema, { ...ecdhCertificate(), type: 11 });
    new DeviceCertificates(records).accept(node, [signing, ecdhCertificate()]);
    const again = new DeviceCertificates(records);
    again.accept(node, [create(certs.ZCertSchema, { type: 12, cert: Uint8Array.of(1) })]);
    for (const type of [11, 12, 13] as const) assert.equal(again.find(node, type)?.type, type);
    again.forget(node);
    assert.equal(new DeviceCertificates(records).find(node, 13), undefined);
  });

  const bad: readonly (readonly [string, certs.ZCert[], RegExp])[] = [
    ["too many", Array.from({ length: 17 }, () => ecdhCertificate()), /17 entries/],
    [
      "too long",
      [create(certs.ZCertSchema, { type: 12, cert: new Uint8Array(20_000) })],
      /certs\[0\].cert has more/,
    ],
    ["no certificate", [ecdhCertificate(Uint8Array.of(1))], /certs\[0\].cert is not a certificate/],
    [
      "a wrong hash",
      [create(certs.ZCertSchema, { ...ecdhCertificate(), certHash: new Uint8Array(16) })],
      /certHash/,
    ],
  ];
  for (const [what, sent, expected] of bad) {
    it(`refuse ${what}, and keep what was there`, () => {
      const certificates = new DeviceCertificates(new SqliteRecords(":memory:"));
      certificates.accept(node, [ecdhCertificate()]);
      assert.throws(() => certificates.accept(node, sent), expected);
      assert.equal(certificates.find(node, 13)?.type, 13);
    });
  }
});
