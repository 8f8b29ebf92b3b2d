/** A part of the box that an app may have for itself, together with what cannot be had without it. */
export interface DeviceGroup {
  /** As apps name it. */
  readonly name: string;
  /** The group it hangs on; empty: none. */
  readonly parent: string;
  readonly members: readonly DeviceMember[];
  /** What the node itself does with it; not there: nothing. */
  readonly kept?: string;
}

export interface DeviceMember {
  readonly name: string;
  readonly kind: DeviceKind;
  readonly usage: DeviceUsage;
  /** Undefined: the configuration says nothing of where it is. */
  readonly place: DevicePlace | undefined;
}

export type DeviceKind =
  | "ethernet"
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
  | { readonly kind: "serial"; readonly path: string };

/** One device as a machine gets it. */
export type MachineDevice =
  /** `node` is opened by the machine for all devices of its IOMMU group. */
  | { readonly kind: "pci"; readonly address: string; readonly node: string }
  | { readonly kind: "usb"; readonly bus: number; readonly port: string; readonly node: string }
  | { readonly kind: "serial"; readonly node: string };
