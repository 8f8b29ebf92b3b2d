import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppId } from "../desired.ts";
import type { PciDevice, UsbDevice } from "../hardware/hardware.ts";
import type { DeviceStatus } from "../observed.ts";
import { type DeviceInputs, pciSteps, planDevices } from "./device-plan.ts";
import type { DeviceGroup, DeviceMember } from "./device-spec.ts";

const pci = (address: string, iommuGroup: string, more: Partial<PciDevice> = {}): PciDevice => ({
  ...{ address, iommuGroup, parent: undefined, driver: "e1000e", vendor: 0x8086, device: 1, revision: 0 },
  ...{ subsystem: 0, classCode: 0x020000, ...more },
});
const card = pci("0000:05:00.0", "7");
const stick: UsbDevice = {
  ...{ address: { bus: 1, port: "2.3" }, node: "/dev/bus/usb/001/004", pci: undefined, driver: "usb" },
  ...{ vendor: 0x0bda, product: 0x8153, classCode: 0 },
};
const serial = { path: "/dev/ttyS1", ioPorts: "", irq: 3, pci: undefined };
const member = (place: DeviceMember["place"]): DeviceMember => ({
  ...{ name: "m", kind: "ethernet", usage: "dedicated", place },
});
const onPci = (address: string): DeviceMember => member({ kind: "pci", address });
const nic: DeviceGroup = { name: "nic", parent: "", members: [onPci(card.address)] };
const [a, b] = ["a", "b"] as AppId[] as [AppId, AppId];
const wants = (id: AppId, ...adapters: string[]) => ({ id, adapters, wishes: {} });
const base: DeviceInputs = {
  ...{ groups: [nic], apps: [], running: new Set(), before: () => undefined, unparted: new Map() },
  inventory: {
    pci: [card, pci("0000:00:01.0", "7", { classCode: 0x060400 })],
    usb: [stick],
    ...{ serialPorts: [serial], networks: [] },
  },
};
const lentTo = (appId: AppId): DeviceStatus => ({ members: [], phase: "lent", appId, devices: [] });
const plan = (more: Partial<DeviceInputs>): DeviceStatus => {
  const inputs = { ...base, ...more };
  return planDevices(inputs).get(inputs.groups[0]?.name ?? "") ?? assert.fail("it is not planned");
};

describe("devices of the box", () => {
  const rows: readonly (readonly [string, Partial<DeviceInputs>, string])[] = [
    ["are free when nobody wants them", {}, "free"],
    ["go to who wants them", { apps: [wants(a, "nic")] }, "lent a"],
    ["go to who is named first", { apps: [wants(a, "nic"), wants(b, "nic")] }, "lent a"],
    [
      "stay with who has them while it runs",
      { apps: [wants(a, "nic")], running: new Set([b]), before: () => lentTo(b) },
      "lent b",
    ],
    ["are another's once it has ended", { apps: [wants(a, "nic")], before: () => lentTo(b) }, "lent a"],
    [
      "are its whose machine an earlier engine gave them to",
      { apps: [wants(a, "nic"), wants(b, "nic")], running: new Set([b]) },
      "lent b",
    ],
    ["are the node's where it needs them", { groups: [{ ...nic, kept: "m is port wan" }] }, "kept"],
  ];
  for (const [name, more, wanted] of rows)
    it(name, () => {
      const row = plan({ ...more });
      assert.equal(row.phase === "lent" ? `lent ${row.appId}` : row.phase, wanted);
    });

  const given: readonly (readonly [DeviceMember, object])[] = [
    [onPci(card.address), { kind: "pci", address: card.address, node: "/dev/vfio/7" }],
    [member({ kind: "usb", bus: 1, port: "2.3" }), { kind: "usb", bus: 1, port: "2.3", node: stick.node }],
    [
      member({ kind: "usb-product", vendor: 0x0bda, product: 0x8153 }),
      { kind: "usb", bus: 1, port: "2.3", node: stick.node },
    ],
    [member({ kind: "serial", path: "/dev/ttyS1" }), { kind: "serial", node: "/dev/ttyS1" }],
  ];
  for (const [it_, wanted] of given)
    it(`are given as ${JSON.stringify(wanted)}`, () => {
      const row = plan({ groups: [{ ...nic, members: [it_] }], apps: [wants(a, "nic")] });
      assert.deepEqual(row.phase === "lent" && row.devices, [wanted]);
    });

  const faults: readonly (readonly [RegExp, Partial<DeviceInputs>])[] = [
    [/does not say where/, { groups: [{ ...nic, members: [member(undefined)] }] }],
    [/no PCI device 0000:09:00.0/, { groups: [{ ...nic, members: [onPci("0000:09:00.0")] }] }],
    [/has no IOMMU/, { inventory: { ...base.inventory, pci: [{ ...card, iommuGroup: "" }] } }],
    [/pcilong is needed/, { groups: [{ ...nic, members: [member({ kind: "card", name: "eth1" })] }] }],
    [/plugged into USB/, { groups: [{ ...nic, members: [member({ kind: "usb", bus: 2, port: "1" })] }] }],
    [/no serial port/, { groups: [{ ...nic, members: [member({ kind: "serial", path: "/dev/ttyS9" })] }] }],
    [
      /0000:05:00.0 and 0000:05:00.1 are in one IOMMU group/,
      { inventory: { ...base.inventory, pci: [card, pci("0000:05:00.1", "7")] } },
    ],
    [
      /hangs together with hub, another app's/,
      {
        groups: [
          { ...nic, parent: "hub" },
          { name: "hub", parent: "", members: [member({ kind: "serial", path: "/dev/ttyS1" })] },
        ],
        apps: [wants(a, "nic"), wants(b, "hub")],
      },
    ],
  ];
  for (const [why, more] of faults)
    it(`are nobody's: ${why.source}`, () => {
      const row = plan(more);
      assert.match(row.phase === "fault" ? row.reason : row.phase, why);
    });

  it("are bound to who lends them, and given back", () => {
    const members = nic.members;
    const lent = {
      ...{ members, phase: "lent" as const, appId: a },
      devices: [{ kind: "pci" as const, address: card.address, node: "/dev/vfio/7" }],
    };
    const bound = { ...card, driver: "vfio-pci" };
    const steps = (row: DeviceStatus, ...there: PciDevice[]) =>
      pciSteps(new Map([["nic", row]]), { ...base, inventory: { ...base.inventory, pci: there } });
    assert.deepEqual(steps(lent, card), { lend: lent.devices, giveBack: [] });
    assert.deepEqual(steps(lent, bound), { lend: [], giveBack: [] });
    const free: DeviceStatus = { members, phase: "free" };
    assert.deepEqual(steps(free, bound), { lend: [], giveBack: [bound] });
    const stranger = { ...bound, address: "0000:06:00.0" };
    assert.deepEqual(steps(free, stranger), { lend: [], giveBack: [] });
  });
});
