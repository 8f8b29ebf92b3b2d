/** The box as Linux shows it: /sys, /proc and /etc below `root`, which is elsewhere only in tests. */
import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { basename, join } from "node:path";
import type {
  Adapter,
  BlockDevice,
  Cpu,
  DiskHealth,
  Hardware,
  HardwareProbe,
  MemoryController,
  NetworkDevice,
  PciAddress,
  PciDevice,
  ProcessUse,
  SerialPort,
  TimeSource,
  UsbDevice,
} from "../../hardware/hardware.ts";
import { readTimeSources } from "./chrony.ts";
import { readProcesses } from "./linux-processes.ts";
import { mountOf } from "./mounts.ts";
import { readDiskHealth } from "./smart.ts";

/** Far more than any box has; a tree gone wild must not fill a report. */
const devicesMax = 512;
const sectorBytes = 512;

export interface LinuxHardwareOptions {
  readonly root?: string;
  /** Begins the names of network devices that the engine makes itself. */
  readonly ownPrefix: string;
  /** Addresses by adapter; the system's own unless a test has others. */
  readonly interfaces?: typeof networkInterfaces;
}

export class LinuxHardware implements HardwareProbe {
  readonly #root: string;
  readonly #ownPrefix: string;
  readonly #interfaces: typeof networkInterfaces;

  constructor({ root = "/", ownPrefix, interfaces = networkInterfaces }: LinuxHardwareOptions) {
    this.#root = root;
    this.#ownPrefix = ownPrefix;
    this.#interfaces = interfaces;
  }

  async inventory(): Promise<Hardware> {
    const dmi = (name: string): Promise<string> => this.#text(`sys/class/dmi/id/${name}`);
    const pci = await this.#pci();
    return {
      product: {
        manufacturer: await dmi("sys_vendor"),
        name: (await dmi("product_name")) || (await this.#text("proc/device-tree/model")),
        version: await dmi("product_version"),
        serial: (await dmi("product_serial")) || (await this.#text("proc/device-tree/serial-number")),
        uuid: await dmi("product_uuid"),
        compatible: (await this.#text("proc/device-tree/compatible")).replaceAll("\0", ","),
      },
      firmware: {
        ...{ vendor: await dmi("bios_vendor"), version: await dmi("bios_version") },
        date: await dmi("bios_date"),
      },
      cpus: await this.#cpus(),
      pci,
      usb: await this.#usb(),
      serialPorts: await this.#serialPorts(),
      networks: await this.#networks(),
      watchdog: (await this.#list("sys/class/watchdog")).length > 0,
      statusLed: (await this.#list("sys/class/leds")).some((name) => /status|power|heartbeat/i.test(name)),
      iommu: pci.some(({ iommuGroup }) => iommuGroup !== ""),
      tpm: await this.#tpm(),
      kernelCommandLine: await this.#text("proc/cmdline"),
    };
  }

  async adapters(): Promise<readonly Adapter[]> {
    const addresses = this.#interfaces();
    const routes = await this.#defaultRoutes();
    const resolver = await this.#text("etc/resolv.conf");
    const words = (key: string): string[] =>
      [...resolver.matchAll(new RegExp(`^${key}[ \\t]+(.+)$`, "gm"))].flatMap(([, text = ""]) =>
        text.trim().split(/\s+/),
      );
    const list: Adapter[] = [];
    for (const name of await this.#adapterNames()) {
      const of = (file: string): Promise<string> => this.#text(`sys/class/net/${name}/${file}`);
      const routers = routes.get(name) ?? [];
      list.push({
        ...{ name, mac: await of("address"), routers, mtu: Number(await of("mtu")) },
        // What has no carrier says unknown; a loopback of a hypervisor does so while it works.
        up: /^(up|unknown)$/.test(await of("operstate")),
        addresses: (addresses[name] ?? []).map(({ cidr, address }) => cidr ?? address),
        // The system's resolver asks by whichever adapter leads out.
        dnsServers: routers.length > 0 ? words("nameserver") : [],
        dnsDomain: routers.length > 0 ? (words("search")[0] ?? "") : "",
      });
    }
    return list;
  }

  async disks(): Promise<readonly BlockDevice[]> {
    const list: BlockDevice[] = [];
    for (const name of await this.#list("sys/block")) {
      if (/^(loop|ram|zram|dm-|md|sr|fd|nbd)/.test(name)) continue;
      const of = (file: string): Promise<string> => this.#text(`sys/block/${name}/${file}`);
      const [reads = 0n, , readSectors = 0n, , writes = 0n, , writeSectors = 0n] = (await of("stat"))
        .split(/\s+/)
        .map(bigint);
      list.push({
        ...{ name, reads, writes, model: await of("device/model") },
        serial: (await of("serial")) || (await of("device/serial")),
        wwn: (await of("wwid")) || (await of("device/wwid")),
        sizeBytes: Number(await of("size")) * sectorBytes,
        readBytes: readSectors * BigInt(sectorBytes),
        writeBytes: writeSectors * BigInt(sectorBytes),
      });
    }
    return await this.#inOrder(list, ({ name, serial, wwn }) => ({
      ...{ path: `sys/block/${name}/device`, id: serial || wwn },
    }));
  }

  async diskHealth(): Promise<readonly DiskHealth[]> {
    // One after another: they are asked over the same wires, and nobody waits.
    const list: DiskHealth[] = [];
    for (const { name } of await this.disks()) list.push(await readDiskHealth(name));
    return list;
  }

  async filesystemOf(folder: string): Promise<{ type: string; disk: string } | undefined> {
    return mountOf(await this.#text("proc/self/mountinfo"), folder);
  }

  async processes(): Promise<readonly ProcessUse[]> {
    return await readProcesses(join(this.#root, "proc"));
  }

  async timeSources(): Promise<readonly TimeSource[]> {
    return await readTimeSources();
  }

  async memoryControllers(): Promise<readonly MemoryController[]> {
    const base = "sys/devices/system/edac/mc";
    const list: MemoryController[] = [];
    for (const name of (await this.#list(base)).filter((it) => /^mc\d+$/.test(it))) {
      const count = async (file: string): Promise<bigint> =>
        bigint(await this.#text(`${base}/${name}/${file}`));
      const ranks: MemoryController["ranks"][number][] = [];
      for (const rank of (await this.#list(`${base}/${name}`)).filter((it) => /^(rank|dimm)\d+$/.test(it)))
        ranks.push({
          name: (await this.#text(`${base}/${name}/${rank}/dimm_label`)) || rank,
          corrected: await count(`${rank}/dimm_ce_count`),
          uncorrected: await count(`${rank}/dimm_ue_count`),
        });
      list.push({
        name: (await this.#text(`${base}/${name}/mc_name`)) || name,
        ...{ corrected: await count("ce_count"), uncorrected: await count("ue_count"), ranks },
      });
    }
    return list;
  }

  async #adapterNames(): Promise<string[]> {
    const names: string[] = [];
    for (const name of await this.#list("sys/class/net")) {
      const own =
        name.startsWith(this.#ownPrefix) && /^\w+[-0-9a-f]/.test(name.slice(this.#ownPrefix.length));
      // Ethernet, in Linux' numbers; tunnels, loopback and what the kernel keeps for itself are others.
      const ethernet = (await this.#text(`sys/class/net/${name}/type`)) === "1";
      if (ethernet && !own && !/^(veth|docker|br-|virbr|tap|tun|ifb|dummy|bond_|vnet)/.test(name))
        names.push(name);
    }
    return names;
  }

  async #networks(): Promise<NetworkDevice[]> {
    const list: NetworkDevice[] = [];
    for (const name of await this.#adapterNames()) {
      const folder = `sys/class/net/${name}`;
      // What is made of cards is no part of the box.
      if (/^DEVTYPE=(bond|bridge|vlan|macvlan)$/m.test(await this.#text(`${folder}/uevent`))) continue;
      const wireless =
        (await this.#list(`${folder}/wireless`)).length > 0 || (await this.#has(`${folder}/phy80211`));
      const speed = Number(await this.#text(`${folder}/speed`));
      list.push({
        name,
        kind: wireless ? "wifi" : /^ww/.test(name) ? "wwan" : "ethernet",
        mac: await this.#text(`${folder}/address`),
        megabits: speed > 0 && Number.isFinite(speed) ? speed : 0,
        pci: await this.#pciOf(`${folder}/device`),
      });
    }
    return await this.#inOrder(list, ({ name, mac }) => ({ path: `sys/class/net/${name}/device`, id: mac }));
  }

  async #pci(): Promise<PciDevice[]> {
    const list: PciDevice[] = [];
    for (const address of await this.#list("sys/bus/pci/devices")) {
      const folder = `sys/bus/pci/devices/${address}`;
      const number = async (file: string): Promise<number> =>
        Number(await this.#text(`${folder}/${file}`)) || 0;
      const path = await this.#real(folder);
      const above = [...path.matchAll(pciPattern)].map(([found]) => found);
      list.push({
        ...{ address, parent: above.at(-2), driver: await this.#link(`${folder}/driver`) },
        ...{ vendor: await number("vendor"), device: await number("device") },
        ...{ revision: await number("revision"), subsystem: await number("subsystem_device") },
        ...{ classCode: await number("class"), iommuGroup: await this.#link(`${folder}/iommu_group`) },
        ...(await this.#functions(folder)),
      });
    }
    return list;
  }

  async #functions(folder: string): Promise<Pick<PciDevice, "functions">> {
    const total = Number(await this.#text(`${folder}/sriov_totalvfs`));
    if (!(total > 0)) return {};
    const made: PciAddress[] = [];
    for (let index = 0; index < total; index++) {
      const address = await this.#link(`${folder}/virtfn${index}`);
      if (address === "") break;
      made.push(address);
    }
    return { functions: { total, made } };
  }

  async #usb(): Promise<UsbDevice[]> {
    const list: UsbDevice[] = [];
    // `1-2.3` is a device at port 2.3 of bus 1; hubs of the root and interfaces are named otherwise.
    for (const name of (await this.#list("sys/bus/usb/devices")).filter((it) => /^\d+-[\d.]+$/.test(it))) {
      const folder = `sys/bus/usb/devices/${name}`;
      const hex = async (file: string): Promise<number> =>
        Number.parseInt(await this.#text(`${folder}/${file}`), 16) || 0;
      const [bus = "0", port = ""] = name.split("-");
      const number = async (file: string): Promise<string> =>
        (await this.#text(`${folder}/${file}`)).padStart(3, "0");
      const node = `/dev/bus/usb/${await number("busnum")}/${await number("devnum")}`;
      list.push({
        ...{ node, address: { bus: Number(bus), port }, pci: await this.#pciOf(folder) },
        ...{ driver: await this.#link(`${folder}/driver`), classCode: await hex("bDeviceClass") },
        ...{ vendor: await hex("idVendor"), product: await hex("idProduct") },
      });
    }
    return await this.#inOrder(list, ({ address: { bus, port } }) => ({
      ...{ path: `sys/bus/usb/devices/${bus}-${port}`, id: port },
    }));
  }

  async #serialPorts(): Promise<SerialPort[]> {
    const list: SerialPort[] = [];
    for (const name of (await this.#list("sys/class/tty")).filter((it) =>
      /^tty(S|AMA|USB|ACM)\d+$/.test(it),
    )) {
      const folder = `sys/class/tty/${name}`;
      const type = await this.#text(`${folder}/type`);
      // The kernel keeps names for ports that a board might have; type 0 is none.
      if (/^ttyS/.test(name) && (type === "" || type === "0")) continue;
      const port = Number(await this.#text(`${folder}/port`));
      list.push({
        path: `/dev/${name}`,
        ioPorts: port > 0 ? `${port.toString(16)}-${(port + 7).toString(16)}` : "",
        irq: Number(await this.#text(`${folder}/irq`)) || 0,
        pci: await this.#pciOf(`${folder}/device`),
      });
    }
    return await this.#inOrder(list, ({ path }) => ({
      path: `sys/class/tty/${basename(path)}/device`,
      id: "",
    }));
  }

  async #cpus(): Promise<Cpu[]> {
    const blocks = (await this.#text("proc/cpuinfo")).split("\n\n");
    return blocks.flatMap((block): Cpu[] => {
      const value = (name: string): string =>
        new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(block)?.[1] ?? "";
      const id = value("processor");
      if (id === "") return [];
      // The base rate where the model names it, because what it runs at changes from moment to moment.
      const rate = /@ ([\d.]+)GHz/.exec(value("model name"))?.[1];
      return [
        {
          ...{ id: Number(id), vendor: value("vendor_id") || value("CPU implementer") },
          ...{ model: value("model name") || value("CPU part"), hertz: Math.round(Number(rate ?? 0) * 1e9) },
        },
      ];
    });
  }

  async #tpm(): Promise<Hardware["tpm"]> {
    const [name] = await this.#list("sys/class/tpm");
    if (name === undefined) return undefined;
    const major = await this.#text(`sys/class/tpm/${name}/tpm_version_major`);
    return { specVersion: major === "" ? "" : `${major}.0` };
  }

  /** Gateways by adapter; the kernel writes addresses with the last byte first. */
  async #defaultRoutes(): Promise<Map<string, string[]>> {
    const routes = new Map<string, string[]>();
    for (const line of (await this.#text("proc/net/route")).split("\n").slice(1)) {
      const [name = "", target, gateway = ""] = line.split("\t");
      if (target !== "00000000" || gateway === "00000000") continue;
      const address = [...Buffer.from(gateway, "hex")].reverse().join(".");
      routes.set(name, [...(routes.get(name) ?? []), address]);
    }
    return routes;
  }

  /**
   * By where things hang, then by what they say they are. What the kernel calls them comes last: it counts in the
   * order in which drivers find them, which may be another one at each boot.
   */
  async #inOrder<T>(
    list: readonly T[],
    placeOf: (item: T) => { readonly path: string; readonly id: string },
  ): Promise<T[]> {
    const keyed = await Promise.all(
      list.map(async (item) => {
        const { path, id } = placeOf(item);
        const bridges = [...(await this.#real(path)).matchAll(pciPattern)].map(([found]) => found);
        return { item, key: [bridges.join("/"), id] };
      }),
    );
    return keyed.toSorted((left, right) => compare(left.key, right.key)).map(({ item }) => item);
  }

  /** The nearest PCI device that something hangs on. */
  async #pciOf(path: string): Promise<PciAddress | undefined> {
    return [...(await this.#real(path)).matchAll(pciPattern)].at(-1)?.[0];
  }

  async #text(path: string): Promise<string> {
    const text = await readFile(join(this.#root, path), "utf8").catch(() => "");
    return text.replace(/[\0\s]+$/, "").trimStart();
  }

  async #list(path: string): Promise<string[]> {
    const names = await readdir(join(this.#root, path)).catch(() => []);
    return names.sort().slice(0, devicesMax);
  }

  async #link(path: string): Promise<string> {
    return basename(await readlink(join(this.#root, path)).catch(() => ""));
  }

  async #real(path: string): Promise<string> {
    return await realpath(join(this.#root, path)).catch(() => "");
  }

  async #has(path: string): Promise<boolean> {
    return (await this.#real(path)) !== "";
  }
}

/** Numbers inside by their value: port 10 comes behind port 2. */
const { compare: compareText } = new Intl.Collator("en", { numeric: true });

function compare(left: readonly string[], right: readonly string[]): number {
  for (const [at, text] of left.entries()) {
    const order = compareText(text, right[at] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

const pciPattern = /[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g;

function bigint(text: string): bigint {
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}
