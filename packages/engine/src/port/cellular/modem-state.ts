/** How a modem is, in words of this project. */

/** The modem itself, and the network it is in. */
export interface ModemSelf {
  readonly imei: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly firmware: string;
  /** By which it is spoken to; `other`: by commands of text, mostly. */
  readonly protocol: "qmi" | "mbim" | "other";
  readonly mode: ModemMode;
  /** Linux' name of what it is spoken to by, such as `cdc-wdm0`. */
  readonly device: string;
  /** Where it is plugged in, as `1:2.3`; empty: nowhere of that kind. */
  readonly usb: string;
  /** As `0000:00:14.0`. */
  readonly pci: string;
  /** Empty where it is in no network. */
  readonly operator: { readonly plmn: string; readonly name: string };
  readonly roaming: boolean;
  /** The network lets nobody with its SIM card in. */
  readonly forbidden: boolean;
  /** Newest first. */
  readonly technologies: readonly RadioTechnology[];
  /** How well it hears, from 0 to 100 in steps of ten; undefined: it does not say. */
  readonly signal?: number;
}

export interface ModemState extends ModemSelf {
  /** One a slot, also an empty one. */
  readonly sims: readonly SimCard[];
  readonly bearers: readonly ModemBearer[];
  /** What it has stored of how to connect. */
  readonly profiles: readonly ModemProfile[];
  readonly figures: SignalFigures;
  readonly traffic: ModemTraffic;
  /** Its receiver of satellites is on. */
  readonly locating: boolean;
}

export type ModemMode = "unknown" | "offline" | "silent" | "online" | "connected";

export type RadioTechnology = "5gnr" | "lte" | "umts" | "gsm";

export type IpFamilies = "" | "ipv4" | "ipv6" | "ipv4v6";

/** A connection to a network, or one that was tried. */
export interface ModemBearer {
  readonly apn: string;
  readonly kind: BearerKind;
  readonly families: IpFamilies;
  readonly connected: boolean;
  /** Why it is not; empty: nobody says. */
  readonly error: string;
  /** In seconds of Unix; 0: it is not connected. */
  readonly since: number;
}

/** `attach`: by which a modem becomes known to a network at all. */
export type BearerKind = "unknown" | "attach" | "default" | "dedicated";

export interface ModemProfile {
  readonly name: string;
  readonly apn: string;
  readonly kind: BearerKind;
  readonly families: IpFamilies;
  readonly roaming: boolean;
}

export interface SimCard {
  /** From 1. */
  readonly slot: number;
  readonly active: boolean;
  readonly iccid: string;
  readonly imsi: string;
  readonly kind: "unknown" | "physical" | "embedded";
  readonly state: "present" | "absent" | "inactive" | "error";
}

/** In dBm and dB; undefined: it does not say. */
export interface SignalFigures {
  readonly rssi?: number;
  readonly rsrq?: number;
  readonly rsrp?: number;
  readonly snr?: number;
}

/** What went through its card since that is there. */
export interface ModemTraffic {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxDrops: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txDrops: number;
}
