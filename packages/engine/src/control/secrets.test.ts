import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SystemClock } from "@selvedge/base";
import { cipher, deriveSharedKey, openCipherBlock } from "@selvedge/eve-api";
import { aesCfb, Secrets } from "./secrets.ts";

/** Made with Go's standard library; hashing X alone would give another key. */
const known = {
  x: "ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6",
  y: "21d4c088f30a3527103b969ed229ee6372b316e85a4b348ec7c1f043c8ff7095",
  key: "ce52bf7e89ac81bd6c630020dba95116ad00bf9601347e6aab2e39d98fa8aa9e",
  iv: "000102030405060708090a0b0c0d0e0f",
  sealed: "19b411a5f0059626814208415d1d",
  sha256: "065256a76e35a22d3e35435e388fee5ca933cdf4514d72a7394fd397108cdb5c",
} as const;
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

describe("a block sealed elsewhere", () => {
  const block = create(cipher.CipherBlockSchema, {
    initialValue: hex(known.iv),
    cipherData: hex(known.sealed),
    clearTextSha256: hex(known.sha256),
  });

  it("opens with the key of both coordinates", async () => {
    const key = await deriveSharedKey(hex(known.x), hex(known.y));
    assert.equal(key.toHex(), known.key);
    const { dsAPIKey, dsPassword } = fromBinary(
      cipher.EncryptionBlockSchema,
      await openCipherBlock(aesCfb, key, block),
    );
    assert.deepEqual([dsAPIKey, dsPassword], ["user", "secret"]);
  });

  it("does not open when a bit of it was changed", async () => {
    const cipherData = block.cipherData.slice();
    cipherData[2] = (cipherData[2] ?? 0) ^ 1;
    await assert.rejects(openCipherBlock(aesCfb, hex(known.key), { ...block, cipherData }), /does not open/);
  });
});

describe("what a wireless network is joined with", () => {
  const identity = {
    exchange: { pem: "pem" },
    keys: { sharedPoint: async () => ({ x: hex(known.x), y: hex(known.y) }) },
  };
  const secrets = new Secrets(identity as never, new SystemClock());
  // The configuration that is in force knows nothing of the block's context any more.
  secrets.use({ contexts: [], lists: [{ exchange: new Map([["07", {}]]) }] as never });
  const sealed = (plain: object, more: object = {}): Parameters<Secrets["openPortSecret"]>[0] => {
    const clear = toBinary(cipher.EncryptionBlockSchema, create(cipher.EncryptionBlockSchema, plain));
    const block = create(cipher.CipherBlockSchema, {
      ...{ cipherContextId: "c", initialValue: hex(known.iv) },
      cipherData: aesCfb.encrypt(hex(known.key), hex(known.iv), clear),
      clearTextSha256: new Uint8Array(createHash("sha256").update(clear).digest()),
    });
    const context = create(cipher.CipherContextSchema, {
      ...{ contextId: "c", keyExchangeScheme: 1, encryptionScheme: 1, controllerCertHash: hex("07") },
      ...{ deviceCertHash: new Uint8Array(createHash("sha256").update("pem").digest()), ...more },
    });
    return {
      kind: "sealed",
      block: toBinary(cipher.CipherBlockSchema, block).toBase64(),
      context: toBinary(cipher.CipherContextSchema, context).toBase64(),
    };
  };

  it("opens with the context that came with it", async () => {
    const wifi = await secrets.openPortSecret(sealed({ wifiUserName: "ann", wifiPassword: "word" }));
    assert.deepEqual(wifi, { user: "ann", password: "word" });
    const modem = sealed({ cellularNetUsername: "bob", cellularNetPassword: "pin" });
    assert.deepEqual(await secrets.openPortSecret(modem), { user: "bob", password: "pin" });
    assert.deepEqual([secrets.counts.opened, secrets.counts.failed], [2, 0]);
  });

  it("does not open when it is for another node", async () => {
    const other = sealed({ wifiPassword: "word" }, { deviceCertHash: hex("00") });
    await assert.rejects(secrets.openPortSecret(other), /is for certificate 00/);
    assert.equal(secrets.counts.failed, 1);
  });
});
