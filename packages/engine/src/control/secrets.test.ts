import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SystemClock } from "@selvedge/base";
import { cipher, config, deriveSharedKey, openCipherBlock, patchEnvelope } from "@selvedge/eve-api";
import type { PatchArtifact } from "../desired.ts";
import { aesCfb, Secrets } from "./secrets.ts";
import { translatePatches } from "./translate-patches.ts";

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

const identity = {
  exchange: { pem: "pem" },
  keys: { sharedPoint: async () => ({ x: hex(known.x), y: hex(known.y) }) },
};

describe("an artifact of a patch envelope", () => {
  const secrets = new Secrets(identity as never, new SystemClock());
  const context = create(cipher.CipherContextSchema, {
    ...{ contextId: "c", keyExchangeScheme: 1, encryptionScheme: 1, controllerCertHash: hex("07") },
    deviceCertHash: createHash("sha256").update("pem").digest().subarray(0, 16),
  });
  secrets.use({ contexts: [context], lists: [{ exchange: new Map([["07", {}]]) }] as never });
  const sealed = (clear: Uint8Array): cipher.CipherBlock =>
    create(cipher.CipherBlockSchema, {
      ...{ cipherContextId: "c", initialValue: hex(known.iv) },
      cipherData: aesCfb.encrypt(hex(known.key), hex(known.iv), clear),
      clearTextSha256: new Uint8Array(createHash("sha256").update(clear).digest()),
    });
  const metadata = (user: cipher.EncryptionBlockUser, encryptedData: string): cipher.CipherBlock =>
    sealed(
      toBinary(cipher.EncryptionBlockSchema, create(cipher.EncryptionBlockSchema, { user, encryptedData })),
    );
  const { InlineOpaqueBase64DataSchema: inlineSchema } = patchEnvelope;
  const inline = create(inlineSchema, { base64Data: "aGVsbG8=", fileNameToUse: "a.txt" });
  const translated = (binaryBlob: object, metadataCipherData: cipher.CipherBlock): PatchArtifact => {
    const artifact = { artifactMetaData: "", metadataCipherData, binaryBlob } as never;
    const envelope = { uuid: "33333333-3333-4333-8333-333333333333", artifacts: [artifact] };
    const [patch] = translatePatches(
      create(config.EdgeDevConfigSchema, { patchEnvelopes: [envelope as never] }),
    );
    return patch?.artifacts[0] ?? assert.fail(patch?.faults.join());
  };
  const blobs = [
    ["in clear", { case: "inline", value: inline }],
    [
      "sealed as well",
      { case: "encryptedInline", value: { cipherData: sealed(toBinary(inlineSchema, inline)) } },
    ],
  ] as const;
  for (const [what, blob] of blobs)
    it(`tells what was sealed of it, with its data ${what}`, async () => {
      const opened = await secrets.openArtifact(translated(blob, metadata(1, "for the pump")));
      assert.deepEqual(opened, {
        ...{ kind: "inline", file: "a.txt", base64: "aGVsbG8=", fileMeta: "", artifactMeta: "for the pump" },
      });
      await assert.rejects(
        secrets.openArtifact(translated(blob, metadata(0, "x"))),
        /metadata_cipher_data: holds a secret of user 0/,
      );
    });
});

describe("what a wireless network is joined with", () => {
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
    const attached = { cellularNetAttachUsername: "at", cellularNetAttachPassword: "tach" };
    assert.deepEqual(await secrets.openPortSecret(sealed(attached)), {
      ...{ user: "", password: "", attachUser: "at", attachPassword: "tach" },
    });
    assert.deepEqual([secrets.counts.opened, secrets.counts.failed], [3, 0]);
  });

  it("does not open when it is for another node", async () => {
    const other = sealed({ wifiPassword: "word" }, { deviceCertHash: hex("00") });
    await assert.rejects(secrets.openPortSecret(other), /is for certificate 00/);
    assert.equal(secrets.counts.failed, 1);
  });
});
