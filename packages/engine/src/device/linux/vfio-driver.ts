import { readdir, readlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PciDevice } from "../../hardware/hardware.ts";
import { run } from "../../network/linux/run.ts";
import { type DeviceDriver, DeviceError } from "../device-driver.ts";

const lender = "vfio-pci";

/** Binds PCI devices to vfio-pci, by which a process may drive one, and back to the kernel's own drivers. */
export class VfioDriver implements DeviceDriver {
  async lend(address: string): Promise<void> {
    const folder = deviceFolder(address);
    // Fails where it is built in, or where modules are not loaded; what follows tells.
    await run("modprobe", [lender]).catch(() => "");
    await writeFile(join(folder, "driver_override"), lender);
    await unbind(folder, address);
    await writeFile("/sys/bus/pci/drivers_probe", address);
    if ((await driverOf(folder)) !== lender)
      throw new DeviceError(`${address}: ${lender} does not take it; is the module there, and the IOMMU on?`);
  }

  async giveBack({ address, iommuGroup }: PciDevice): Promise<boolean> {
    // Whoever unbinds what a process has open waits for it, and so would everybody after.
    if (await isOpen(`/dev/vfio/${iommuGroup}`)) return false;
    const folder = deviceFolder(address);
    await writeFile(join(folder, "driver_override"), "\n");
    await unbind(folder, address);
    await writeFile("/sys/bus/pci/drivers_probe", address);
    return true;
  }
}

function deviceFolder(address: string): string {
  return join("/sys/bus/pci/devices", address);
}

async function driverOf(folder: string): Promise<string> {
  return basename(await readlink(join(folder, "driver")).catch(() => ""));
}

async function unbind(folder: string, address: string): Promise<void> {
  if ((await driverOf(folder)) !== "") await writeFile(join(folder, "driver/unbind"), address);
}

/** By any process of the box. */
async function isOpen(node: string): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    // It may end while it is looked at.
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => []))
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) === node) return true;
  }
  return false;
}
