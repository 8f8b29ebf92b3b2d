import type { PciDevice } from "../hardware/hardware.ts";

/** Hands devices of the box over, and takes them back. */
export interface DeviceDriver {
  /** From now on the machine that opens it drives the PCI device. */
  lend(address: string): Promise<void>;
  /** The box's own driver has it again. False while a machine still holds it. */
  giveBack(device: PciDevice): Promise<boolean>;
}

export class DeviceError extends Error {
  override name = "DeviceError";
}
