import { readlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PciDevice } from "../../hardware/hardware.ts";
import { run } from "../../network/linux/run.ts";
import { type DeviceDriver, DeviceError, type Loan } from "../device-driver.ts";
import { CardFunctions, type Sysfs } from "./card-functions.ts";
import { isOpen } from "./open-files.ts";

const lender = "vfio-pci";

/** Binds PCI devices to vfio-pci, by which a process may drive one, and back to the kernel's own drivers. */
export class VfioDriver implements DeviceDriver {
  readonly #sysfs: Sysfs;
  readonly #functions: CardFunctions;

  constructor({ root = "/", write = writeFile, run: start = run }: Partial<Sysfs> = {}) {
    this.#sysfs = { root, write, run: start };
    this.#functions = new CardFunctions(this.#sysfs);
  }

  async lend(address: string): Promise<void> {
    // A function goes from one app to the next by it.
    if ((await this.#driverOf(address)) === lender) return;
    const { write, run: start } = this.#sysfs;
    // Fails where it is built in, or where modules are not loaded; what follows tells.
    await start("modprobe", [lender]).catch(() => "");
    await write(join(this.#folder(address), "driver_override"), lender);
    await this.#probe(address);
    if ((await this.#driverOf(address)) !== lender)
      throw new DeviceError(`${address}: ${lender} does not take it; is the module there, and the IOMMU on?`);
  }

  async giveBack({ address, iommuGroup }: PciDevice): Promise<boolean> {
    // Whoever unbinds what a process has open waits for it, and so would everybody after.
    if (await isOpen(`/dev/vfio/${iommuGroup}`, this.#sysfs.root)) return false;
    await this.#sysfs.write(join(this.#folder(address), "driver_override"), "\n");
    await this.#probe(address);
    return true;
  }

  async part(card: PciDevice, count: number): Promise<boolean> {
    return await this.#functions.part(card, count);
  }

  async dress(device: Loan): Promise<boolean> {
    return await this.#functions.dress(device);
  }

  async #probe(address: string): Promise<void> {
    const { root, write } = this.#sysfs;
    if ((await this.#driverOf(address)) !== "")
      await write(join(this.#folder(address), "driver/unbind"), address);
    await write(join(root, "sys/bus/pci/drivers_probe"), address);
  }

  #folder(address: string): string {
    return join(this.#sysfs.root, "sys/bus/pci/devices", address);
  }

  async #driverOf(address: string): Promise<string> {
    return basename(await readlink(join(this.#folder(address), "driver")).catch(() => ""));
  }
}
