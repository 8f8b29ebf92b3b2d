/**
 * Functions of network cards (SR-IOV): a card shows itself as several, of which each can be an app's, while the
 * card itself stays the node's. Which cards are to be parted, and which device a function is. Pure.
 */
import type { AppId } from "../desired.ts";
import type { Hardware, PciAddress, PciDevice } from "../hardware/hardware.ts";
import type { DeviceStatus } from "../observed.ts";
import type { CardPlace, DeviceGroup, DevicePlace } from "./device-spec.ts";

export type Inventory = Pick<Hardware, "pci" | "usb" | "serialPorts" | "networks">;

export interface PartPlan {
  readonly part: readonly { readonly name: string; readonly card: PciDevice; readonly count: number }[];
  /** By address of the card: why it has not the functions that are wanted of it. */
  readonly faults: ReadonlyMap<PciAddress, string>;
}

/** `held` are devices of machines that run: a card loses none of them, so it is not parted anew. */
export function planParts(
  groups: readonly DeviceGroup[],
  inventory: Inventory,
  held: ReadonlySet<PciAddress>,
): PartPlan {
  const part: PartPlan["part"][number][] = [];
  const faults = new Map<PciAddress, string>();
  const counts = new Map<PciAddress, number>();
  for (const { name, place, functions: count } of groups.flatMap(({ members }) => members)) {
    if (count === undefined || !isCard(place)) continue;
    const card = findCard(place, inventory);
    // What is not there is said by what hangs on it.
    if (card === undefined) continue;
    const { total, made } = card.functions ?? { total: 0, made: [] };
    const before = counts.get(card.address);
    counts.set(card.address, before ?? count);
    // As the first has it, or each pass would undo the other.
    if (before !== undefined && before !== count)
      faults.set(card.address, `vflist.vf_count of ${name}: ${card.address} is listed with ${before}, too`);
    else if (total === 0) faults.set(card.address, `vflist of ${name}: ${card.address} ${hasNone}`);
    else if (count > total)
      faults.set(
        card.address,
        `vflist.vf_count of ${name}: ${count} are more than ${card.address} has; it has ${total}`,
      );
    else if (made.length === count) continue;
    else if (made.some((address) => held.has(address)))
      faults.set(card.address, waitsForApps(name, count, made.length));
    else part.push({ name, card, count });
  }
  return { part, faults };
}

const hasNone =
  "has no functions (SR-IOV): switch it on in the firmware, see that the card's driver is there, " +
  "or leave vflist out";

export function waitsForApps(name: string, count: number, made: number): string {
  return `vflist.vf_count of ${name}: ${count} are made once the apps that have some of the ${made} are stopped`;
}

/** Devices that machines that run have. */
export function heldDevices(
  rows: readonly DeviceStatus[],
  running: ReadonlySet<AppId>,
): ReadonlySet<PciAddress> {
  const lent = rows.flatMap((row) => (row.phase === "lent" && running.has(row.appId) ? row.devices : []));
  return new Set(lent.flatMap((it) => (it.kind === "pci" ? [it.address] : [])));
}

export interface FoundPci {
  readonly device: PciDevice;
  /** Whose function it is. */
  readonly card?: PciAddress;
}

/** Of a PCI device or a function of a card: what it is, or why there is none. */
export function findPci(
  name: string,
  place: Extract<DevicePlace, { kind: "pci" | "function" }>,
  inventory: Inventory,
  faults: PartPlan["faults"],
): FoundPci | string {
  const at = (wanted: PciAddress, more: Pick<FoundPci, "card"> = {}): FoundPci | string => {
    const device = inventory.pci.find(({ address }) => address === wanted);
    return device === undefined
      ? `${name}: ${missingCard({ kind: "pci", address: wanted })}`
      : { device, ...more };
  };
  if (place.kind === "pci") return at(place.address);
  const card = findCard(place.card, inventory);
  if (card === undefined) return `${name}: ${missingCard(place.card)}`;
  const made = card.functions?.made[place.index];
  if (made !== undefined) return at(made, { card: card.address });
  const why = `${name}: ${card.address} has no function ${place.index}; raise vflist.vf_count of its card`;
  return faults.get(card.address) ?? why;
}

/** What is wrong with a card that is to be parted. */
export function cardFault(
  { members, fault }: DeviceGroup,
  inventory: Inventory,
  faults: PartPlan["faults"],
): string | undefined {
  if (fault !== undefined) return fault;
  for (const { name, place, functions } of members) {
    if (functions === undefined) continue;
    if (!isCard(place)) return `${name}: phyaddrs.pcilong or .ifname is needed to part it into functions`;
    const card = findCard(place, inventory);
    if (card === undefined) return `${name}: ${missingCard(place)}`;
    const why = faults.get(card.address);
    if (why !== undefined) return why;
  }
  return undefined;
}

function findCard(place: CardPlace, { pci, networks }: Inventory): PciDevice | undefined {
  const at = place.kind === "pci" ? place.address : networks.find(({ name }) => name === place.name)?.pci;
  return pci.find(({ address }) => address === at);
}

function missingCard(place: CardPlace): string {
  return place.kind === "pci"
    ? `the box has no PCI device ${place.address}`
    : `the box has no network card ${place.name}`;
}

function isCard(place: DevicePlace | undefined): place is CardPlace {
  return place?.kind === "pci" || place?.kind === "card";
}
