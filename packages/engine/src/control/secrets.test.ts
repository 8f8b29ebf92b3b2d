import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { cipher, deriveSharedKey, openCipherBlock } from "@selvedge/eve-api";
import { aesCfb } from "./secrets.ts";

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
