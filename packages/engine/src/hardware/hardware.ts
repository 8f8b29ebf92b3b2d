/** What the box is made of and how its parts fare, as a port; the real one reads /sys and /proc. */
import type { Instant } from "@selvedge/base";

/** Does not change from one boot to the next unless somebody opens the box. Lists are in order of address. */
export interface Hardware {
  readonly product: Product;
  readonly firmware: { readonly vendor: string; readonly version: string; readonly date: string };
  readonly cpus: readonly Cpu[];
  readonly pci: readonly PciDevice[];
  readonly usb: readonly UsbDevice[];
  readonly serialPorts: readonly SerialPort[];
  readonly networks: readonly NetworkDevice[];
  readonly watchdog: boolean;
  readonly statusLed: boolean;
  readonly iommu: boolean;
  /** Undefined without one; empty where the system does not tell. */
  readonly tpm: { readonly specVersion: string } | undefined;
  readonly kernelCommandLine: string;
}

export interface Product {
  readonly manufacturer: string;
  readonly name: string;
  readonly version: string;
  readonly serial: string;
  readonly uuid: string;
  /** Of a device tree, on boxes that have one. */
  readonly compatible: string;
}

export interface Cpu {
  readonly id: number;
  readonly vendor: string;
  readonly model: string;
  readonly hertz: number;
}

/** `0000:00:1f.2` */
export type PciAddress = string;

export interface PciDevice {
  readonly address: PciAddress;
  readonly parent: PciAddress | undefined;
  readonly driver: string;
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  readonly subsystem: number;
  /** Class and subclass as one number: 0x020000 is Ethernet. */
  readonly classCode: number;
  readonly iommuGroup: string;
  /** Of a card that can be parted into functions (SR-IOV): how many at most, and those made, by index. */
  readonly functions?: { readonly total: number; readonly made: readonly PciAddress[] };
}

export interface UsbAddress {
  readonly bus: number;
  readonly port: string;
}

export interface UsbDevice {
  readonly address: UsbAddress;
  /** What a program opens to speak with it: another one each time it is plugged in. */
  readonly node: string;
  readonly pci: PciAddress | undefined;
  readonly driver: string;
  readonly vendor: number;
  readonly product: number;
  readonly classCode: number;
}

export interface SerialPort {
  readonly path: string;
  readonly ioPorts: string;
  readonly irq: number;
  readonly pci: PciAddress | undefined;
}

export interface NetworkDevice {
  readonly name: string;
  readonly kind: "ethernet" | "wifi" | "wwan" | "other";
  readonly mac: string;
  readonly megabits: number;
  readonly pci: PciAddress | undefined;
}

/** A network adapter of the box as it is now; those that the engine makes for apps are not among them. */
export interface Adapter {
  readonly name: string;
  readonly mac: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly addresses: readonly string[];
  readonly routers: readonly string[];
  readonly dnsServers: readonly string[];
  readonly dnsDomain: string;
}

/** A disk as a whole. */
export interface BlockDevice {
  readonly name: string;
  readonly model: string;
  readonly serial: string;
  readonly wwn: string;
  readonly sizeBytes: number;
  readonly readBytes: bigint;
  readonly writeBytes: bigint;
  readonly reads: bigint;
  readonly writes: bigint;
}

/** What a disk says of its own health. */
export interface DiskHealth {
  readonly name: string;
  /** Its own verdict; undefined: it gives none. */
  readonly passed: boolean | undefined;
  readonly attributes: readonly {
    /** 0 where a disk has names only. */
    readonly id: number;
    readonly name: string;
    readonly value: number;
    readonly worst: number;
    readonly threshold: number;
    readonly raw: number;
    /** Empty, `now` or `past`. */
    readonly failed: string;
    readonly type: string;
  }[];
  /** Why it could not be asked. */
  readonly error: string;
}

/** A process of the box's: the engine, or a machine of an app. */
export interface ProcessUse {
  readonly pid: number;
  readonly name: string;
  readonly ofApp: boolean;
  readonly files: number;
  readonly threads: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly startedAt: Instant;
  readonly virtualBytes: number;
  readonly residentBytes: number;
}

/** A memory controller that counts the errors it found. */
export interface MemoryController {
  readonly name: string;
  readonly corrected: bigint;
  readonly uncorrected: bigint;
  readonly ranks: readonly {
    readonly name: string;
    readonly corrected: bigint;
    readonly uncorrected: bigint;
  }[];
}

/** A server, peer or clock that the box has its time from. */
export interface TimeSource {
  readonly address: string;
  readonly mode: "server" | "peer" | "clock";
  readonly state: "chosen" | "combined" | "outlier" | "false" | "jittery" | "unreachable";
  /** The last eight answers, a bit each. */
  readonly reach: number;
  readonly stratum: number;
  /** Of two, in seconds. */
  readonly poll: number;
  readonly offsetSeconds: number;
  readonly errorSeconds: number;
}

export interface HardwareProbe {
  inventory(): Promise<Hardware>;
  adapters(): Promise<readonly Adapter[]>;
  disks(): Promise<readonly BlockDevice[]>;
  /** Asks each disk, which takes a moment: seldom. */
  diskHealth(): Promise<readonly DiskHealth[]>;
  /** The file system that a folder is on, and the disk below; undefined where that cannot be told. */
  filesystemOf(folder: string): Promise<{ readonly type: string; readonly disk: string } | undefined>;
  processes(): Promise<readonly ProcessUse[]>;
  memoryControllers(): Promise<readonly MemoryController[]>;
  /** Empty where the box's time service does not tell. */
  timeSources(): Promise<readonly TimeSource[]>;
}
