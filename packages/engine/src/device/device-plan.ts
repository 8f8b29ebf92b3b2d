/** Who has which of the box's devices. Pure. */
import type { AppId } from "../desired.ts";
import type { PciAddress, PciDevice } from "../hardware/hardware.ts";
import type { DeviceStatus } from "../observed.ts";
import type { DeviceGroup, DeviceMember, FunctionDress, FunctionWish, MachineDevice } from "./device-spec.ts";
import { cardFault, findPci, type Inventory, type PartPlan } from "./function-plan.ts";

export interface DeviceInputs {
  readonly groups: readonly DeviceGroup[];
  /** Those that are to run, in the configuration's order. */
  readonly apps: readonly Wanting[];
  /** Apps whose machines run. */
  readonly running: ReadonlySet<AppId>;
  /** As it was. */
  readonly before: (group: string) => DeviceStatus | undefined;
  readonly inventory: Inventory;
  /** Why cards have not the functions that are wanted of them. */
  readonly unparted: PartPlan["faults"];
}

export interface Wanting {
  readonly id: AppId;
  readonly adapters: readonly string[];
  /** Of functions of cards, by group. */
  readonly wishes: Readonly<Record<string, FunctionWish>>;
}

type LentStatus = Extract<DeviceStatus, { phase: "lent" }>;

/** By name of the group. A group that makes no sense is told as such, and nobody gets it. */
export function planDevices(inputs: DeviceInputs): ReadonlyMap<string, DeviceStatus> {
  const { groups } = inputs;
  const holders = new Map<string, AppId>();
  for (const { name } of groups) {
    const holder = holderOf(name, inputs);
    if (holder !== undefined) holders.set(name, holder);
  }
  return new Map(groups.map((group) => [group.name, statusOf(group, holders, inputs)]));
}

function statusOf(
  group: DeviceGroup,
  holders: ReadonlyMap<string, AppId>,
  inputs: DeviceInputs,
): DeviceStatus {
  const { groups, inventory, unparted } = inputs;
  const { members, name, kept } = group;
  if (kept !== undefined) {
    const error = cardFault(group, inventory, unparted);
    return { members, phase: "kept", why: kept, ...(error === undefined ? {} : { error }) };
  }
  const appId = holders.get(name);
  const row = inputs.before(name);
  // What runs goes on as it was started.
  const as = row?.phase === "lent" && row.appId === appId && inputs.running.has(appId) ? row : undefined;
  const wish = as === undefined ? inputs.apps.find(({ id }) => id === appId)?.wishes[name] : as.wish;
  const found = members.map((member) => findDevices(member, inputs, wish));
  const fault = group.fault ?? found.find((it) => typeof it === "string") ?? togetherFault(group, inventory);
  if (fault !== undefined) return { members, phase: "fault", reason: fault };
  if (appId === undefined) return { members, phase: "free" };
  const other = relatives(group, groups).find((it) => (holders.get(it.name) ?? appId) !== appId);
  if (other !== undefined)
    return { members, phase: "fault", reason: `it hangs together with ${other.name}, another app's` };
  return {
    members,
    phase: "lent",
    appId,
    devices: found.flatMap((it) => (typeof it === "string" ? [] : it)).map((it) => dressedAs(it, as)),
    ...(wish === undefined ? {} : { wish }),
  };
}

function dressedAs(device: MachineDevice, row: LentStatus | undefined): MachineDevice {
  if (device.kind !== "pci" || device.dress === undefined) return device;
  const was = row?.devices.find((it) => it.kind === "pci" && it.address === device.address);
  return was?.kind === "pci" && was.dress !== undefined ? { ...device, dress: was.dress } : device;
}

/** Who has it keeps it while it runs; else it goes to a machine that runs, then to who is named first. */
function holderOf(name: string, { apps, running, before }: DeviceInputs): AppId | undefined {
  const row = before(name);
  if (row?.phase === "lent" && running.has(row.appId)) return row.appId;
  const wanting = apps.filter(({ adapters }) => adapters.includes(name));
  return (wanting.find(({ id }) => running.has(id)) ?? wanting[0])?.id;
}

/** What it hangs on, and what hangs on it. */
function relatives(group: DeviceGroup, groups: readonly DeviceGroup[]): DeviceGroup[] {
  return groups.filter(({ name, parent }) => name === group.parent || parent === group.name);
}

/** What a machine is given for it, or why there is nothing. */
function findDevices(
  { name, place }: DeviceMember,
  { inventory, unparted }: DeviceInputs,
  wish: FunctionWish | undefined,
): MachineDevice[] | string {
  const { usb, serialPorts } = inventory;
  if (place === undefined) return `${name}: the configuration does not say where it is (phyaddrs)`;
  if (place.kind === "serial")
    return serialPorts.some(({ path }) => path === place.path)
      ? [{ kind: "serial", node: place.path }]
      : `${name}: the box has no serial port ${place.path}`;
  if (place.kind === "usb" || place.kind === "usb-product") {
    const found = usb.find((it) =>
      place.kind === "usb"
        ? it.address.bus === place.bus && it.address.port === place.port
        : it.vendor === place.vendor && it.product === place.product,
    );
    if (found === undefined) return `${name}: nothing of the kind is plugged into USB`;
    return [{ kind: "usb", ...found.address, node: found.node }];
  }
  if (place.kind === "card")
    return `${name}: phyaddrs.pcilong is needed; a card that is an app's has no name in the box's Linux`;
  const found = findPci(name, place, inventory, unparted);
  if (typeof found === "string") return found;
  const { address, iommuGroup } = found.device;
  if (iommuGroup === "")
    return `${name}: ${address} has no IOMMU to keep it to its app; switch VT-d or AMD-Vi on in the firmware`;
  const given = { kind: "pci", address, node: `/dev/vfio/${iommuGroup}` } as const;
  if (place.kind === "pci" || found.card === undefined) return [given];
  return [{ ...given, dress: { ...place.wish, ...wish, address: found.card, index: place.index } }];
}

/** What shares an IOMMU group can reach each other's memory: all of it goes to one app, or none. */
function togetherFault({ members }: DeviceGroup, inventory: Inventory): string | undefined {
  const { pci } = inventory;
  const mine = addressesOf(members, inventory);
  for (const address of mine) {
    const group = pci.find((it) => it.address === address)?.iommuGroup;
    const other = pci.find((it) => it.iommuGroup === group && !mine.has(it.address) && !isBridge(it));
    if (other === undefined) continue;
    const what = `${address} and ${other.address} are in one IOMMU group:`;
    if (members.some(({ place }) => place?.kind === "function"))
      return `${what} to give one away, the slot of the card needs PCIe ACS; switch it on in the firmware`;
    return `${what} they need one assigngrp`;
  }
  return undefined;
}

/** Those that are there. */
function addressesOf(members: readonly DeviceMember[], inventory: Inventory): ReadonlySet<PciAddress> {
  const found = members.flatMap(({ name, place }) =>
    place?.kind === "pci" || place?.kind === "function" ? [findPci(name, place, inventory, new Map())] : [],
  );
  return new Set(found.flatMap((it) => (typeof it === "string" ? [] : [it.device.address])));
}

function isBridge({ classCode }: PciDevice): boolean {
  return classCode >>> 16 === 0x06;
}

export interface PciSteps {
  readonly lend: readonly Extract<MachineDevice, { kind: "pci" }>[];
  readonly giveBack: readonly PciDevice[];
}

/**
 * PCI devices of the box that apps have, by who drives them now. A function is told what it is to be before it goes
 * to an app, and never while it is one's.
 */
export function pciSteps(
  rows: ReadonlyMap<string, DeviceStatus>,
  { inventory, before, running }: Pick<DeviceInputs, "inventory" | "before" | "running">,
): PciSteps {
  const { pci } = inventory;
  const lender = "vfio-pci";
  const isLent = (address: PciAddress): boolean =>
    pci.some((it) => it.address === address && it.driver === lender);
  const lent = new Set<PciAddress>();
  const lend: PciSteps["lend"][number][] = [];
  for (const [name, row] of rows) {
    if (row.phase !== "lent") continue;
    for (const device of row.devices) {
      if (device.kind !== "pci") continue;
      lent.add(device.address);
      const dressed = running.has(row.appId) || sameDress(device, before(name));
      if (!isLent(device.address) || (device.dress !== undefined && !dressed)) lend.push(device);
    }
  }
  const ours = new Set([...rows.values()].flatMap(({ members }) => [...addressesOf(members, inventory)]));
  return {
    lend,
    giveBack: pci.filter((it) => ours.has(it.address) && !lent.has(it.address) && it.driver === lender),
  };
}

function sameDress({ address, dress }: PciSteps["lend"][number], row: DeviceStatus | undefined): boolean {
  if (row?.phase !== "lent") return false;
  const was = row.devices.find((it) => it.kind === "pci" && it.address === address);
  const text = (it: FunctionDress | undefined): string => JSON.stringify([it?.mac, it?.vlan]);
  return was?.kind === "pci" && text(was.dress) === text(dress);
}
