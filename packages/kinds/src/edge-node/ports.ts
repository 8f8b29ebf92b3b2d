/** EdgeNode.spec.ports: the network cards of a box, and how each gets its address. */
import { parseIp, type Schema } from "@selvedge/apimachinery";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";
import { bondSchema, linkFaults, type PortBond, type PortVlan, vlanSchema } from "./links.ts";
import { type PortAuthentication, portAuthenticationSchema } from "./scep.ts";

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
  /** A wireless network instead of a cable. */
  wifi?: EdgeNodeWifi;
  /** A modem. */
  cellular?: EdgeNodeCellular;
  vlan?: PortVlan;
  bond?: PortBond;
  /** Of a cable: what its switch asks for. */
  authentication?: PortAuthentication;
}

export interface EdgeNodeWifi {
  ssid: string;
  /** WPA-PSK when unset: a password that all share. With WPA-EAP everybody has a name as well. */
  security?: "WPA-PSK" | "WPA-EAP";
  secretRef: PortSecret;
}

export interface EdgeNodeCellular {
  apn: string;
  simSlot?: number;
  authentication?: "PAP" | "CHAP" | "PAP-CHAP";
  secretRef?: PortSecret;
  /** How the box finds out whether the modem leads anywhere. */
  probe?: ModemProbe;
}

export interface ModemProbe {
  /** Nobody is asked. */
  disabled?: boolean;
  /** Who is asked when nobody in the modem's network answers. */
  address?: string;
  /** By TCP; by a ping when unset. */
  port?: number;
}

/** A Secret with the keys of kubernetes.io/basic-auth: username and password. */
export interface PortSecret {
  name: string;
  namespace: string;
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

const ssidMax = 32;
const apnMax = 100;
const simSlotsMax = 8;

const secretSchema: Schema = objectOf(
  "A Secret with username and password. It is encrypted to the box, and nothing else of it is sent.",
  { name: textOf("Its name.", { minLength: 1 }), namespace: textOf("Its namespace.", { minLength: 1 }) },
  ["name", "namespace"],
);

const wifiSchema: Schema = objectOf(
  "The wireless network it is on.",
  {
    ssid: textOf("The network's name.", { minLength: 1, maxLength: ssidMax }),
    security: textOf("WPA-PSK has one password for all, WPA-EAP a name and a password for each.", {
      enum: ["WPA-PSK", "WPA-EAP"],
      default: "WPA-PSK",
    }),
    secretRef: secretSchema,
  },
  ["ssid", "secretRef"],
);

const cellularSchema: Schema = objectOf(
  "The modem's network.",
  {
    apn: textOf("Access point name.", { minLength: 1, maxLength: apnMax }),
    simSlot: {
      ...{ type: "integer", format: "int32", minimum: 0, maximum: simSlotsMax },
      description: "Which card this is for, from 1; any when not said.",
    },
    authentication: textOf("How the name and password are given; not at all when not said.", {
      enum: ["PAP", "CHAP", "PAP-CHAP"],
    }),
    secretRef: secretSchema,
    probe: objectOf(
      "How the box finds out whether the modem leads anywhere. It asks name servers and the proxy of the modem's " +
        "network first, then 8.8.8.8 by a ping, and connects anew what nobody answers.",
      {
        disabled: { type: "boolean", description: "Nobody is asked." },
        address: textOf("Who is asked instead of 8.8.8.8."),
        port: {
          ...{ type: "integer", format: "int32", minimum: 1, maximum: 65_535 },
          description: "By TCP to this port; by a ping when not said.",
        },
      },
    ),
  },
  ["apn"],
);

export const portsSchema: Schema = {
  type: "array",
  description:
    "Its network cards, for boxes that run EVE and engines that manage ports; others find their own. One card eth0 " +
    "with an address by DHCP when not said.",
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
        description:
          "Uplinks of lower cost are taken first; images are downloaded by none that costs more than " +
          "the setting network.download.max.cost, which is 0 when not said, as this is.",
      },
      address: textOf("A fixed address with its length, such as 192.0.2.7/24. By DHCP when not said."),
      gateway: textOf("The router, where the address is fixed."),
      dns: {
        ...{ type: "array", maxItems: dnsMax, items: { type: "string" } },
        description: "Name servers, where the address is fixed.",
      },
      wifi: wifiSchema,
      cellular: cellularSchema,
      vlan: vlanSchema,
      bond: bondSchema,
      authentication: portAuthenticationSchema,
    },
    ["name"],
  ),
};

export function portFaults(
  ports: readonly EdgeNodePort[] | undefined,
  scepProfiles: readonly { name: string }[] | undefined,
  faults: Faults,
): void {
  if (ports === undefined || ports.length === 0) return;
  linkFaults(ports, faults);
  for (const [at, port] of ports.entries()) {
    const { name, address, gateway, dns = [], cellular, authentication } = port;
    const field = `spec.ports[${at}]`;
    const [one, other] = (["wifi", "cellular", "vlan", "bond"] as const).filter((what) => port[what]);
    if (one !== undefined && other !== undefined) {
      faults.forbidden(`${field}.${other}`, `a port is one thing: leave ${one} or this out`);
    }
    if (authentication !== undefined) {
      const { scepProfile } = authentication;
      if (one !== undefined) faults.forbidden(`${field}.authentication`, `a cable authenticates, no ${one}`);
      if (!(scepProfiles ?? []).some((profile) => profile.name === scepProfile))
        faults.notFound(`${field}.authentication.scepProfile`, scepProfile);
    }
    if (cellular?.authentication !== undefined && cellular.secretRef === undefined) {
      faults.required(`${field}.cellular.secretRef`, "authentication needs a name and a password");
    }
    const { address: asked, port: byTcp } = cellular?.probe ?? {};
    if (asked !== undefined && parseIp(asked) === undefined)
      faults.invalid(`${field}.cellular.probe.address`, asked, "must be an IP address: 192.0.2.1");
    if (asked === undefined && byTcp !== undefined)
      faults.required(`${field}.cellular.probe.address`, "a port is somebody's");
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
