import type { ModemProbe } from "./cellular/modem-probe.ts";
import type { RadioTechnology } from "./cellular/modem-state.ts";

/** A port of the node: a card, and how it is to speak. */
export interface PortSpec {
  readonly name: string;
  /** How the controller calls what it stands on, where that is another name. */
  readonly label?: string;
  /** Somebody beside the node may say how it speaks. */
  readonly localChanges?: boolean;
  /** Somebody did. */
  readonly local?: boolean;
  /** Networks and access lists may name the port by these as well. */
  readonly labels: readonly string[];
  /** Linux' name of what speaks: a card, or what the node makes of cards. */
  readonly interface: string;
  /** What has to be made for it, the lowest first; not there: nothing. */
  readonly links?: readonly LinkSpec[];
  /** Whether the controller may be reached by it. */
  readonly uplink: boolean;
  /** The cheapest that works is used. */
  readonly cost: number;
  /** As the controller knows the network behind it. */
  readonly networkId?: string;
  readonly address?: PortAddress;
  /** Of a wireless card: networks it may join, whichever it finds. */
  readonly wifi?: readonly WifiNetwork[];
  /** Of a modem. */
  readonly cellular?: CellularNetwork;
  /** Its switch is shown who the node is. */
  readonly authentication?: AuthenticationSpec;
  /** 1500 where there is none. */
  readonly mtu?: number;
  readonly proxy?: ProxySpec;
  /** Why it cannot be as the configuration has it. */
  readonly fault?: string;
}

export interface AuthenticationSpec {
  /** What the switch calls the node; empty: as its certificate does. */
  readonly identity: string;
  /** Whose certificate is shown. */
  readonly profile: string;
  /** Why none can be; the port speaks without. */
  readonly fault?: string;
}

export type PortAddress =
  | { readonly kind: "none" }
  /** The network says: by DHCP, and by what its routers tell. Without a family both will do. */
  | { readonly kind: "dhcp"; readonly family?: "ipv4" | "ipv6" }
  | {
      readonly kind: "static";
      /** With prefix length. */
      readonly address: string;
      /** Empty: the port leads no further than its own network. */
      readonly gateway: string;
      readonly dns: readonly string[];
      readonly domain: string;
      readonly ntp: readonly string[];
    };

export interface CellularAccess {
  readonly apn: string;
  /** From 1; 0: whichever is active. */
  readonly simSlot: number;
  readonly authentication: "none" | "pap" | "chap" | "pap-chap";
  readonly roaming: boolean;
  readonly family: "ipv4" | "ipv6" | "ipv4v6";
  /** How it becomes known to a network at all; not there: as it is set already. */
  readonly attach?: AttachAccess;
  /** Technologies it may use, the best first; not there: all. */
  readonly technologies?: readonly RadioTechnology[];
  /** Its receiver of satellites is to say where the box is. */
  readonly locate?: boolean;
  /** How it is found out whether it leads anywhere; not there: as for all. */
  readonly probe?: ModemProbe;
}

export interface AttachAccess extends Pick<CellularAccess, "apn" | "authentication"> {
  /** Empty: as it is set already. */
  readonly family: "" | CellularAccess["family"];
}

export interface CellularNetwork extends CellularAccess {
  readonly secret: PortSecret;
}

export interface WifiNetwork {
  readonly ssid: string;
  /** A password for all, or a name and a password for each. */
  readonly security: WifiSecurity;
  /** The highest of those that are there is joined. */
  readonly priority: number;
  readonly secret: PortSecret;
}

export type WifiSecurity = "open" | "psk" | "eap";

/** Name and password for a network, as the configuration has them. */
export type PortSecret =
  | {
      readonly kind: "clear";
      readonly user: string;
      readonly password: string;
      readonly attachUser?: string;
      readonly attachPassword?: string;
    }
  /** Encrypted to this node: a CipherBlock and its CipherContext in base64. A port may outlive its configuration. */
  | { readonly kind: "sealed"; readonly block: string; readonly context: string };

/** A link that the node makes of others. */
export type LinkSpec = VlanSpec | BondSpec;

/** A network of its own on the wire of another link, by a tag on its frames. */
export interface VlanSpec {
  readonly kind: "vlan";
  /** Linux' name of it. */
  readonly name: string;
  readonly lower: string;
  readonly tag: number;
}

/** Several cards that speak as one. */
export interface BondSpec {
  readonly kind: "bond";
  readonly name: string;
  /** `name` is how the controller calls it. */
  readonly members: readonly { readonly name: string; readonly card: string }[];
  readonly mode: BondMode;
  readonly watch: BondWatch;
  /** Of the protocol by which both ends agree on a bond. */
  readonly lacpRate: "slow" | "fast";
}

/** As Linux names them. */
export type BondMode =
  | "balance-rr"
  | "active-backup"
  | "balance-xor"
  | "broadcast"
  | "802.3ad"
  | "balance-tlb"
  | "balance-alb";

/** How a bond knows which of its cards work. */
export type BondWatch =
  | {
      readonly kind: "carrier";
      readonly everyMs: number;
      readonly upDelayMs: number;
      readonly downDelayMs: number;
    }
  | { readonly kind: "arp"; readonly everyMs: number; readonly targets: readonly string[] };

/** Who stands between a port and the controller. */
export interface ProxySpec {
  /** `host:port`; undefined: it is in the way without being asked, and only its certificates matter. */
  readonly server: string | undefined;
  /** Hosts, domains and networks that are reached without it. */
  readonly exceptions: readonly string[];
  /** Roots of who opens TLS on the way, PEM. */
  readonly certificates: readonly string[];
  /** Found by a script of the network's, which this node does not run. */
  readonly automatic: boolean;
}
