import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { info } from "@selvedge/eve-api";
import type { EdgeNodeSystem } from "@selvedge/kinds";
import { carriedOutOf, systemCondition, systemOf } from "./system-status.ts";

type Slot = MessageInitShape<typeof info.ZInfoDevSWSchema>;
const { ZSwState: State, BaseOsStatus } = info;
const device = (...swList: Slot[]): info.ZInfoDevice => create(info.ZInfoDeviceSchema, { swList });
const old: Slot = { activated: true, partitionLabel: "IMGA", partitionState: "active", shortVersion: "1" };
const wanted: EdgeNodeSystem = { version: "2", image: "lfedge/eve:2" };

describe("whether a box runs the system it is to run", () => {
  type Row = readonly [string, Slot[], status: string | undefined, reason?: string, message?: RegExp];
  const rows: readonly Row[] = [
    ["nothing is said by who says nothing", [], undefined],
    ["not begun", [old, { shortVersion: "0" }], "False", "NotStarted", /1 runs/],
    [
      "being fetched",
      [old, { shortVersion: "2", status: State.DOWNLOAD_STARTED, downloadProgress: 40 }],
      ...(["False", "Fetching", /40 %/] as const),
    ],
    ["in its slot", [old, { shortVersion: "2", status: State.INSTALLED }], "False", "Installed"],
    [
      "failed",
      [old, { shortVersion: "2", swErr: { description: "no space" } }],
      "False",
      "Failed",
      /no space/,
    ],
    [
      "failed, in the newer words",
      [old, { shortVersion: "2", userStatus: BaseOsStatus.FAILED, subStatusStr: "rolled back" }],
      ...(["False", "Failed", /rolled back/] as const),
    ],
    ["on trial", [{ ...old, shortVersion: "2", partitionState: "inprogress" }, old], "False", "Testing"],
    [
      "running",
      [
        { ...old, shortVersion: "2" },
        { ...old, activated: false },
      ],
      "True",
      "Running",
    ],
  ];
  for (const [what, slots, status, reason, message = /./] of rows) {
    it(what, () => {
      const says = systemCondition(wanted, device(...slots));
      assert.deepEqual([says?.status, says?.reason], [status, reason]);
      if (says !== undefined) assert.match(says.message ?? "", message);
    });
  }

  it("is enough in the other slot when it is not to be started", () => {
    const slots = device(old, { shortVersion: "2", status: State.INSTALLED });
    assert.equal(systemCondition({ ...wanted, activate: false }, slots)?.status, "True");
    assert.equal(systemCondition(undefined, slots), undefined, "nobody asked");
  });

  it("is shown with both slots, and the commands that were carried out", () => {
    const said = systemOf(device(old, { shortVersion: "0", partitionState: "unused" }));
    assert.deepEqual(said, {
      ...{ version: "1", state: "active", slot: "IMGA", otherVersion: "0", otherState: "unused" },
    });
    assert.equal(carriedOutOf(device()), undefined);
    const told = create(info.ZInfoDeviceSchema, { rebootConfigCounter: 3 });
    assert.deepEqual(carriedOutOf(told), { reboot: 3, shutdown: 0 });
  });
});
