/** A stranger makes sure of the node's TPM by a secret that tpm2-tools encrypts to it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { constants, createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import { FileKeyStore } from "../src/identity/file-key-store.ts";
import type { KeyStore } from "../src/identity/key-store.ts";
import { TpmKeyStore } from "../src/identity/tpm/tpm-key-store.ts";
import { credentialAnswer } from "../src/metadata/credential.ts";
import type { Caller, MetadataAnswer } from "../src/metadata/exchange.ts";
import { FolderDisk } from "./folder-disk.ts";
import { SoftwareTpm, tpmMissing } from "./software-tpm.ts";

const tool = "/usr/bin/tpm2_makecredential";
const skip = tpmMissing || (existsSync(tool) ? false : "tpm2-tools is not installed");
const log = new Log("test", new SystemClock(), silentSink);

async function ask(tpm: KeyStore, body?: object): Promise<{ status: number; json: Record<string, string> }> {
  const answer: MetadataAnswer = await credentialAnswer(
    {
      ...{ method: body === undefined ? "GET" : "POST", path: "", contentType: "", address: "", port: 1 },
      body: async () => new TextEncoder().encode(JSON.stringify(body)),
    },
    { id: "a", app: { foreign: {} } } as unknown as Caller,
    { tpm, log },
  );
  return { status: answer.status, json: JSON.parse(String(answer.body)) as Record<string, string> };
}

/** The key in an area of TCG's: its modulus comes last. */
const rsaOf = (area: Buffer): ReturnType<typeof createPublicKey> =>
  createPublicKey({
    key: { kty: "RSA", e: "AQAB", n: area.subarray(-256).toString("base64url") },
    format: "jwk",
  });

const decode = (text = ""): Buffer => Buffer.from(text, "base64");

describe("a credential for the node's TPM", { skip }, () => {
  it("is opened by it, which signs what it is given, also after it lost its power", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const [{ json }] = await Promise.all([ask(keys), ask(keys)]);
    const [ek, aik, sizedName] = [decode(json["ek"]), decode(json["aikpub"]), decode(json["aikname"])];
    const name = sizedName.subarray(2);
    assert.equal(sizedName.readUInt16BE(), name.length);
    assert.deepEqual(name.subarray(2), createHash("sha256").update(aik).digest(), "a name is of its key");
    assert.equal(aik.readUInt32BE(4) & 0x50032, 0x50032, "bound to the TPM, signs what that made alone");

    await tpm.off();
    await tpm.on();
    const secret = randomBytes(32);
    const files = ["ek.pem", "secret", "credential"].map((file) => join(tpm.folder, file));
    const [pem = "", plain = "", made = ""] = files;
    writeFileSync(pem, rsaOf(ek).export({ type: "spki", format: "pem" }));
    writeFileSync(plain, secret);
    const args = [
      "-Q",
      "-T",
      "none",
      "-G",
      "rsa",
      "-u",
      pem,
      "-s",
      plain,
      "-n",
      name.toString("hex"),
      "-o",
      made,
    ];
    execFileSync(tool, args);
    // Behind a mark and a version of the tool's own.
    const blob = readFileSync(made).subarray(8);
    const length = 2 + blob.readUInt16BE();
    const data = Buffer.from("what the stranger wants signed");
    const challenge = {
      cred: blob.subarray(0, length).toString("base64"),
      secret: blob.subarray(length).toString("base64"),
      data: data.toString("base64"),
    };
    const answer = await ask(keys, challenge);
    assert.equal(answer.status, 200);
    assert.deepEqual(decode(answer.json["secret"]), secret);
    const key = { key: rsaOf(aik), padding: constants.RSA_PKCS1_PADDING };
    assert.ok(verify("sha256", data, key, decode(answer.json["sig"])));

    for (const [what, wrong] of Object.entries({
      "a credential for another key": { ...challenge, cred: Buffer.alloc(length).toString("base64") },
      "what looks like the TPM's own word": {
        ...challenge,
        data: Buffer.from("ff54434780180000", "hex").toString("base64"),
      },
      "what is none": { cred: 1 },
      "too little": { ...challenge, secret: "AA==" },
    })) {
      const refused = await ask(keys, wrong);
      assert.deepEqual([refused.status, refused.json], [500, { message: "Operation failed" }], what);
    }
    assert.equal((await ask(keys, challenge)).status, 200, "and no session is left behind");
  });

  it("is nobody's without a TPM", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using keys = await FileKeyStore.open(new FolderDisk(join(tpm.folder, "files")));
    assert.equal((await ask(keys)).status, 500);
    assert.equal((await ask(keys, { cred: "AAA=", secret: "AAA=", data: "" })).status, 500);
  });
});
