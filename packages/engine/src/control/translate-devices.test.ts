import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import { bundlesPart } from "./report/device-bundles.ts";
import { translateDevices } from "./translate-devices.ts";

const eth = {
  ptype: 1,
  logicallabel: "eth1",
  assigngrp: "g1",
  usage: 3,
  phyaddrs: { PciLong: "0000:05:00.0" },
};
const devices = (deviceIoList: object[], more: object = {}) =>
  translateDevices(create(config.EdgeDevConfigSchema, { deviceIoList, ...more } as never));

describe("devices that apps may have", () => {
  it("are grouped as EVE groups them", () => {
    const second = { ...eth, logicallabel: "eth2", phyaddrs: { pcilong: "0000:05:00.1", ifname: "eth2" } };
    const [group, ...others] = devices([eth, second]);
    assert.deepEqual([group?.name, group?.kept, others], ["g1", undefined, []]);
    assert.deepEqual(
      group?.members.map(({ name, kind, place }) => [name, kind, place]),
      [
        ["eth1", "ethernet", { kind: "pci", address: "0000:05:00.0" }],
        ["eth2", "ethernet", { kind: "pci", address: "0000:05:00.1" }],
      ],
    );
  });

  const places: readonly (readonly [object, object | undefined])[] = [
    [{ usbaddr: "1:2.3" }, { kind: "usb", bus: 1, port: "2.3" }],
    [{ usbproduct: "0bda:8153" }, { kind: "usb-product", vendor: 0x0bda, product: 0x8153 }],
    [{ serial: "/dev/ttyS1" }, { kind: "serial", path: "/dev/ttyS1" }],
    [{ serial: "/dev/mem" }, undefined],
    [{ ifname: "eth1" }, { kind: "card", name: "eth1" }],
    [{ pcilong: "05:00.0" }, undefined],
  ];
  for (const [phyaddrs, place] of places)
    it(`are found by ${JSON.stringify(phyaddrs)}`, () =>
      assert.deepEqual(devices([{ ...eth, phyaddrs }])[0]?.members[0]?.place, place));

  const adapter = { name: "wan", lowerLayerName: "eth1" };
  const kept: readonly (readonly [RegExp, object, object])[] = [
    [/eth1 is port wan/, eth, { systemAdapterList: [adapter] }],
    [/eth1 is in both/, eth, { bonds: [{ logicallabel: "both", lowerLayerNames: ["eth1"] }] }],
    [/eth1 is in shop/, eth, { vlans: [{ logicallabel: "shop", lowerLayerName: "eth1" }] }],
    [/eth1 has no assigngrp/, { ...eth, assigngrp: "" }, {}],
    [/eth1 is the node's/, { ...eth, usage: 1 }, {}],
    [/eth1 is disabled/, { ...eth, usage: 4 }, {}],
  ];
  for (const [why, card, more] of kept)
    it(`stay: ${why.source}`, () => assert.match(devices([card], more)[0]?.kept ?? "", why));

  it("are told as EVE tells them", () => {
    const members = devices([eth])[0]?.members ?? [];
    const card = { name: "eth1", kind: "ethernet", mac: "02:00", megabits: 0, pci: "0000:05:00.0" } as const;
    const { assignableAdapters: told } = bundlesPart(
      [
        ["g1", { members, phase: "lent", appId: "a" as never, devices: [] }],
        ["g2", { members, phase: "kept", why: "port" }],
        ["g3", { members, phase: "fault", reason: "no IOMMU" }],
      ],
      [card],
    );
    assert.deepEqual(told[0], {
      ...{ name: "g1", type: 1, usage: 3, members: ["eth1"], usedByAppUUID: "a", usedByBaseOS: false },
      ioAddressList: [{ macAddress: "02:00" }],
    });
    assert.deepEqual([told[1]?.usedByBaseOS, told[2]?.err?.description], [true, "no IOMMU"]);
  });
});
