/** ZInfoHardware: what the box is made of. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { hardware, info } from "@selvedge/eve-api";
import type { BlockDevice, Hardware, PciAddress, UsbAddress } from "../../hardware/hardware.ts";
import type { HostFacts } from "../../ports.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

export interface HardwareFacts {
  readonly node: string;
  readonly host: HostFacts;
  readonly engineVersion: string;
  readonly inventory: Hardware;
  readonly disks: readonly Pick<BlockDevice, "name" | "model" | "serial" | "wwn" | "sizeBytes">[];
  /** What the chip says of itself; undefined where none is used. */
  readonly tpm: { readonly manufacturer: string; readonly firmware: string } | undefined;
}

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

export function hardwareInfo(facts: HardwareFacts): InfoMessage {
  const { host, inventory, engineVersion } = facts;
  const value = create(info.ZInfoHardwareSchema, {
    eveRelease: engineVersion,
    evePlatform: "selvedge",
    kernelVersion: host.kernelVersion,
    kernelFlavor: /-(rt|cloud|generic)\b/.exec(host.kernelVersion)?.[1] ?? "",
    kernelCmdline: inventory.kernelCommandLine,
    inventory: inventoryOf(facts),
    // What they say of their health differs each time: it goes with the health of the hardware.
    disks: facts.disks.map(diskOf),
  });
  return infoMessage(facts.node, info.ZInfoTypes.ZiHardware, { case: "hwinfo", value });
}

export function diskOf(
  disk: Pick<BlockDevice, "name" | "model" | "serial" | "wwn">,
): Pick<Init<typeof info.StorageDiskInfoSchema>, "diskName" | "model" | "serialNumber" | "wwn"> {
  return { diskName: disk.name, model: disk.model, serialNumber: disk.serial, wwn: disk.wwn };
}

const kinds = {
  ethernet: hardware.NetworkDeviceType.ETHERNET,
  wifi: hardware.NetworkDeviceType.WIFI,
  wwan: hardware.NetworkDeviceType.WWAN,
  other: hardware.NetworkDeviceType.UNKNOWN,
} as const;

function inventoryOf({
  inventory,
  disks,
  host,
  tpm,
}: HardwareFacts): Init<typeof hardware.HardwareInventorySchema> {
  // Functions that the node has made of a card are no part of the box: after a boot they are not there.
  const made = new Set(inventory.pci.flatMap(({ functions }) => functions?.made ?? []));
  const parts = inventory.pci.filter(({ address }) => !made.has(address));
  return {
    pciDevices: parts.map((it) => ({
      address: pciAddress(it.address),
      ...(it.parent === undefined ? {} : { parentPciDeviceAddress: pciAddress(it.parent) }),
      ...{ driver: it.driver, vendorId: it.vendor, deviceId: it.device, revision: it.revision },
      ...{ subsystemId: it.subsystem, classId: it.classCode >>> 16, iommuGroup: it.iommuGroup },
      subclassId: BigInt((it.classCode >>> 8) & 0xff),
    })),
    usbDevices: inventory.usb.map((it) => ({
      ...{ busPort: usbAddress(it.address), parent: parentOf(it.pci), driver: it.driver },
      ...{ vendorId: it.vendor, productId: it.product, classId: it.classCode },
    })),
    serialDevices: inventory.serialPorts.map((it) => ({
      ...{ devpath: it.path, ioportRange: it.ioPorts, irq: BigInt(it.irq), parent: parentOf(it.pci) },
    })),
    networkDevices: inventory.networks.map((it) => ({
      ...{ ifname: it.name, type: kinds[it.kind], macAddress: it.mac, speedMbps: it.megabits },
      parent: parentOf(it.pci),
    })),
    bios: {
      ...{ vendor: inventory.firmware.vendor, version: inventory.firmware.version },
      attributes: inventory.firmware.date === "" ? {} : { date: inventory.firmware.date },
    },
    cpuInfo: {
      cpus: inventory.cpus.map(({ id, vendor, model, hertz }) => ({
        id,
        vendor,
        model,
        freq: BigInt(hertz),
      })),
    },
    totalMemoryBytes: BigInt(host.memoryBytes),
    totalStorageBytes: BigInt(disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
    watchdogPresent: inventory.watchdog,
    statusLedPresent: inventory.statusLed,
    tpm: {
      present: tpm !== undefined || inventory.tpm !== undefined,
      manufacturer: tpm?.manufacturer ?? "",
      firmwareVersion: tpm?.firmware ?? "",
      specVersion: inventory.tpm?.specVersion ?? (tpm === undefined ? "" : "2.0"),
    },
  };
}

function parentOf(pci: PciAddress | undefined): Init<typeof hardware.BusParentSchema> {
  return pci === undefined ? {} : { pciParent: pciAddress(pci) };
}

function pciAddress(text: PciAddress): Init<typeof hardware.PCIAddressSchema> {
  const [domain = "", bus = "", rest = ""] = text.split(":");
  const [device = "", fn = ""] = rest.split(".");
  const hex = (part: string): number => Number.parseInt(part, 16) || 0;
  return { domain: hex(domain), bus: hex(bus), device: hex(device), function: hex(fn) };
}

function usbAddress({ bus, port }: UsbAddress): Init<typeof hardware.USBAddressSchema> {
  return { bus, port };
}
