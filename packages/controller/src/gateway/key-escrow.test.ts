import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { attest } from "@selvedge/eve-api";
import { enrolledBox, hashOf, selfSigned, TestClock } from "../../test/node-world.ts";
import { conditionOf } from "../objects/conditions.ts";
import { SqliteRecords } from "../records/sqlite-records.ts";
import { escrowPage } from "../telemetry/escrow-page.ts";
import { EscrowFullError, escrowBytesMax, KeyEscrow } from "./key-escrow.ts";

const owner = new Uint8Array(32).fill(7);
const set = (...keys: readonly Uint8Array[]): attest.AttestVolumeKey[] =>
  keys.map((key) => create(attest.AttestVolumeKeySchema, { keyType: 1, key }));
/** Half a mebibyte as it is kept. */
const largest = (): attest.AttestVolumeKey[] =>
  set(...Array.from({ length: 16 }, () => new Uint8Array(randomBytes(16_384))));

function escrow(bytesMax?: number): KeyEscrow {
  return new KeyEscrow(new SqliteRecords(":memory:"), new TestClock(), bytesMax);
}

describe("storage keys", () => {
  it("are kept all, however many a device has had, and the newest is given back", () => {
    const kept = escrow();
    for (let count = 0; count < 300; count++) kept.keep(owner, "tpm", set(Uint8Array.of(count >> 8, count)));
    assert.equal(kept.shown(owner.toHex()).length, 300);
    assert.equal(kept.fill(owner.toHex()).is, "roomy");
    assert.deepEqual(
      kept.release(owner, "tpm").map(({ key }) => key.toHex()),
      ["012b"],
    );
    // The same set again is the newest again, and no other one.
    kept.keep(owner, "tpm", set(Uint8Array.of(0, 5)));
    assert.equal(kept.shown(owner.toHex()).length, 300);
    assert.equal(kept.release(owner, "tpm")[0]?.key.toHex(), "0005");
  });

  it("are not taken where there is no room, and none that was taken goes for them", () => {
    const kept = escrow(64 * 1024);
    const sets: attest.AttestVolumeKey[][] = [];
    const isTaken = (): boolean => {
      const next = set(new Uint8Array(randomBytes(1000)));
      try {
        kept.keep(owner, "tpm", next);
      } catch (error) {
        assert.ok(error instanceof EscrowFullError);
        return false;
      }
      sets.push(next);
      return true;
    };
    const said = new Set<string>();
    while (isTaken()) said.add(kept.fill(owner.toHex()).is);
    assert.deepEqual([...said], ["roomy", "filling"], "its owner is told before it is full");
    assert.ok(sets.length >= 30, `${sets.length}`);
    assert.equal(kept.fill(owner.toHex()).is, "full");
    assert.ok(kept.fill(owner.toHex()).bytes <= 64 * 1024);
    assert.equal(kept.shown(owner.toHex()).length, sets.length);
    // What it has it can have kept again: nothing more is needed for that.
    kept.keep(owner, "tpm", sets[0] ?? []);
    assert.deepEqual(kept.release(owner, "tpm"), sets[0]);
    const other = new Uint8Array(32).fill(8);
    kept.keep(other, "tpm", set(new Uint8Array(1000)));
    assert.equal(kept.fill(other.toHex()).is, "roomy", "others have their own");
  });
});

describe("a node whose keys have no room", () => {
  it("sends them again, is shown with what to do, and goes on once a human has made room", async () => {
    await using both = await enrolledBox(await selfSigned("onboarding"));
    const { world, box } = both;
    const store = async (keys: attest.AttestVolumeKey[]): Promise<unknown> => {
      const answer = await box.attest({
        reqType: attest.ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS,
        storageKeys: { integrityToken: box.token, keys },
      });
      return typeof answer === "number" ? answer : answer.storageKeysResp?.response;
    };
    const { SUCCESS } = attest.AttestStorageKeysResponseCode;
    const shown = async (): Promise<string | undefined> => {
      await world.reconcile("a");
      return conditionOf(world.edgeNode("a")?.status?.conditions, "KeysKept")?.reason;
    };
    assert.equal(await store(set(Uint8Array.of(1))), SUCCESS);
    assert.equal(await shown(), undefined, "of what is well nothing is said");
    /** What a device that makes new ones for ever comes to; said to be of years ago. */
    const fill = (bytes: number): void => {
      const { records } = world.remains;
      const sets = records.get("escrow", certificate) ?? new Uint8Array();
      const old = { proof: "tpm", keys: ["00".repeat(bytes / 2)] };
      const all = [...(JSON.parse(Buffer.from(sets).toString()) as unknown[]), old];
      records.put("escrow", certificate, Buffer.from(JSON.stringify(all)));
    };
    const certificate = hashOf(box.device).toHex();
    fill(escrowBytesMax / 2);
    assert.equal(await store(set(Uint8Array.of(2))), SUCCESS);
    assert.equal(await shown(), "EscrowFilling");
    fill(escrowBytesMax / 2 - 400_000);
    const last = largest();
    assert.equal(await store(last), 503, "it has it still, and sends it again");
    assert.equal(await shown(), "EscrowFull");
    const condition = conditionOf(world.edgeNode("a")?.status?.conditions, "KeysKept");
    assert.equal(condition?.status, "False");
    assert.match(condition?.message ?? "", /nodes\/a\/proxy\/escrow\?keep=8/);

    const changed: string[] = [];
    const { enrolment } = world.trust;
    const ownerOf = (id: string): string | undefined => enrolment.byId(id)?.certificateHash.toHex();
    const page = escrowPage(world.trust.escrow, ownerOf, (node) => void changed.push(node));
    const { items } = page.read(box.id) as { items: { id: string; at: string; keys: number }[] };
    assert.deepEqual(
      items.map(({ keys }) => keys),
      [1, 1, 1, 1],
    );
    assert.match(items[0]?.at ?? "", /^\d{4}-\d\d-\d\dT/);
    for (const query of ["", "keep=0", "keep=8&prefer=x", "prefer=none"])
      assert.throws(() => page.change(box.id, new URLSearchParams(query)), /keep|prefer/);
    page.change(box.id, new URLSearchParams({ prefer: items[0]?.id ?? "" }));
    assert.equal(
      (await box.attestInSoftware("2.0"))?.keys[0]?.key.toHex(),
      "01",
      "an older set, as was asked",
    );
    page.change(box.id, new URLSearchParams("keep=1"));
    assert.deepEqual(changed, [box.id, box.id]);
    assert.equal(await store(last), SUCCESS);
    assert.equal(await shown(), "EscrowHasRoom");
  });
});
