import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { flowlog, hardwareHealth } from "@selvedge/eve-api";
import { SqliteRecords } from "../records/sqlite-records.ts";
import { FlowBook } from "./flow-book.ts";
import { HealthBook, healthCondition } from "./hardware-health.ts";

describe("flows", () => {
  it("are kept within their bounds, the newest of each node", () => {
    const book = new FlowBook();
    for (let batch = 0; batch < 3; batch++) {
      const flows = Array.from({ length: 300 }, (_, index) => ({ flow: { destPort: batch * 300 + index } }));
      book.take("a", create(flowlog.FlowMessageSchema, { flows }));
    }
    const kept = book.of("a");
    assert.equal(kept.length, 500);
    assert.equal(kept[0]?.type === "flow" && kept[0].destination, ":400");
    for (let node = 0; node < 200; node++) {
      book.take(
        `n${node}`,
        create(flowlog.FlowMessageSchema, { dnsReqs: [{ hostName: "x".repeat(9_999) }] }),
      );
    }
    assert.deepEqual(book.of("a"), []);
    const [entry] = book.of("n199");
    assert.equal(entry?.type === "dns" && entry.name.length, 255);
    assert.equal(book.received, 1100);
  });
});

describe("a node's hardware", () => {
  type Report = MessageInitShape<typeof hardwareHealth.ZHardwareHealthSchema>;
  const disk = (whenFailed: string, value: bigint, thresh: bigint, collectorErrors = ""): Report => ({
    disks: [
      {
        ...{ diskName: "sda", collectorErrors },
        smartAttr: [{ attributeName: "Wear", whenFailed, value, thresh }],
      },
    ],
  });
  const rows: readonly (readonly [string, Report, status: string, reason: string, message: RegExp])[] = [
    ["that says nothing has no faults", {}, "True", "NoFaults", /^0 disks/],
    ["with a good disk has none", disk("", 100n, 10n), "True", "NoFaults", /^1 disks/],
    ["without a threshold has none", disk("-", 0n, 0n), "True", "NoFaults", /^1 disks/],
    ["that failed once works now", disk("In_the_past", 100n, 10n), "True", "NoFaults", /^1 disks/],
    ["at its threshold fails", disk("", 10n, 10n), "False", "DiskFailing", /disk sda: Wear/],
    ["that says so fails", disk("FAILING_NOW", 100n, 10n), "False", "DiskFailing", /disk sda: Wear/],
    [
      "that cannot be read is unknown",
      { disks: [{ diskName: "sda", collectorErrors: "no SMART" }] },
      "Unknown",
      "NotRead",
      /no SMART/,
    ],
    [
      "of which one of two disks cannot be read has no faults",
      { disks: [{ diskName: "sda", collectorErrors: "no SMART" }, { diskName: "sdb" }] },
      "True",
      "NoFaults",
      /^1 disks/,
    ],
    [
      "whose memory was corrected is good",
      { mr: { memoryControllers: [{ controllerName: "mc0", ceCount: 9n }] } },
      "True",
      "NoFaults",
      /./,
    ],
    [
      "whose memory could not be corrected is not",
      { mr: { memoryControllers: [{ controllerName: "mc0", ueCount: 2n }] } },
      "False",
      "MemoryErrors",
      /memory mc0: 2 errors/,
    ],
  ];
  for (const [name, report, status, reason, message] of rows) {
    it(name, () => {
      const says = healthCondition(create(hardwareHealth.ZHardwareHealthSchema, report));
      assert.deepEqual([says.status, says.reason], [status, reason]);
      assert.match(says.message ?? "", message);
    });
  }

  it("is kept over a restart, unless there is too much of it", () => {
    const records = new SqliteRecords(":memory:");
    const message = create(hardwareHealth.ZHardwareHealthSchema, disk("", 1n, 1n));
    assert.equal(new HealthBook(records).take("n", message), true);
    assert.match(JSON.stringify(new HealthBook(records).of("n")), /"diskName":"sda"/);
    const huge = create(hardwareHealth.ZHardwareHealthSchema, { disks: [{ model: "x".repeat(300_000) }] });
    assert.equal(new HealthBook(records).take("n", huge), false);
    new HealthBook(records).forget("n");
    assert.equal(new HealthBook(records).of("n"), undefined);
  });
});
