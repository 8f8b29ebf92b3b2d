/** A box of which nothing is known: simulated, or one that a test does not care for. */
import type { Hardware, HardwareProbe } from "./hardware.ts";

const nothing: Hardware = {
  product: { manufacturer: "", name: "", version: "", serial: "", uuid: "", compatible: "" },
  firmware: { vendor: "", version: "", date: "" },
  ...{ cpus: [], pci: [], usb: [], serialPorts: [], networks: [] },
  ...{ watchdog: false, statusLed: false, iommu: false, tpm: undefined, kernelCommandLine: "" },
};

export const noHardware: HardwareProbe = {
  inventory: async () => nothing,
  adapters: async () => [],
  disks: async () => [],
  diskHealth: async () => [],
  filesystemOf: async () => undefined,
  processes: async () => [],
  memoryControllers: async () => [],
  timeSources: async () => [],
};
