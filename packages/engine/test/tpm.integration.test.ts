import assert from "node:assert/strict";
import { createECDH, createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { instant, Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { deriveSharedKey, openCipherBlock, sealCipherBlock } from "@selvedge/eve-api";
import { aesCfb } from "../src/control/secrets.ts";
import { LinuxDisk } from "../src/host/linux/linux-disk.ts";
import { ecdsaSignature } from "../src/identity/certificate.ts";
import { FileKeyStore } from "../src/identity/file-key-store.ts";
import { Identity } from "../src/identity/identity.ts";
import { type KeyStore, KeyStoreError, type Point } from "../src/identity/key-store.ts";
import { TpmKeyStore } from "../src/identity/tpm/tpm-key-store.ts";
import { SoftwareTpm, tpmMissing as skip } from "./software-tpm.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function holds(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
  return verify("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }, signature);
}

function pointOf(publicKey: Uint8Array): Point {
  const { x = "", y = "" } = createPublicKey({
    key: Buffer.from(publicKey),
    format: "der",
    type: "spki",
  }).export({
    format: "jwk",
  });
  return { x: Buffer.from(x, "base64url"), y: Buffer.from(y, "base64url") };
}

async function checkKeys(keys: KeyStore): Promise<void> {
  assert.ok(holds(keys.publicKeys.device, encode("hello"), await keys.sign(encode("hello"))));
  const peer = createECDH("prime256v1");
  const point = peer.generateKeys();
  const own = pointOf(keys.publicKeys.exchange);
  const shared = await keys.sharedPoint({ x: point.subarray(1, 33), y: point.subarray(33) });
  const expected = peer.computeSecret(Buffer.concat([Buffer.of(4), own.x, own.y]));
  assert.deepEqual(Buffer.from(shared.x), expected);
  // X alone says nothing of Y: that the point lies on the curve does, up to a sign.
  assert.ok(onCurve(shared));
}

function onCurve({ x, y }: Point): boolean {
  const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  const [u, v] = [BigInt(`0x${x.toHex()}`), BigInt(`0x${y.toHex()}`)];
  return (v * v - (u * u * u - 3n * u + b)) % p === 0n;
}

describe("keys in a TPM", { skip }, () => {
  it("sign, agree and quote", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    await checkKeys(keys);
    const nonce = encode("nonce-0123456789");
    const { attested, signature, registers } = await keys.quote(nonce);
    const { attestation } = keys.publicKeys;
    assert.ok(attestation !== undefined && holds(attestation, attested, signature));
    assert.equal(Buffer.from(attested).readUInt32BE(0), 0xff544347);
    assert.ok(Buffer.from(attested).includes(nonce));
    const digest = createHash("sha256");
    for (const { value } of registers.slice(0, 16)) digest.update(value);
    assert.ok(Buffer.from(attested).includes(digest.digest()));
    assert.equal(registers.length, 24);
  });

  it("are the same after the TPM lost its power, however often, also while the engine holds it", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    await tpm.off();
    await tpm.on();
    await checkKeys(keys);
    await tpm.off();
    await tpm.on(false);
    await using again = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    assert.deepEqual(again.publicKeys, keys.publicKeys);
    await checkKeys(again);
  });

  it("are not locked away by power cuts, however many", async () => {
    await using tpm = await new SoftwareTpm().on();
    for (let cut = 0; cut < 20; cut++) {
      const keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
      await keys.sign(encode(`cut ${cut}`));
      await keys[Symbol.asyncDispose]();
      await tpm.off();
      await tpm.on();
    }
  });

  it("take commands from many parts of the engine at once, and never run out of slots", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const texts = Array.from({ length: 50 }, (_, at) => encode(`message ${at}`));
    const signatures = await Promise.all(texts.map((text) => keys.sign(text)));
    for (const [at, text] of texts.entries()) {
      const signature = signatures[at] ?? new Uint8Array();
      assert.ok(holds(keys.publicKeys.device, text, signature));
    }
  });

  it("say what is wrong when nobody is there", async () => {
    await assert.rejects(TpmKeyStore.open({ kind: "swtpm", socket: "/nonexistent/tpm" }), KeyStoreError);
  });
});

describe("an identity", { skip }, () => {
  const parts = (tpm: SoftwareTpm, keys: KeyStore, folder: string): Parameters<typeof Identity.open>[0] => {
    const clock = new SystemClock();
    const log = new Log("test", clock, silentSink);
    return {
      keys,
      disk: new LinuxDisk(join(tpm.folder, folder)),
      clock,
      random: new SeededRandom(1),
      log,
      label: "n-1",
    };
  };

  it("has certificates as EVE's: self-signed, twenty years, and two that it issues", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const identity = await Identity.open(parts(tpm, keys, "disk"));
    const device = new X509Certificate(identity.device.pem);
    assert.ok(device.ca && device.checkIssued(device) && device.verify(device.publicKey));
    assert.equal(device.subject, "O=Selvedge\nCN=n-1");
    assert.equal(device.validToDate.getUTCFullYear() - device.validFromDate.getUTCFullYear(), 20);
    for (const issued of [identity.exchange, identity.attestation]) {
      const certificate = new X509Certificate(issued?.pem ?? "");
      assert.ok(!certificate.ca && certificate.checkIssued(device) && certificate.verify(device.publicKey));
    }
  });

  it("is the same on a new disk, because its certificate lies beside the key", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const first = await Identity.open(parts(tpm, keys, "one"));
    const second = await Identity.open(parts(tpm, keys, "two"));
    assert.deepEqual(second.device.der, first.device.der);
    assert.equal(second.replaced, false);
  });

  it("knows when the disk is of another node", async () => {
    await using tpm = await new SoftwareTpm().on();
    const before = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const first = await Identity.open(parts(tpm, before, "disk"));
    await before[Symbol.asyncDispose]();
    await tpm.off();
    tpm.clear();
    await tpm.on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const second = await Identity.open(parts(tpm, keys, "disk"));
    assert.ok(second.replaced);
    assert.notDeepEqual(second.device.der, first.device.der);
    assert.equal((await Identity.open(parts(tpm, keys, "disk"))).replaced, false);
  });

  it("opens what is sealed to it, whichever store its keys are in", async () => {
    await using tpm = await new SoftwareTpm().on();
    const stores: KeyStore[] = [
      await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket }),
      await FileKeyStore.open(new LinuxDisk(join(tpm.folder, "files"))),
    ];
    const [controller, iv] = [
      await FileKeyStore.open(new LinuxDisk(join(tpm.folder, "controller"))),
      new Uint8Array(16),
    ];
    for (const keys of stores) {
      const theirs = await controller.sharedPoint(pointOf(keys.publicKeys.exchange));
      const plaintext = encode("secret");
      const block = await sealCipherBlock(aesCfb, {
        ...{ iv, contextId: "c", plaintext },
        key: await deriveSharedKey(theirs.x, theirs.y),
      });
      const ours = await keys.sharedPoint(pointOf(controller.publicKeys.exchange));
      assert.deepEqual(
        await openCipherBlock(aesCfb, await deriveSharedKey(ours.x, ours.y), block),
        plaintext,
      );
      await keys[Symbol.asyncDispose]();
    }
  });
});

it("a signature in DER is what OpenSSL verifies", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-keys-"));
  try {
    const keys = await FileKeyStore.open(new LinuxDisk(folder));
    const key = createPublicKey({ key: Buffer.from(keys.publicKeys.device), format: "der", type: "spki" });
    for (let at = 0; at < 50; at++) {
      const text = encode(`message ${at} ${instant(at)}`);
      assert.ok(verify("sha256", text, key, ecdsaSignature(await keys.sign(text))));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
