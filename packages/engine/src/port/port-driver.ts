import type { ModemSurroundings } from "./cellular/modem-probe.ts";
import type { ModemState } from "./cellular/modem-state.ts";
import type { CellularAccess, LinkSpec, PortAddress, ProxySpec, WifiSecurity } from "./port-spec.ts";
import type { PortAuthentication, WiredState } from "./wired/supplicant.ts";

/** How a card is to speak. */
export interface PortWish {
  readonly interface: string;
  /** What has to be made for it, the lowest first. */
  readonly links: readonly LinkSpec[];
  /** Of a wireless card: it speaks once it is in one of these. */
  readonly wifi?: readonly WifiLogin[];
  /** Of a modem: it speaks once it is connected so. */
  readonly cellular?: ModemLogin;
  /** What its switch is shown; it speaks without where the switch does not ask. */
  readonly authentication?: PortAuthentication;
  readonly address: PortAddress;
  /** Who asks for its address by DHCP does not say what he is. */
  readonly hidesVendor?: true;
  readonly mtu: number;
  /** Of its default route: the lowest that is there is used. */
  readonly metric: number;
}

/** A Wi-Fi network and what it takes to join it. */
export interface WifiLogin {
  readonly ssid: string;
  readonly security: WifiSecurity;
  readonly priority: number;
  readonly user: string;
  readonly password: string;
}

/** A mobile network and what it takes to be connected. */
export interface ModemLogin extends CellularAccess {
  readonly user: string;
  readonly password: string;
  readonly attachUser?: string;
  readonly attachPassword?: string;
}

/** Where the box is, as a receiver of satellites says. */
export interface Place {
  /** In degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** In metres above the sea; undefined: it does not say. */
  readonly altitude: number | undefined;
  /** When it was asked, in milliseconds of Unix. */
  readonly at: number;
}

/** How a card is. */
export interface CardState {
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** With prefix length, those of IPv4 first. */
  readonly addresses: readonly string[];
  /** One of a family at most. */
  readonly gateways: readonly string[];
  readonly dns: readonly string[];
  /** Where it is a bond. */
  readonly bond?: BondState;
  /** Where its switch is shown who the node is. */
  readonly authentication?: WiredState;
  /** Where a modem is behind it. */
  readonly modem?: ModemState;
  /** Why nothing beyond its network answers by the modem, and did not after it was connected anew. */
  readonly unanswered?: string;
  /** What its receiver of satellites says; not there: it has none, or sees too few. */
  readonly place?: Place;
  /** Why it cannot be told how it is. */
  readonly fault?: string;
}

/** What its kernel and its peer say of a bond. Cards by Linux' names. */
export interface BondState {
  /** The card that speaks, where only one does. */
  readonly active: string;
  /** Empty where the peer has none to agree with. */
  readonly partnerMac: string;
  readonly aggregator: number;
  readonly members: readonly { readonly card: string; readonly up: boolean; readonly aggregator: number }[];
}

/** Why a card does not speak as it should, by Linux' name. */
export type PortProblems = ReadonlyMap<string, string>;

/** The node's own cards. */
export interface PortDriver {
  /** False: the box's own system looks after them, and nothing is changed here. */
  readonly manages: boolean;
  /** Makes the cards speak so; resolves when those that ask for an address have one or have had their time. */
  apply(wishes: readonly PortWish[], signal: AbortSignal): Promise<PortProblems>;
  look(): Promise<ReadonlyMap<string, CardState>>;
  /** Tells each time a switch has let a card in; returns how that ends. */
  onLetIn(listener: (card: string) => void): () => void;
  /** Gives up the addresses that networks gave those cards, and asks anew. */
  askAgain(cards: readonly string[], signal: AbortSignal): Promise<void>;
  /** Keeps every radio of the box from sending, or lets them. */
  silence(on: boolean): Promise<void>;
  /** Resolves when the controller answers by way of the card, else rejects with why not. */
  probe(card: string, proxy: ProxySpec | undefined, signal: AbortSignal): Promise<void>;
  /** Resolves when anybody answers by way of the modem, else rejects with why nobody does. */
  askBeyond(
    card: string,
    whom: Pick<ModemSurroundings, "probe" | "proxy">,
    signal: AbortSignal,
  ): Promise<void>;
  /** Gives up what those modems are connected by, and connects them anew. */
  reconnect(cards: readonly string[], signal: AbortSignal): Promise<void>;
}
