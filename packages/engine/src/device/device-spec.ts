/** A part of the box that an app may have for itself, together with what cannot be had without it. */
export interface DeviceGroup {
  /** As apps name it. */
  readonly name: string;
  /** The group it hangs on; empty: none. */
  readonly parent: string;
  readonly members: readonly DeviceMember[];
  /** What the node itself does with it; not there: nothing. */
  readonly kept?: string;
  /** What is wrong with what the configuration says of it. */
  readonly fault?: string;
}

export interface DeviceMember {
  readonly name: string;
  readonly kind: DeviceKind;
  readonly usage: DeviceUsage;
  /** Undefined: the configuration says nothing of where it is. */
  readonly place: DevicePlace | undefined;
  /** What somebody else may call it. */
  readonly label?: string;
  /** Of a card: it is parted into so many. */
  readonly functions?: number;
}

export type DeviceKind =
  | "ethernet"
  /** A network card of which apps have functions, and the node the rest. */
  | "parted-card"
  | "function"
  | "usb"
  | "serial"
  | "audio"
  | "wifi"
  | "cellular"
  | "display"
  | "nvme"
  | "sata"
  | "usb-controller"
  | "usb-device"
  | "can"
  | "other";

export type DeviceUsage = "none" | "node-and-apps" | "shared" | "dedicated" | "disabled" | "node";

export type DevicePlace =
  /** `0000:05:00.0` */
  | { readonly kind: "pci"; readonly address: string }
  /** A network card by Linux' name. */
  | { readonly kind: "card"; readonly name: string }
  | { readonly kind: "usb"; readonly bus: number; readonly port: string }
  | { readonly kind: "usb-product"; readonly vendor: number; readonly product: number }
  | { readonly kind: "serial"; readonly path: string }
  | {
      readonly kind: "function";
      readonly card: CardPlace;
      readonly index: number;
      readonly wish: FunctionWish;
    };

export type CardPlace = Extract<DevicePlace, { kind: "pci" | "card" }>;

/** What is asked for of a function; not there: its driver's own address, and no VLAN. */
export interface FunctionWish {
  readonly mac?: string;
  readonly vlan?: number;
}

/** What a card is told of a function, so that whoever has it cannot be another or leave its VLAN. */
export interface FunctionDress extends FunctionWish {
  /** Of the card. */
  readonly address: string;
  readonly index: number;
}

/** One device as a machine gets it. */
export type MachineDevice =
  /** `node` is opened by the machine for all devices of its IOMMU group. */
  | {
      readonly kind: "pci";
      readonly address: string;
      readonly node: string;
      /** Of a function of a card. */
      readonly dress?: FunctionDress;
    }
  | { readonly kind: "usb"; readonly bus: number; readonly port: string; readonly node: string }
  | { readonly kind: "serial"; readonly node: string };
