import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type app, config, ext } from "@selvedge/eve-api";
import type { DeviceGroup } from "../device/device-spec.ts";
import type { DeviceStatus } from "../observed.ts";
import { bundlesPart } from "./report/device-bundles.ts";
import { appInfo } from "./report/info-messages.ts";
import { translateDevices } from "./translate-devices.ts";
import { functionWishes } from "./translate-functions.ts";

const pci = { kind: "pci", address: "0000:05:00.0" };
const eth5 = {
  ...{ ptype: 11, phylabel: "ethernet5", logicallabel: "shopfloor", assigngrp: "g5", usage: 1 },
  ...{ phyaddrs: { pcilong: pci.address, ifname: "eth5" }, vflist: { vfCount: 2 } },
};
const devices = (...deviceIoList: object[]): DeviceGroup[] =>
  translateDevices(create(config.EdgeDevConfigSchema, { deviceIoList } as never));
const parted = (more: object): DeviceGroup[] => devices({ ...eth5, ...more });

describe("functions of a card", () => {
  it("are named as EVE names them, each in a group of its own; the card stays the node's", () => {
    const data = [{ index: 1, mac: "02-00-00-00-00-0A", vlanId: 7 }];
    const [card, first, second, ...others] = parted({ vflist: { vfCount: 2, data } });
    assert.match(card?.kept ?? "", /shopfloor stays the node's/);
    assert.deepEqual([card?.members[0]?.kind, card?.members[0]?.functions], ["parted-card", 2]);
    assert.deepEqual([first?.name, first?.kept, first?.fault, others], ["g5vf0", undefined, undefined, []]);
    assert.deepEqual(first?.members[0]?.place, { kind: "function", card: pci, index: 0, wish: {} });
    const wish = { mac: "02:00:00:00:00:0a", vlan: 7 };
    assert.deepEqual(second, {
      ...{ name: "g5vf1", parent: "" },
      members: [
        {
          ...{ name: "shopfloorvf1", label: "ethernet5vf1", kind: "function", usage: "node-and-apps" },
          place: { kind: "function", card: pci, index: 1, wish },
        },
      ],
    });
  });

  it("are found by the name of the card, too, and may be in the list of cards", () => {
    const [, made] = parted({ phyaddrs: { ifname: "eth5" } });
    const card = { kind: "card", name: "eth5" };
    assert.deepEqual(made?.members[0]?.place, { kind: "function", card, index: 0, wish: {} });
    const listed = {
      ptype: 12,
      logicallabel: "shopfloorvf1",
      assigngrp: "own",
      phyaddrs: { ifname: "eth5vf1" },
    };
    const groups = devices(eth5, listed);
    assert.deepEqual(
      groups.map(({ name }) => name),
      ["g5", "g5vf0", "own"],
    );
    assert.deepEqual(groups[2]?.members[0]?.place, { kind: "function", card, index: 1, wish: {} });
    assert.equal(groups[2]?.kept, undefined);
  });

  const counts: readonly (readonly [string, object, number])[] = [
    ["a card that is not said to have any", { ptype: 1 }, 0],
    ["none", { vflist: { vfCount: 0 } }, 0],
    ["no list", { vflist: undefined }, 0],
    ["as many as there may be", { vflist: { vfCount: 255 } }, 255],
    ["more", { vflist: { vfCount: 256 } }, 0],
  ];
  for (const [name, more, count] of counts)
    it(`are made of: ${name}`, () => assert.equal(parted(more).length, 1 + count));

  const faults: readonly (readonly [RegExp, number, object])[] = [
    [/vf_count of shopfloor: 256 are more than 255/, 0, { vfCount: 256 }],
    [/index 2 needs a vf_count of 3 or more, it is 2/, 0, { vfCount: 2, data: [{ index: 2 }] }],
    [/index 1 is there twice/, 0, { vfCount: 2, data: [{ index: 1 }, { index: 1 }] }],
    [/data\[0\].vlan_id of shopfloor: 4095 is no VLAN/, 1, { vfCount: 1, data: [{ vlanId: 4095 }] }],
    [/data\[0\].mac of shopfloor: "03:0/, 1, { vfCount: 1, data: [{ mac: "03:00:00:00:00:01" }] }],
    [/data\[0\].mac of shopfloor: "02:00/, 1, { vfCount: 1, data: [{ mac: "02:00:00:00:00" }] }],
    [/data\[0\].mac of shopfloor: "00:00/, 1, { vfCount: 1, data: [{ mac: "00:00:00:00:00:00" }] }],
  ];
  for (const [why, at, vflist] of faults)
    it(`have what makes no sense told: ${why.source}`, () =>
      assert.match(parted({ vflist })[at]?.fault ?? "", why));

  const wishes = (...adapters: object[]) =>
    functionWishes(adapters as app.AppInstanceConfig["adapters"], [
      ...devices(eth5, { ptype: 7, logicallabel: "gpu0", assigngrp: "gpu" }),
    ]);
  const asked = (name: string, mac: string, vlanId: number) => ({ name, ethVf: { index: 0, mac, vlanId } });

  it("are an app's by any name that EVE finds them by", () => {
    for (const name of ["g5vf1", "shopfloorvf1", "ethernet5vf1"])
      assert.deepEqual(wishes(asked(name, "02:00:00:00:00:01", 5)), {
        g5vf1: { mac: "02:00:00:00:00:01", vlan: 5 },
      });
    assert.deepEqual(wishes({ name: "gpu" }, asked("g5vf0", "", 0), asked("elsewhere", "", 3)), {});
  });

  const refused: readonly (readonly [RegExp, object])[] = [
    [/eth_vf of gpu: it is no function of a card; name one/, asked("gpu", "", 5)],
    [/eth_vf.vlan_id of g5vf0: 5000 is no VLAN; 1 to 4094/, asked("g5vf0", "", 5000)],
    [/eth_vf.mac of g5vf0: "x" is no address/, asked("g5vf0", "x", 0)],
  ];
  for (const [why, adapter] of refused)
    it(`are nobody's with: ${why.source}`, () => assert.match(String(wishes(adapter)), why));

  it("are told as EVE tells them", () => {
    const [card, first, second] = parted({ vflist: { vfCount: 2, data: [{ mac: "02:00:00:00:00:01" }] } });
    const dress = { address: pci.address, index: 0, mac: "02:00:00:00:00:02", vlan: 9 };
    const lent = { kind: "pci", address: "0000:05:10.0", node: "/dev/vfio/20", dress } as const;
    const { assignableAdapters: told } = bundlesPart(
      [
        ["g5", { members: card?.members ?? [], phase: "kept", why: "parted", error: "more than it has" }],
        ["g5vf0", { members: first?.members ?? [], phase: "lent", appId: "a" as never, devices: [lent] }],
        ["g5vf0", { members: first?.members ?? [], phase: "free" }],
        ["g5vf1", { members: second?.members ?? [], phase: "free" }],
      ],
      [],
    );
    assert.deepEqual(
      [told[0]?.type, told[0]?.usedByBaseOS, told[0]?.err?.description],
      [11, true, "more than it has"],
    );
    const { type, name, members, usedByAppUUID, ioAddressList } = told[1] ?? {};
    assert.deepEqual([type, name, members, usedByAppUUID], [12, "g5vf0", ["shopfloorvf0"], "a"]);
    assert.deepEqual(ioAddressList, [{ macAddress: dress.mac, vfInfo: { index: 0, vlanId: 9 } }]);
    const configured = [{ macAddress: "02:00:00:00:00:01", vfInfo: { index: 0, vlanId: 0 } }];
    assert.deepEqual([told[2]?.ioAddressList, told[3]?.ioAddressList], [configured, []]);
    const rows: [string, DeviceStatus][] = [
      ["g5vf0", { members: first?.members ?? [], phase: "lent", appId: "a" as never, devices: [lent] }],
      ["g5vf1", { members: second?.members ?? [], phase: "lent", appId: "b" as never, devices: [] }],
    ];
    const about = {
      id: "a",
      displayName: "a",
      state: "running",
      report: create(ext.AppReportSchema, {}),
      errors: [],
    };
    const { InfoContent } = appInfo("node", about as never, undefined, [], rows);
    assert(InfoContent.case === "ainfo");
    assert.deepEqual(
      InfoContent.value.assignedAdapters.map((it) => [it.type, it.name, it.ioAddressList[0]?.vfInfo?.vlanId]),
      [[12, "g5vf0", 9]],
    );
  });
});
