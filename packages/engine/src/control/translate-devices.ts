/** EVE's list of what is in the box → groups of devices that apps may have. Pure. */
import { type config, devmodelCommon } from "@selvedge/eve-api";
import type { DeviceGroup, DeviceMember, DevicePlace } from "../device/device-spec.ts";
import { deviceKind, deviceUsage } from "./device-words.ts";
import {
  functionCount,
  functionName,
  functionsOf,
  namedFunction,
  vfListFault,
} from "./translate-functions.ts";

type Card = config.EdgeDevConfig["deviceIoList"][number];

interface Row {
  readonly group: string;
  readonly parent: string;
  readonly member: DeviceMember;
  readonly kept?: string;
  readonly fault?: string;
}

/** What has no assigngrp cannot be given to an app, and is told under its own name. */
export function translateDevices(message: config.EdgeDevConfig): DeviceGroup[] {
  const groups = new Map<string, Row[]>();
  for (const row of message.deviceIoList.flatMap((card) => [rowOf(card, message), ...partsOf(card, message)]))
    groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return [...groups].map(([name, rows]): DeviceGroup => {
    const kept = rows.flatMap((row) => row.kept ?? [])[0];
    const fault = rows.flatMap((row) => row.fault ?? [])[0];
    return {
      name,
      parent: rows.find(({ parent }) => parent !== "")?.parent ?? "",
      members: rows.map(({ member }) => member),
      ...(kept === undefined ? {} : { kept }),
      ...(fault === undefined ? {} : { fault }),
    };
  });
}

function rowOf(card: Card, message: config.EdgeDevConfig): Row {
  const kept = keptBy(card, message);
  const fault = vfListFault(card, labelOf(card));
  return {
    ...{ group: groupOf(card), parent: card.parentassigngrp, member: memberOf(card) },
    ...(kept === undefined ? {} : { kept }),
    ...(fault === undefined ? {} : { fault }),
  };
}

/** A card's functions, each in a group of its own: it is in another IOMMU group than the card. */
function partsOf(card: Card, { deviceIoList }: config.EdgeDevConfig): Row[] {
  const place = placeOf(card);
  if (place?.kind !== "pci" && place?.kind !== "card") return [];
  const label = labelOf(card);
  return functionsOf(card, label).flatMap(({ index, wish, fault }): Row[] => {
    const name = functionName(label, index);
    // The list of cards may have some of them as well, and says it better.
    if (deviceIoList.some((it) => it !== card && labelOf(it) === name)) return [];
    const { phylabel, usage } = card;
    const member: DeviceMember = {
      ...{ name, kind: "function", usage: deviceUsage(usage) },
      ...(phylabel === "" || phylabel === label ? {} : { label: functionName(phylabel, index) }),
      place: { kind: "function", card: place, index, wish },
    };
    const kept = usage === disabled ? `usage: ${label} is disabled` : undefined;
    return [
      {
        ...{ group: functionName(groupOf(card), index), parent: "", member },
        ...(kept === undefined ? {} : { kept }),
        ...(fault === undefined ? {} : { fault }),
      },
    ];
  });
}

const { PhyIoUsageDisabled: disabled } = devmodelCommon.PhyIoMemberUsage;

/** What the node does with it itself. */
function keptBy(card: Card, { systemAdapterList, vlans, bonds }: config.EdgeDevConfig): string | undefined {
  const label = labelOf(card);
  if (card.assigngrp === "") return `${label} has no assigngrp`;
  const port = systemAdapterList.find(({ name, lowerLayerName }) => (lowerLayerName || name) === label);
  if (port !== undefined) return `${label} is port ${port.name}`;
  const made =
    bonds.find(({ lowerLayerNames }) => lowerLayerNames.includes(label)) ??
    vlans.find(({ lowerLayerName }) => lowerLayerName === label);
  if (made !== undefined) return `${label} is in ${made.logicallabel}`;
  const kind = deviceKind(card.ptype);
  if (kind === "parted-card") return `${label} stays the node's: apps have its functions (PhyIoNetEthPF)`;
  const usage = deviceUsage(card.usage);
  if (kind !== "function" && (usage === "node" || usage === "node-and-apps"))
    return `usage: ${label} is the node's`;
  return usage === "disabled" ? `usage: ${label} is disabled` : undefined;
}

function memberOf(card: Card): DeviceMember {
  const { ptype, usage, phylabel } = card;
  const name = labelOf(card);
  const functions = functionCount(card);
  return {
    ...{ name, kind: deviceKind(ptype), usage: deviceUsage(usage), place: placeOf(card) },
    ...(phylabel === "" || phylabel === name ? {} : { label: phylabel }),
    ...(functions === 0 ? {} : { functions }),
  };
}

/** Where the kernel has the device itself comes before what it calls it. */
function placeOf({ phyaddrs, ptype }: Card): DevicePlace | undefined {
  const of = (wanted: string): string =>
    Object.entries(phyaddrs).find(([key]) => key.toLowerCase() === wanted)?.[1] ?? "";
  const address = of("pcilong").toLowerCase();
  if (/^[\da-f]{4}:[\da-f]{2}:[\da-f]{2}\.[0-7]$/.test(address)) return { kind: "pci", address };
  const [, bus = "", port = ""] = /^(\d+):([\d.]+)$/.exec(of("usbaddr")) ?? [];
  if (bus !== "") return { kind: "usb", bus: Number(bus), port };
  const [, vendor = "", product = ""] = /^([\da-f]{4}):([\da-f]{4})$/i.exec(of("usbproduct")) ?? [];
  if (vendor !== "")
    return {
      kind: "usb-product",
      vendor: Number.parseInt(vendor, 16),
      product: Number.parseInt(product, 16),
    };
  const path = of("serial");
  if (/^\/dev\/tty\w+$/.test(path)) return { kind: "serial", path };
  const name = of("ifname");
  const named = deviceKind(ptype) === "function" ? namedFunction(name) : undefined;
  if (named !== undefined) return { kind: "function", ...named, wish: {} };
  return name === "" ? undefined : { kind: "card", name };
}

function labelOf({ logicallabel, phylabel }: Card): string {
  return logicallabel || phylabel;
}

function groupOf(card: Card): string {
  return card.assigngrp || labelOf(card);
}
