/** EVE's list of what is in the box → groups of devices that apps may have. Pure. */
import type { config } from "@selvedge/eve-api";
import type { DeviceGroup, DeviceMember, DevicePlace } from "../device/device-spec.ts";
import { deviceKind, deviceUsage } from "./device-words.ts";

type Card = config.EdgeDevConfig["deviceIoList"][number];

/** What has no assigngrp cannot be given to an app, and is told under its own name. */
export function translateDevices(message: config.EdgeDevConfig): DeviceGroup[] {
  const groups = new Map<string, Card[]>();
  for (const card of message.deviceIoList) {
    const name = card.assigngrp || labelOf(card);
    groups.set(name, [...(groups.get(name) ?? []), card]);
  }
  return [...groups].map(([name, cards]): DeviceGroup => {
    const kept = cards.flatMap((card) => keptBy(card, message) ?? [])[0];
    return {
      name,
      parent: cards.find(({ parentassigngrp }) => parentassigngrp !== "")?.parentassigngrp ?? "",
      members: cards.map(memberOf),
      ...(kept === undefined ? {} : { kept }),
    };
  });
}

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
  const usage = deviceUsage(card.usage);
  if (usage === "node" || usage === "node-and-apps") return `usage: ${label} is the node's`;
  return usage === "disabled" ? `usage: ${label} is disabled` : undefined;
}

function memberOf(card: Card): DeviceMember {
  const { ptype, usage } = card;
  return { name: labelOf(card), kind: deviceKind(ptype), usage: deviceUsage(usage), place: placeOf(card) };
}

/** Where the kernel has the device itself comes before what it calls it. */
function placeOf({ phyaddrs }: Card): DevicePlace | undefined {
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
  return name === "" ? undefined : { kind: "card", name };
}

function labelOf({ logicallabel, phylabel }: Card): string {
  return logicallabel || phylabel;
}
