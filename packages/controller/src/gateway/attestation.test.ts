import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, it } from "node:test";
import { attest, certs } from "@selvedge/eve-api";
import { Box, NodeWorld, selfSigned } from "../../test/node-world.ts";
import {
  attestation,
  attestationKey,
  nonceFor,
  type QuoteParts,
  quoteOf,
  registers,
  send,
  uploadKey,
} from "../../test/quoting-box.ts";
import { checkQuote } from "./quote.ts";

const onboarding = await selfSigned("onboarding");
const { Z_ATTEST_REQ_TYPE_STORE_KEYS } = attest.ZAttestReqType;
const { CERT_TYPE_DEVICE_ENDORSEMENT_RSA } = certs.ZCertType;
const codes = attest.ZAttestResponseCode;
const storeCodes = attest.AttestStorageKeysResponseCode;

async function world(): Promise<{ world: NodeWorld; box: Box } & AsyncDisposable> {
  const made = await NodeWorld.start();
  await made.addProfile(onboarding);
  const box = await Box.make(made, onboarding, "A");
  await box.register();
  await box.fetchUuid();
  return { world: made, box, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

describe("a quote of a TPM", () => {
  it("earns a token: the same for the same quote, and another at each boot", async () => {
    await using both = await world();
    const { box } = both;
    await uploadKey(box);
    const quote = quoteOf(await nonceFor(box));
    const first = await send(box, quote);
    assert.equal(first.response, codes.SUCCESS);
    assert.equal(first.integrityToken.length, 32);
    const again = await send(box, quote);
    assert.equal(again.integrityToken.toHex(), first.integrityToken.toHex());
    const other = await send(box, quoteOf(await nonceFor(box)));
    assert.notEqual(other.integrityToken.toHex(), first.integrityToken.toHex());
    both.world.configs.set(box.id, { config: new Uint8Array(), hash: "h" });
    box.token = first.integrityToken;
    assert.equal((await box.poll("h")).status, 403, "the token of the boot before is over");
  });

  it("may be sent again with the same nonce, as nodes do when the answer was lost", async () => {
    await using both = await world();
    const { box } = both;
    await uploadKey(box);
    const quote = quoteOf(await nonceFor(box));
    for (let round = 0; round < 3; round++) assert.equal((await send(box, quote)).response, codes.SUCCESS);
  });

  it("waits for its certificate", async () => {
    await using both = await world();
    const { box } = both;
    assert.equal((await send(box, quoteOf(await nonceFor(box)))).response, codes.NO_CERT_FOUND);
  });

  it("is not good without the nonce it was asked for, with an older one, or too late", async () => {
    await using both = await world();
    const { world: made, box } = both;
    await uploadKey(box);
    assert.equal((await send(box, quoteOf(new Uint8Array(16)))).response, codes.NONCE_MISMATCH);
    const old = await nonceFor(box);
    const newer = await nonceFor(box);
    assert.equal((await send(box, quoteOf(old))).response, codes.NONCE_MISMATCH);
    made.clock.at += 16 * 60_000;
    assert.equal((await send(box, quoteOf(newer))).response, codes.NONCE_MISMATCH);
  });

  it("that is bad takes away what was proved before", async () => {
    await using both = await world();
    const { world: made, box } = both;
    await uploadKey(box);
    await send(box, quoteOf(await nonceFor(box)));
    made.configs.set(box.id, { config: new Uint8Array(), hash: "h" });
    assert.equal((await box.poll("h")).status, 304);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    assert.equal((await send(box, quoteOf(await nonceFor(box), privateKey))).response, codes.QUOTE_FAILED);
    assert.equal((await box.poll("h")).status, 403);
  });

  it("is what a box must send that has proved itself so, or has an endorsement key", async () => {
    for (const showsItsTpm of [
      async (box: Box): Promise<void> => {
        await uploadKey(box);
        await send(box, quoteOf(await nonceFor(box)));
      },
      (box: Box): Promise<void> => uploadKey(box, attestationKey, CERT_TYPE_DEVICE_ENDORSEMENT_RSA),
    ]) {
      await using both = await world();
      const { box } = both;
      await showsItsTpm(box);
      assert.equal((await box.attestInSoftware())?.response, codes.QUOTE_FAILED);
    }
  });

  it("is not asked of EVE's boxes without a TPM, though they upload an attestation key", async () => {
    await using both = await world();
    const { box } = both;
    await uploadKey(box);
    assert.equal((await box.attestInSoftware())?.response, codes.SUCCESS);
  });
});

describe("what a TPM is known by", () => {
  it("does not change: the same key in another certificate is taken, another key is not", async () => {
    await using both = await world();
    const { box } = both;
    await uploadKey(box);
    await uploadKey(box);
    const stranger = await selfSigned("another");
    await assert.rejects(uploadKey(box, stranger), /422/);
    assert.equal((await send(box, quoteOf(await nonceFor(box)))).response, codes.SUCCESS);
    assert.equal((await send(box, quoteOf(await nonceFor(box), stranger.key))).response, codes.QUOTE_FAILED);
  });
});

describe("checkQuote", () => {
  const nonce = Uint8Array.of(1, 2, 3);
  const pcrs = registers;
  const check = (
    bytes: Uint8Array,
    signature: Uint8Array = sign("sha256", bytes, attestationKey.key),
  ): string => {
    const verdict = checkQuote(
      { attestation: bytes, signature, pcrs },
      attestationKey.certificate.publicKey,
      nonce,
    );
    return verdict.type === "bad" ? verdict.message : verdict.type;
  };
  const rows: readonly (readonly [string, Partial<QuoteParts>, RegExp])[] = [
    ["as a TPM makes it", {}, /^good$/],
    ["without any register", { selected: [] }, /covers no register/],
    ["not made inside a TPM", { magic: 0x12345678 }, /not made inside a TPM/],
    ["of something else", { type: 0x8017 }, /is not a quote/],
    ["over other registers than shown", { digest: new Uint8Array(32) }, /not the ones quoted/],
    ["over a register that is not shown", { selected: [0, 5] }, /register 5 is quoted but not shown/],
    ["over SHA-1 registers", { algorithm: 4 }, /only SHA-256/],
    ["with bytes after it", { trailer: Uint8Array.of(0) }, /more bytes/],
  ];
  for (const [what, over, expected] of rows) {
    it(`judges one ${what}`, () => assert.match(check(attestation(nonce, over)), expected));
  }

  it("refuses every attestation that is cut short, and every signature that is none", () => {
    const whole = attestation(nonce);
    for (let length = 0; length < whole.length; length++) {
      assert.match(check(whole.subarray(0, length)), /cut short|inside a TPM/, `${length} bytes`);
    }
    for (const signature of [new Uint8Array(), Uint8Array.of(0x30, 0xff), new Uint8Array(64)]) {
      assert.match(check(whole, signature), /signature does not verify/);
    }
  });
});

describe("escrowed keys", () => {
  it("come with the registers their owner wants the vault sealed to", async () => {
    await using both = await world();
    const { box, world: made } = both;
    const rule = { allowed: [{ registers: { 0: (registers.get(0) as Uint8Array).toHex() } }] };
    await uploadKey(box);
    await send(box, quoteOf(await nonceFor(box)));
    assert.equal(await store(box), storeCodes.SUCCESS);
    const policy = async (): Promise<unknown> => {
      const [key] = (await send(box, quoteOf(await nonceFor(box)))).keys;
      return [
        key?.key.toHex(),
        key?.hasPolicyPcrList,
        key?.policyPcrList?.pcrIndices,
        key?.policyPcrList?.policyId,
      ];
    };
    assert.deepEqual(await policy(), ["010203", false, undefined, undefined]);
    await made.changeSpec("a", { measuredBoot: { ...rule, vaultRegisters: [7, 0] } });
    assert.deepEqual(await policy(), ["010203", true, [0, 7], 129]);
    await made.changeSpec("a", { measuredBoot: rule });
    assert.deepEqual(await policy(), ["010203", false, undefined, undefined]);
  });

  const keys = [{ keyType: 1 as const, key: Uint8Array.of(1, 2, 3) }];
  const store = async (box: Box, sent = keys, integrityToken = box.token): Promise<number> => {
    const answer = await box.attest({
      reqType: Z_ATTEST_REQ_TYPE_STORE_KEYS,
      storageKeys: { integrityToken, keys: sent },
    });
    return typeof answer === "number" ? answer : (answer.storageKeysResp?.response ?? -1);
  };

  it("are kept with a good token only, and come back with every quote", async () => {
    await using both = await world();
    const { box } = both;
    assert.deepEqual((await box.attestInSoftware())?.keys, []);
    assert.equal(await store(box, keys, new Uint8Array(32)), storeCodes.ITOKEN_MISMATCH);
    assert.equal(await store(box), storeCodes.SUCCESS);
    assert.equal(await store(box), storeCodes.SUCCESS);
    const [key] = (await box.attestInSoftware("2.0"))?.keys ?? [];
    assert.equal(key?.key.toHex(), "010203");
  });

  it("survive the node's deletion, and a restart", async () => {
    const first = await world();
    await first.box.attestInSoftware();
    await store(first.box);
    await first.world.deleteEdgeNode("a");
    await first[Symbol.asyncDispose]();
    await using second = await NodeWorld.start(first.world.remains);
    const box = new Box(second, onboarding, "A", first.box.device);
    assert.equal(await box.register(), 201);
    await box.fetchUuid();
    assert.equal((await box.attestInSoftware())?.keys.length, 1);
  });

  it("that a TPM vouched for are not given to a box without one", async () => {
    await using both = await world();
    const { world: made, box } = both;
    await uploadKey(box);
    await send(box, quoteOf(await nonceFor(box)));
    assert.equal(await store(box), storeCodes.SUCCESS);
    // The same device certificate enrols anew, and now claims to have no TPM.
    await made.deleteEdgeNode("a");
    await box.register();
    await box.fetchUuid();
    assert.deepEqual((await box.attestInSoftware())?.keys, []);
    await uploadKey(box);
    assert.equal((await send(box, quoteOf(await nonceFor(box)))).keys.length, 1);
  });

  it("that are too many, too long or none are refused with the field", async () => {
    await using both = await world();
    const { box } = both;
    await box.attestInSoftware();
    const long = [{ keyType: 1 as const, key: new Uint8Array(20_000) }];
    assert.equal(await store(box, []), 422);
    assert.equal(await store(box, long), 422);
    assert.equal(
      await store(
        box,
        Array.from({ length: 17 }, () => keys[0] as (typeof keys)[0]),
      ),
      422,
    );
  });
});
