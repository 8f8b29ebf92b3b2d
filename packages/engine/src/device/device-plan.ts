/** Who has which of the box's devices. Pure. */
import type { AppId } from "../desired.ts";
import type { Hardware, PciDevice } from "../hardware/hardware.ts";
import type { DeviceStatus } from "../observed.ts";
import type { DeviceGroup, DeviceMember, MachineDevice } from "./device-spec.ts";

export interface DeviceInputs {
  readonly groups: readonly DeviceGroup[];
  /** Those that are to run, in the configuration's order. */
  readonly apps: readonly { readonly id: AppId; readonly adapters: readonly string[] }[];
  /** Apps whose machines run. */
  readonly running: ReadonlySet<AppId>;
  /** As it was. */
  readonly before: (group: string) => DeviceStatus | undefined;
  readonly inventory: Pick<Hardware, "pci" | "usb" | "serialPorts">;
}

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
  { groups, inventory }: DeviceInputs,
): DeviceStatus {
  const { members, name, kept } = group;
  if (kept !== undefined) return { members, phase: "kept", why: kept };
  const found = members.map((member) => findDevices(member, inventory));
  const fault = found.find((it) => typeof it === "string") ?? togetherFault(group, inventory);
  if (fault !== undefined) return { members, phase: "fault", reason: fault };
  const appId = holders.get(name);
  if (appId === undefined) return { members, phase: "free" };
  const other = relatives(group, groups).find((it) => (holders.get(it.name) ?? appId) !== appId);
  if (other !== undefined)
    return { members, phase: "fault", reason: `it hangs together with ${other.name}, another app's` };
  return {
    members,
    phase: "lent",
    appId,
    devices: found.flatMap((it) => (typeof it === "string" ? [] : it)),
  };
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
  { pci, usb, serialPorts }: DeviceInputs["inventory"],
): MachineDevice[] | string {
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
  const { address } = place;
  const device = pci.find((it) => it.address === address);
  if (device === undefined) return `${name}: the box has no PCI device ${address}`;
  if (device.iommuGroup === "")
    return `${name}: ${address} has no IOMMU to keep it to its app; switch VT-d or AMD-Vi on in the firmware`;
  return [{ kind: "pci", address, node: `/dev/vfio/${device.iommuGroup}` }];
}

/** What shares an IOMMU group can reach each other's memory: all of it goes to one app, or none. */
function togetherFault({ members }: DeviceGroup, { pci }: DeviceInputs["inventory"]): string | undefined {
  const mine = new Set(members.flatMap(({ place }) => (place?.kind === "pci" ? [place.address] : [])));
  for (const address of mine) {
    const group = pci.find((it) => it.address === address)?.iommuGroup;
    const other = pci.find((it) => it.iommuGroup === group && !mine.has(it.address) && !isBridge(it));
    if (other !== undefined)
      return `${address} and ${other.address} are in one IOMMU group: they need one assigngrp`;
  }
  return undefined;
}

function isBridge({ classCode }: PciDevice): boolean {
  return classCode >>> 16 === 0x06;
}

/** PCI devices of the box that apps have, by who drives them now. */
export function pciSteps(
  rows: ReadonlyMap<string, DeviceStatus>,
  pci: readonly PciDevice[],
): { readonly lend: readonly string[]; readonly giveBack: readonly PciDevice[] } {
  const lent = new Set(
    [...rows.values()].flatMap((row) =>
      row.phase === "lent" ? row.devices.flatMap((it) => (it.kind === "pci" ? [it.address] : [])) : [],
    ),
  );
  const lender = "vfio-pci";
  const ours = new Set(
    [...rows.values()].flatMap(({ members }) =>
      members.flatMap(({ place }) => (place?.kind === "pci" ? [place.address] : [])),
    ),
  );
  return {
    lend: pci.filter((it) => lent.has(it.address) && it.driver !== lender).map(({ address }) => address),
    giveBack: pci.filter((it) => ours.has(it.address) && !lent.has(it.address) && it.driver === lender),
  };
}
