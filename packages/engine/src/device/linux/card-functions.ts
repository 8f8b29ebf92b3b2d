import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PciDevice } from "../../hardware/hardware.ts";
import { DeviceError, type Loan } from "../device-driver.ts";
import { isOpen } from "./open-files.ts";

/** What is written to and run; another one in tests only. */
export interface Sysfs {
  readonly root: string;
  readonly write: (path: string, text: string) => Promise<void>;
  readonly run: (program: string, args: readonly string[]) => Promise<string>;
}

const noMac = "00:00:00:00:00:00";

/** Parts cards into functions through sysfs, and tells a card by `ip` how one of its functions is to be. */
export class CardFunctions {
  readonly #sysfs: Sysfs;

  constructor(sysfs: Sysfs) {
    this.#sysfs = sysfs;
  }

  async part({ address, functions }: PciDevice, count: number): Promise<boolean> {
    const folder = this.#folder(address);
    // The kernel waits for whoever has one open, and everybody else for it.
    for (const made of functions?.made ?? []) {
      const group = basename(await readlink(join(this.#folder(made), "iommu_group")).catch(() => ""));
      if (group !== "" && (await isOpen(`/dev/vfio/${group}`, this.#sysfs.root))) return false;
    }
    // The box's own driver would make network cards of them that are nobody's. Kernels before 4.13 have no such file.
    await this.#sysfs.write(join(folder, "sriov_drivers_autoprobe"), "0").catch(ignoreMissing);
    const numbers = join(folder, "sriov_numvfs");
    // It changes from one number to another by none only.
    if ((await this.#made(numbers)) !== 0) await this.#sysfs.write(numbers, "0");
    await this.#sysfs.write(numbers, `${count}`).catch((cause: unknown) => {
      const why = `the driver of ${address} does not make ${count} functions; its kernel log says why`;
      throw new DeviceError(why, { cause });
    });
    const made = await this.#made(numbers);
    if (made !== count)
      throw new DeviceError(`the driver of ${address} made ${made} functions, not ${count}`);
    return true;
  }

  async dress({ node, dress }: Loan): Promise<boolean> {
    if (await isOpen(node, this.#sysfs.root)) return false;
    const { address, index, mac, vlan } = dress;
    // Named anew at each use: whoever makes a bridge of a card may call it otherwise.
    const [name] = await readdir(join(this.#folder(address), "net")).catch((): string[] => []);
    if (name === undefined)
      throw new DeviceError(`${address} is no network card in the box's Linux: is its driver there?`);
    const link = ["link", "set", "dev", name];
    // A card that is down carries nothing of its functions, and some drivers take it down when they make them.
    await this.#sysfs.run("ip", [...link, "up"]);
    const tell = async (what: readonly string[], wanted: boolean): Promise<void> => {
      await this.#sysfs.run("ip", [...link, "vf", `${index}`, ...what]).catch((error: unknown) => {
        // What it cannot be told, nobody before has told it.
        if (wanted || !/not supported/i.test(String(error))) throw error;
      });
    };
    // Always both: an app must not have what the one before it was given.
    await tell(["mac", mac ?? noMac], mac !== undefined);
    await tell(["vlan", `${vlan ?? 0}`], vlan !== undefined);
    return true;
  }

  #folder(address: string): string {
    return join(this.#sysfs.root, "sys/bus/pci/devices", address);
  }

  async #made(numbers: string): Promise<number> {
    return Number(await readFile(numbers, "utf8"));
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
