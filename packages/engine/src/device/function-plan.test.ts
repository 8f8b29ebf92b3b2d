import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PciDevice } from "../hardware/hardware.ts";
import type { CardPlace, DeviceGroup } from "./device-spec.ts";
import { type Inventory, planParts } from "./function-plan.ts";

const address = "0000:05:00.0";
const functionAt = (index: number): string => `0000:05:10.${index}`;
const card = (made: number, total = 7): PciDevice => ({
  ...{ address, iommuGroup: "7", parent: undefined, driver: "igb", vendor: 0x8086, device: 1, revision: 0 },
  ...{ subsystem: 0, classCode: 0x020000 },
  ...(total === 0
    ? {}
    : { functions: { total, made: Array.from({ length: made }, (_, at) => functionAt(at)) } }),
});
const group = (functions: number, place: CardPlace = { kind: "pci", address }): DeviceGroup => ({
  ...{ name: "g5", parent: "", kept: "parted" },
  members: [{ name: "eth5", kind: "parted-card", usage: "dedicated", place, functions }],
});
const byName: CardPlace = { kind: "card", name: "enp5s0" };
const inventory = (...pci: PciDevice[]): Inventory => ({
  ...{ pci, usb: [], serialPorts: [] },
  networks: [{ name: "enp5s0", kind: "ethernet", mac: "", megabits: 0, pci: address }],
});

describe("a card is parted", () => {
  const rows: readonly (readonly [
    string,
    DeviceGroup[],
    PciDevice,
    string[],
    number | RegExp | undefined,
  ])[] = [
    ["where it has none yet", [group(2)], card(0), [], 2],
    ["by the name that Linux has for it", [group(2, byName)], card(0), [], 2],
    ["where it has others", [group(2)], card(4), [], 2],
    ["as often as it can be", [group(7)], card(0), [], 7],
    ["not where it is as it shall be", [group(2)], card(2), [], undefined],
    ["not where that is so while apps have some", [group(2)], card(2), [functionAt(0)], undefined],
    ["not while an app has one", [group(3)], card(2), [functionAt(1)], /3 are made once/],
    ["while an app has something else", [group(3)], card(2), ["0000:06:00.0"], 3],
    ["not more often than it can be", [group(8)], card(0), [], /8 are more than 0000:05:00.0 has; it has 7/],
    ["not where it cannot be", [group(1)], card(0, 0), [], /has no functions \(SR-IOV\)/],
    ["as one of two lists has it", [group(2), group(3, byName)], card(2), [], /is listed with 2, too/],
    ["not where it is elsewhere", [group(2)], { ...card(0), address: "0000:06:00.0" }, [], undefined],
  ];
  for (const [name, groups, device, held, wanted] of rows)
    it(name, () => {
      const { part, faults } = planParts(groups, inventory(device), new Set(held));
      if (wanted instanceof RegExp) assert.match(faults.get(address) ?? "", wanted);
      else assert.equal(faults.size, 0);
      assert.deepEqual(
        part.map(({ count }) => count),
        typeof wanted === "number" ? [wanted] : [],
      );
    });
});
