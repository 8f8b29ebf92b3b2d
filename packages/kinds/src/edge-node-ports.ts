/** EdgeNode.spec.ports: the network cards of a box, and how each gets its address. */
import type { Schema } from "@selvedge/apimachinery";
import { objectOf, textOf } from "./edge-schemas.ts";
import type { Faults } from "./faults.ts";

export interface EdgeNodePort {
  name: string;
  /** Its name in the box's Linux; its own name when unset. */
  interface?: string;
  /** Whether the controller is reached through it. Unset means true. */
  uplink?: boolean;
  /** Uplinks of lower cost are taken first. */
  cost?: number;
  /** `192.0.2.7/24`; by DHCP when unset. */
  address?: string;
  gateway?: string;
  dns?: string[];
}

/** More cards than a box has slots for. */
const portsMax = 32;
/** Linux allows no longer name of an interface. */
const nameMax = 15;
const costMax = 255;
const dnsMax = 8;
const namePattern = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$";
/** Names EVE gives a meaning of its own. */
const reserved = ["all", "uplink", "freeuplink"];

export const portsSchema: Schema = {
  type: "array",
  description:
    "Its network cards, for boxes that run EVE; an engine of ours finds its own. One card eth0 with an " +
    "address by DHCP when not said.",
  minItems: 1,
  maxItems: portsMax,
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
  items: objectOf(
    "One network card.",
    {
      name: textOf("What it is called here.", { minLength: 1, maxLength: nameMax, pattern: namePattern }),
      interface: textOf("What the box's Linux calls it; its name when not said.", {
        minLength: 1,
        maxLength: nameMax,
      }),
      uplink: {
        type: "boolean",
        description: "Whether the controller is reached through it. True when not said.",
      },
      cost: {
        ...{ type: "integer", format: "int32", minimum: 0, maximum: costMax },
        description: "Uplinks of lower cost are taken first. 0 when not said.",
      },
      address: textOf("A fixed address with its length, such as 192.0.2.7/24. By DHCP when not said."),
      gateway: textOf("The router, where the address is fixed."),
      dns: {
        ...{ type: "array", maxItems: dnsMax, items: { type: "string" } },
        description: "Name servers, where the address is fixed.",
      },
    },
    ["name"],
  ),
};

export function portFaults(ports: readonly EdgeNodePort[] | undefined, faults: Faults): void {
  if (ports === undefined || ports.length === 0) return;
  for (const [at, { name, address, gateway, dns = [] }] of ports.entries()) {
    const field = `spec.ports[${at}]`;
    if (reserved.includes(name)) faults.invalid(`${field}.name`, name, "is a name EVE keeps for itself");
    if (address === undefined) {
      if (gateway !== undefined) faults.forbidden(`${field}.gateway`, "comes by DHCP; set address too");
      if (dns.length > 0) faults.forbidden(`${field}.dns`, "comes by DHCP; set address too");
      continue;
    }
    const [host = "", length = ""] = address.split("/");
    if (!isIpv4(host) || !/^([1-9]|[12]\d|3[0-2])$/.test(length)) {
      faults.invalid(`${field}.address`, address, "must be an IPv4 address with its length: 192.0.2.7/24");
    }
    if (gateway !== undefined && !isIpv4(gateway)) {
      faults.invalid(`${field}.gateway`, gateway, "must be an IPv4 address");
    }
    for (const [index, server] of dns.entries()) {
      if (!isIpv4(server)) faults.invalid(`${field}.dns[${index}]`, server, "must be an IPv4 address");
    }
  }
  if (!ports.some(({ uplink = true }) => uplink)) {
    faults.invalid("spec.ports", "<ports>", "one must be an uplink: without, the box takes all for uplinks");
  }
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}
