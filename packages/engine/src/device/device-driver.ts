import type { PciDevice } from "../hardware/hardware.ts";
import type { FunctionDress, MachineDevice } from "./device-spec.ts";

/** Hands devices of the box over, and takes them back. */
export interface DeviceDriver {
  /** From now on the machine that opens it drives the PCI device. */
  lend(address: string): Promise<void>;
  /** The box's own driver has it again. False while a machine still holds it. */
  giveBack(device: PciDevice): Promise<boolean>;
  /** Makes so many functions of a card, in place of those it has. False while a machine holds one of them. */
  part(card: PciDevice, count: number): Promise<boolean>;
  /** Tells a card how one of its functions is to be. False while a machine still holds that. */
  dress(device: Loan): Promise<boolean>;
}

/** A function of a card as a machine will get it. */
export type Loan = Extract<MachineDevice, { kind: "pci" }> & { readonly dress: FunctionDress };

export class DeviceError extends Error {
  override name = "DeviceError";
}
