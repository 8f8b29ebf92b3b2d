import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify, X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { type Clock, instant, Log, millis, SystemRandom, silentSink } from "@selvedge/base";
import { certs, decodeEnvelope } from "@selvedge/eve-api";
import { ControllerIdentity } from "./controller-identity.ts";
import { parsePair, pemBlocks } from "./issue.ts";
import { Pki, type PkiOptions } from "./pki.ts";
import { FolderPkiFiles, MemoryPkiFiles, type PkiFiles } from "./pki-files.ts";

const day = 86_400_000;

/** A calendar that the test moves; nothing here waits. */
function calendar(start: number): Clock & { at: number } {
  return {
    at: start,
    now() {
      return instant(this.at);
    },
    monotonic: () => millis(0),
    setTimer: () => ({ cancel: () => undefined }),
  };
}

function options(files: PkiFiles, over: Partial<PkiOptions> = {}): PkiOptions {
  const clock = over.clock ?? calendar(Date.UTC(2026, 0, 1));
  return {
    ...{ files, clock, random: new SystemRandom(), log: new Log("pki", clock, silentSink) },
    ...{ kubeNames: ["api.example.org"], deviceNames: ["10.1.2.3", "edge.example.org"], ...over },
  };
}

const {
  CERT_TYPE_CONTROLLER_SIGNING,
  CERT_TYPE_CONTROLLER_INTERMEDIATE,
  CERT_TYPE_CONTROLLER_ECDH_EXCHANGE,
} = certs.ZCertType;

function listed(identity: ControllerIdentity): readonly certs.ZCert[] {
  return fromBinary(certs.ZControllerCertSchema, decodeEnvelope(identity.certsAnswer).payload).certs;
}

describe("the controller's certificates", () => {
  it("chain to the root as nodes check them", async () => {
    using pki = await Pki.open(options(new MemoryPkiFiles()));
    const root = new X509Certificate(pki.rootCertificate);
    const list = listed(pki.identity);
    assert.deepEqual(
      list.map(({ type }) => type),
      [CERT_TYPE_CONTROLLER_SIGNING, CERT_TYPE_CONTROLLER_INTERMEDIATE, CERT_TYPE_CONTROLLER_ECDH_EXCHANGE],
    );
    assert.equal(
      new Set(list.map(({ certHash }) => certHash.toHex())).size,
      list.length,
      "hashes are unique",
    );
    const [signing, intermediate, encryption] = list.map(({ cert }) => new X509Certificate(cert));
    assert.ok(signing && intermediate && encryption);
    assert.ok(intermediate.checkIssued(root) && intermediate.verify(root.publicKey));
    for (const leaf of [signing, encryption]) {
      assert.ok(leaf.checkIssued(intermediate) && leaf.verify(intermediate.publicKey));
      assert.equal(leaf.ca, false);
      assert.equal(leaf.keyUsage, undefined, "an extended usage without serverAuth is refused by nodes");
      assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    }
  });

  it("sign envelopes that verify, named by the hash of the published text", async () => {
    using pki = await Pki.open(options(new MemoryPkiFiles()));
    const payload = new TextEncoder().encode("hello");
    const envelope = decodeEnvelope(pki.identity.seal(payload));
    const [signing] = listed(pki.identity);
    assert.ok(signing);
    const key = createPublicKey(Buffer.from(signing.cert));
    assert.ok(verify("sha256", payload, { key, dsaEncoding: "ieee-p1363" }, envelope.signature));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(signing.cert)));
    assert.equal(envelope.senderCertHash.toHex(), digest.toHex());
    assert.equal(signing.certHash.toHex(), digest.subarray(0, 16).toHex());
  });

  it("are for every name advertised, and followed by the intermediate one", async () => {
    using pki = await Pki.open(options(new MemoryPkiFiles()));
    const [leaf = "", intermediate = ""] = pemBlocks(pki.deviceServer.cert, "CERTIFICATE");
    const certificate = new X509Certificate(leaf);
    assert.ok(certificate.checkIP("10.1.2.3") && certificate.checkIP("127.0.0.1"));
    assert.ok(certificate.checkIP("::1"));
    assert.ok(certificate.checkHost("edge.example.org") && certificate.checkHost("localhost"));
    assert.ok(certificate.checkIssued(new X509Certificate(intermediate)));
    const kube = new X509Certificate(pki.kubeServer.cert);
    assert.ok(kube.checkHost("api.example.org") && !kube.checkHost("edge.example.org"));
  });

  it("name the administrator as Kubernetes does, under an authority of their own", async () => {
    using pki = await Pki.open(options(new MemoryPkiFiles()));
    const text = pki.kubeconfig("https://127.0.0.1:6443");
    const data = (key: string): string =>
      Buffer.from(new RegExp(`${key}: (\\S+)`).exec(text)?.[1] ?? "", "base64").toString();
    const admin = parsePair(data("client-certificate-data") + data("client-key-data")).certificate;
    assert.deepEqual(admin.subject.split("\n").sort(), ["CN=admin", "O=system:masters"]);
    assert.ok(admin.verify(new X509Certificate(pki.clientAuthority).publicKey));
    assert.equal(data("certificate-authority-data").trim(), pki.rootCertificate.trim());
    assert.ok(!new X509Certificate(pki.identity.signing.pem).verify(admin.publicKey));
  });
});

describe("a second start", () => {
  it("finds everything as it was", async () => {
    const files = new MemoryPkiFiles();
    const clock = calendar(Date.UTC(2026, 0, 1));
    using first = await Pki.open(options(files, { clock }));
    const secret = first.secret("sealer");
    clock.at += 100 * day;
    using second = await Pki.open(options(files, { clock }));
    assert.equal(second.rootCertificate, first.rootCertificate);
    assert.equal(second.deviceServer.cert, first.deviceServer.cert);
    assert.equal(second.identity.certsHash, first.identity.certsHash);
    assert.deepEqual(second.secret("sealer"), secret);
    assert.notDeepEqual(second.secret("registry"), secret);
  });

  const changes: readonly (readonly [what: string, over: Partial<PkiOptions>])[] = [
    ["a name more", { deviceNames: ["10.1.2.3", "edge.example.org", "10.9.9.9"] }],
    ["a name less", { deviceNames: ["10.1.2.3"] }],
    ["age", { clock: calendar(Date.UTC(2026, 0, 1) + 250 * day) }],
  ];
  for (const [what, over] of changes) {
    it(`with ${what} makes a new server certificate, and nothing that nodes would notice`, async () => {
      const files = new MemoryPkiFiles();
      using first = await Pki.open(options(files));
      using second = await Pki.open(options(files, over));
      assert.notEqual(second.deviceServer.cert, first.deviceServer.cert);
      assert.equal(second.identity.certsHash, first.identity.certsHash);
    });
  }

  it("with a clock set back by years keeps what it has", async () => {
    const files = new MemoryPkiFiles();
    using first = await Pki.open(options(files));
    using second = await Pki.open(options(files, { clock: calendar(0) }));
    assert.equal(second.deviceServer.cert, first.deviceServer.cert);
  });

  it("with a damaged certificate makes it again, but never the root", async () => {
    const files = new MemoryPkiFiles();
    using first = await Pki.open(options(files));
    files.write("signing.pem", "nothing");
    using second = await Pki.open(options(files));
    assert.notEqual(second.identity.certsHash, first.identity.certsHash);
    files.write("root.pem", "nothing");
    await assert.rejects(Pki.open(options(files)), /root.pem is damaged: restore it/);
  });
});

describe("a renewal", () => {
  it("is told, and keeps the older encryption key published while it is valid", async () => {
    const clock = calendar(Date.UTC(2026, 0, 1));
    using pki = await Pki.open(options(new MemoryPkiFiles(), { clock }));
    let told = 0;
    pki.onRenewed(() => told++);
    await pki.renew();
    assert.equal(told, 0);
    const [old] = pki.identity.encryption;
    assert.ok(old);
    clock.at += 7 * 365 * day;
    await pki.renew();
    assert.equal(told, 1);
    const { encryption } = pki.identity;
    assert.equal(encryption.length, 2);
    assert.equal(encryption[1]?.sha256.toHex(), old.sha256.toHex());
    clock.at += 4 * 365 * day;
    await pki.renew();
    assert.equal(pki.identity.encryption.length, 1, "the oldest has expired");
  });
});

describe("a rotation", () => {
  it("replaces the signing and the encryption key at once, and nothing else", async () => {
    const files = new MemoryPkiFiles();
    using pki = await Pki.open(options(files));
    let told = 0;
    pki.onRenewed(() => told++);
    const [before, server, root] = [pki.identity, pki.deviceServer.cert, pki.rootCertificate];
    await pki.rotate();
    assert.equal(told, 1);
    const after = pki.identity;
    assert.notEqual(after.signing.sha256.toHex(), before.signing.sha256.toHex());
    assert.notEqual(after.certsHash, before.certsHash, "controllercert_confighash moves");
    assert.deepEqual(
      after.encryption.slice(1).map(({ sha256 }) => sha256.toHex()),
      before.encryption.map(({ sha256 }) => sha256.toHex()),
      "what was sealed before can still be opened",
    );
    assert.deepEqual([pki.deviceServer.cert, pki.rootCertificate], [server, root]);
    using again = await Pki.open(options(files));
    assert.equal(again.identity.certsHash, after.certsHash, "and a restart keeps it");
  });
});

describe("FolderPkiFiles", () => {
  it("keeps files that only their owner can read, and leaves nothing half written", async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "selvedge-pki-")), "pki");
    try {
      using pki = await Pki.open(options(new FolderPkiFiles(folder)));
      pki.secret("sealer");
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      const names = readdirSync(folder);
      assert.ok(names.includes("root.pem") && names.includes("sealer.secret"));
      for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
      // A leftover of a write that was cut is replaced.
      writeFileSync(join(folder, "admin.pem.new"), "half");
      new FolderPkiFiles(folder).write("admin.pem", "whole");
      assert.equal(readFileSync(join(folder, "admin.pem"), "utf8"), "whole");
    } finally {
      rmSync(join(folder, ".."), { recursive: true });
    }
  });
});

describe("ControllerIdentity", () => {
  it("needs a key to encrypt with", () => {
    const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signing = { certificate: "x", key };
    assert.throws(() => new ControllerIdentity({ signing, encryption: [], intermediates: [] }), /encryption/);
  });
});
