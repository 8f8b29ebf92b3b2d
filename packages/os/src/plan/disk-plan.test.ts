import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partitionOf, planDisk, sectorBytes, sfdiskScript, slotLabel } from "./disk-plan.ts";

const plan = planDisk({ bootMib: 128, slotMib: 416 });

describe("planDisk", () => {
  it("lays partitions one behind the other, on whole MiB, with room for the table at both ends", () => {
    let end = 2048;
    for (const { firstSector, sectors } of plan.partitions) {
      assert.equal(firstSector, end);
      assert.equal(firstSector % 2048, 0);
      end = firstSector + sectors;
    }
    assert.equal(plan.bytes, end * sectorBytes + 2 ** 20);
  });

  it("keeps within a gigabyte by default, with both slots", () => {
    assert.ok(plan.bytes <= 2 ** 30, `${plan.bytes}`);
  });

  it("has no name and no uuid twice, and the same ones at each build", () => {
    const again = planDisk({ bootMib: 40, slotMib: 64 });
    for (const field of ["label", "uuid"] as const) {
      const values = plan.partitions.map((it) => it[field]);
      assert.equal(new Set(values).size, values.length);
      assert.deepEqual(
        again.partitions.map((it) => it[field]),
        values,
      );
    }
  });

  it("keeps slots from whoever mounts or grows by type", () => {
    for (const slot of ["a", "b"] as const)
      assert.equal(partitionOf(plan, slotLabel(slot)).attributes, "GUID:60,63");
  });
});

it("sfdisk is told each partition in a line", () => {
  const lines = sfdiskScript(plan).split("\n");
  assert.equal(lines[0], "label: gpt");
  assert.match(
    lines[4] ?? "",
    /^start=2048, size=262144, type=C12A7328-.*, uuid=[0-9A-F-]{36}, name="selvedge-esp"$/,
  );
  assert.match(lines[6] ?? "", /name="selvedge-a", attrs="GUID:60,63"$/);
});
