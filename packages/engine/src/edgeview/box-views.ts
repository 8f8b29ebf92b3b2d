/** The box itself, in tables: what it is made of, how it came up, its cards, its certificates. */
import { X509Certificate } from "node:crypto";
import { toRfc3339 } from "@selvedge/base";
import type { PortsStatus } from "../observed.ts";
import type { Rows, Views } from "./commands.ts";
import type { ViewParts } from "./edgeview-parts.ts";

export function boxTables(parts: ViewParts): Views["tables"] {
  const { hardware, recent } = parts;
  return {
    model: async () => {
      const { product, firmware } = await hardware.inventory();
      const { manufacturer, name, version, serial } = product;
      return [
        ...Object.entries({ manufacturer, product: name, version, serial, compatible: product.compatible }),
        ["firmware", `${firmware.vendor} ${firmware.version} ${firmware.date}`.trim()],
      ];
    },
    pci: async () => [
      ["ADDRESS", "ID", "CLASS", "DRIVER", "IOMMU GROUP"],
      ...(await hardware.inventory()).pci.map(
        ({ address, vendor, device, classCode, driver, iommuGroup }) => [
          ...[address, `${hex(vendor, 4)}:${hex(device, 4)}`, hex(classCode, 6), driver, iommuGroup],
        ],
      ),
    ],
    usb: async () => [
      ["BUS/PORT", "ID", "CLASS", "DRIVER"],
      ...(await hardware.inventory()).usb.map(({ address, vendor, product, classCode, driver }) => [
        ...[`${address.bus}/${address.port}`, `${hex(vendor, 4)}:${hex(product, 4)}`],
        ...[hex(classCode, 2), driver],
      ]),
    ],
    top: async () => [
      ["PID", "NAME", "CPU SECONDS", "RESIDENT KIB", "THREADS", "FILES"],
      ...(await hardware.processes())
        .toSorted((a, b) => b.userSeconds + b.systemSeconds - a.userSeconds - a.systemSeconds)
        .map(({ pid, name, userSeconds, systemSeconds, residentBytes, threads, files }) => [
          ...[`${pid}`, name, (userSeconds + systemSeconds).toFixed(1)],
          ...[`${Math.round(residentBytes / 1024)}`, `${threads}`, `${files}`],
        ]),
    ],
    newlog: () => [
      ["RECORDS", "OLDEST", "NEWEST"],
      [`${recent.records.length}`, recent.records[0]?.at ?? "", recent.records.at(-1)?.at ?? ""],
    ],
    ...stateTables(parts),
  };
}

function stateTables({ store, host, lastBoot }: ViewParts): Views["tables"] {
  return {
    lastreboot: () => {
      const last = lastBoot();
      return [
        ["booted", toRfc3339(host.bootedAt)],
        ["why", last?.boot ?? ""],
        ["reason", last?.reason ?? ""],
        ...(last?.stack ?? "").split("\n").map((line) => ["", line]),
      ];
    },
    connectivity: () => connectivity(store.ports.get()),
    wireless: () => wireless(store.ports.get()),
    cipher: () => [
      ["PROFILE", "STATE", "SUBJECT", "UNTIL", "MESSAGE"],
      ...store.certificates.entries().map(([profile, { phase, certificate, error }]) => {
        const shown = certificate === undefined ? undefined : new X509Certificate(certificate);
        const subject = shown?.subject.replaceAll("\n", ", ") ?? "";
        return [profile, phase, subject, shown?.validTo ?? "", error ?? ""];
      }),
    ],
  };
}

/** Ports that speak by radio, by the configuration in force; what networks are joined with is nowhere in it. */
function wireless(status: PortsStatus | undefined): Rows {
  const ports = status?.book.configs[status.book.current]?.ports ?? [];
  return [
    ["PORT", "KIND", "NETWORKS", "CARD", "ADDRESSES", "TROUBLE"],
    ...ports.flatMap(({ name, interface: card, wifi, cellular }): string[][] => {
      if (wifi === undefined && cellular === undefined) return [];
      const { up = false, addresses = [], unanswered = "" } = status?.cards[card] ?? {};
      const networks = wifi?.map(({ ssid }) => ssid).join(" ") ?? "";
      const kind = wifi === undefined ? "cellular" : "Wi-Fi";
      return [[name, kind, networks, `${card} ${up ? "up" : "down"}`, addresses.join(" "), unanswered]];
    }),
  ];
}

/** Configurations of the node's ports as they were tried, and its cards as they are. */
function connectivity(status: PortsStatus | undefined): Rows {
  const { book, cards, failed } = status ?? { book: { configs: [], current: 0 }, cards: {}, failed: [] };
  return [
    ["PORTS", "SINCE", "SUCCEEDED", "FAILED", "ERROR"],
    ...book.configs.map(({ ports, since, lastSucceeded, lastFailed, lastError }, at) => [
      `${at === book.current ? "* " : "  "}${ports.map(({ name }) => name).join(" ")}`,
      ...[since, lastSucceeded, lastFailed].map((it) => (it === undefined ? "" : toRfc3339(it))),
      lastError,
    ]),
    ...Object.entries(cards).map(([name, { up, addresses, gateways, fault }]) => [
      ...[`card ${name}`, up ? "up" : "down", addresses.join(" "), gateways.join(" "), fault ?? ""],
    ]),
    ...failed.map((name) => [`uplink ${name}`, "does not lead to the controller"]),
  ];
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
