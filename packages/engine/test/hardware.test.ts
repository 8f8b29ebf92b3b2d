/** The box as Linux shows it, from a tree like that of a small board; and what is told of it. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { hardware, info, type ntp } from "@selvedge/eve-api";
import { storagePart } from "../src/control/report/device-node.ts";
import { hardwareInfo } from "../src/control/report/hardware-info.ts";
import { healthOf } from "../src/control/report/health-loop.ts";
import { timeSourcesInfo } from "../src/control/report/time-sources.ts";
import type { DiskHealth } from "../src/hardware/hardware.ts";
import { parseSources } from "../src/host/linux/chrony.ts";
import { LinuxHardware } from "../src/host/linux/linux-hardware.ts";
import { mountOf } from "../src/host/linux/mounts.ts";
import { parseHealth, readDiskHealth } from "../src/host/linux/smart.ts";
import type { HostFacts } from "../src/ports.ts";

const files: Readonly<Record<string, string>> = {
  "sys/class/dmi/id/sys_vendor": "Acme\n",
  "sys/class/dmi/id/product_name": "Box 3\n",
  "sys/class/dmi/id/product_serial": "S-77\n",
  "sys/class/dmi/id/product_uuid": "0a0b\n",
  "sys/class/dmi/id/bios_vendor": "Firm\n",
  "sys/class/dmi/id/bios_version": "1.2\n",
  "sys/class/dmi/id/bios_date": "01/02/2026\n",
  "proc/cpuinfo":
    "processor\t: 0\nvendor_id\t: Intel\nmodel name\t: Core @ 2.60GHz\n\nprocessor\t: 1\nmodel name\t: Core\n",
  "proc/cmdline": "quiet root=/dev/sda\n",
  "proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0100A8C0\neth0\t0000A8C0\t00000000\n",
  "etc/resolv.conf": "# by hand\nsearch shop.example\nnameserver 192.168.0.1\nnameserver 1.1.1.1\n",
  "sys/devices/pci0000:00/0000:00:1c.0/vendor": "0x8086\n",
  "sys/devices/pci0000:00/0000:00:1c.0/device": "0x9d10\n",
  "sys/devices/pci0000:00/0000:00:1c.0/class": "0x060400\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/vendor": "0x10ec\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/device": "0x8168\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/class": "0x020000\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/revision": "0x15\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/subsystem_device": "0x0123\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/address": "02:00:00:00:00:01\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/type": "1\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/mtu": "1500\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/speed": "1000\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/operstate": "up\n",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/statistics/rx_bytes": "12345678901234\n",
  "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/idVendor": "0bda\n",
  "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/busnum": "1\n",
  "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/devnum": "4\n",
  "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/idProduct": "b023\n",
  "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/bDeviceClass": "e0\n",
  "sys/class/net/svt-1/type": "1\n",
  "sys/class/net/lo/type": "772\n",
  "sys/class/tty/ttyS0/type": "4\n",
  "sys/class/tty/ttyS0/port": "0x3F8\n",
  "sys/class/tty/ttyS0/irq": "4\n",
  "sys/class/tty/ttyS1/type": "0\n",
  "sys/class/tpm/tpm0/tpm_version_major": "2\n",
  "sys/class/watchdog/watchdog0/identity": "iTCO\n",
  "sys/block/sda/size": "1000\n",
  "sys/block/sda/stat": "  10 0 20 0 30 0 40 0 0 0 0\n",
  "sys/block/sda/device/model": "Disk\n",
  "sys/block/loop0/size": "7\n",
  "sys/devices/system/edac/mc/mc0/mc_name": "ie31200\n",
  "sys/devices/system/edac/mc/mc0/ce_count": "3\n",
  "sys/devices/system/edac/mc/mc0/ue_count": "1\n",
  "sys/devices/system/edac/mc/mc0/dimm0/dimm_label": "A1\n",
  "sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count": "3\n",
};

const deep = "../../../devices/pci0000:00/0000:00:1c.0";
const links: Readonly<Record<string, string>> = {
  "sys/bus/pci/devices/0000:00:1c.0": deep,
  "sys/bus/pci/devices/0000:01:00.0": `${deep}/0000:01:00.0`,
  "sys/class/net/eth0": "../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/net/eth0/device": "../..",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/driver": "../../../../bus/pci/drivers/r8169",
  "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/iommu_group": "../../../../kernel/iommu_groups/9",
  "sys/bus/usb/devices/1-2.3": "../../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3",
};

let root: string;
let box: LinuxHardware;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "selvedge-box-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(target, join(root, path));
  }
  const address = { cidr: "192.168.0.7/24", address: "192.168.0.7" };
  box = new LinuxHardware({ root, ownPrefix: "sv", interfaces: () => ({ eth0: [address] }) as never });
});
after(() => rm(root, { recursive: true, force: true }));

describe("the box's inventory", () => {
  it("has who made it, and what it is made of", async () => {
    const found = await box.inventory();
    assert.deepEqual(found.product, {
      ...{ manufacturer: "Acme", name: "Box 3", version: "", serial: "S-77", uuid: "0a0b", compatible: "" },
    });
    assert.deepEqual(found.cpus[0], {
      id: 0,
      vendor: "Intel",
      model: "Core @ 2.60GHz",
      hertz: 2_600_000_000,
    });
    assert.equal(found.cpus.length, 2);
    assert.deepEqual(found.pci[1], {
      ...{ address: "0000:01:00.0", parent: "0000:00:1c.0", driver: "r8169", vendor: 0x10ec, device: 0x8168 },
      ...{ revision: 0x15, subsystem: 0x123, classCode: 0x020000, iommuGroup: "9" },
    });
    assert.equal(found.pci[0]?.parent, undefined);
    assert.deepEqual(found.usb, [
      {
        ...{ address: { bus: 1, port: "2.3" }, pci: "0000:00:14.0", driver: "" },
        ...{ vendor: 0x0bda, product: 0xb023, classCode: 0xe0, node: "/dev/bus/usb/001/004" },
      },
    ]);
    assert.deepEqual(
      found.serialPorts.map(({ path, ioPorts, irq }) => [path, ioPorts, irq]),
      [["/dev/ttyS0", "3f8-3ff", 4]],
    );
    assert.deepEqual(found.networks, [
      { name: "eth0", kind: "ethernet", mac: "02:00:00:00:00:01", megabits: 1000, pci: "0000:01:00.0" },
    ]);
    assert.deepEqual([found.watchdog, found.iommu, found.statusLed], [true, true, false]);
    assert.deepEqual(found.tpm, { specVersion: "2.0" });
  });

  it("is the same each time it is read", async () => {
    assert.deepEqual(await box.inventory(), await box.inventory());
  });

  it("goes to the controller as EVE has it", async () => {
    const host = { kernelVersion: "6.1.0-21-rt-amd64", memoryBytes: 1024 } as HostFacts;
    const facts = { node: "n", host, engineVersion: "1", inventory: await box.inventory() };
    const tpm = { manufacturer: "IBM", firmware: "8.217.0.1" };
    const told = hardwareInfo({ ...facts, disks: await box.disks(), tpm });
    assert.equal(told.ztype, info.ZInfoTypes.ZiHardware);
    const value = told.InfoContent.value as info.ZInfoHardware;
    assert.equal(value.kernelFlavor, "rt");
    const [, card] = value.inventory?.pciDevices ?? [];
    assert.deepEqual([card?.classId, card?.subclassId, card?.address?.bus], [2, 0n, 1]);
    assert.equal(card?.parentPciDeviceAddress?.device, 0x1c);
    const [network] = value.inventory?.networkDevices ?? [];
    assert.equal(network?.type, hardware.NetworkDeviceType.ETHERNET);
    assert.equal(network?.parent?.pciParent?.bus, 1);
    assert.equal(value.inventory?.totalStorageBytes, 512_000n);
    assert.equal(value.inventory?.tpm?.manufacturer, "IBM");
  });
});

it("adapters are the box's own, with where they lead", async () => {
  const [found, ...more] = await box.adapters();
  assert.deepEqual(more, []);
  assert.deepEqual([found?.name, found?.up, found?.mtu], ["eth0", true, 1500]);
  assert.deepEqual(found?.addresses, ["192.168.0.7/24"]);
  assert.deepEqual(found?.routers, ["192.168.0.1"]);
  assert.deepEqual([found?.dnsServers, found?.dnsDomain], [["192.168.0.1", "1.1.1.1"], "shop.example"]);
});

it("disks are those that hold something for long", async () => {
  const [found, ...more] = await box.disks();
  assert.deepEqual(more, []);
  assert.deepEqual([found?.name, found?.model, found?.sizeBytes], ["sda", "Disk", 512_000]);
  const { reads, readBytes, writes, writeBytes } = found ?? {};
  assert.deepEqual([reads, readBytes, writes, writeBytes], [10n, 10_240n, 30n, 20_480n]);
});

it("memory controllers count what they mended", async () => {
  assert.deepEqual(await box.memoryControllers(), [
    {
      ...{ name: "ie31200", corrected: 3n, uncorrected: 1n },
      ranks: [{ name: "A1", corrected: 3n, uncorrected: 0n }],
    },
  ]);
});

it("the engine finds itself among the processes of this box", async () => {
  const [own] = await new LinuxHardware({ ownPrefix: "sv" }).processes();
  assert.equal(own?.pid, process.pid);
  assert.ok((own?.residentBytes ?? 0) > 10_000_000 && (own?.files ?? 0) > 2 && (own?.threads ?? 0) > 0);
});

it("time sources are what chrony lists", () => {
  const text = [
    "^,*,192.0.2.1,2,6,377,35,0.000012,0.000034,0.000123",
    "#,?,PPS0,0,4,0,4294967295,0,0,0",
    "^,x,2001:db8::1,3,10,17,9,-0.5,-0.5,0.01",
    "nonsense",
    "",
  ].join("\n");
  const found = parseSources(text);
  assert.deepEqual(
    found.map(({ address, mode, state, reach, stratum }) => [address, mode, state, reach, stratum]),
    [
      ["192.0.2.1", "server", "chosen", 255, 2],
      ["PPS0", "clock", "unreachable", 0, 0],
      ["2001:db8::1", "server", "false", 15, 3],
    ],
  );
  const { value } = timeSourcesInfo("n", found).InfoContent;
  const [first, clock] = (value as ntp.ZInfoNTPSources).sources;
  assert.deepEqual([first?.state, first?.mode, first?.dstAddr], [1, 1, "192.0.2.1"]);
  assert.deepEqual([clock?.refId, clock?.reachable, clock?.mode], ["PPS0", false, 3]);
});

describe("what a disk says of its health", () => {
  const ata = {
    smart_status: { passed: false },
    ata_smart_attributes: {
      table: [
        {
          ...{ id: 5, name: "Reallocated_Sector_Ct", value: 9, worst: 9, thresh: 36, when_failed: "now" },
          ...{ flags: { prefailure: true }, raw: { value: 1544, string: "1544" } },
        },
        { id: 194, name: "Temperature_Celsius", value: 62, worst: 50, thresh: 0, raw: { value: 38 } },
      ],
    },
  };
  const nvme = {
    smart_status: { passed: true },
    nvme_smart_health_information_log: {
      ...{ critical_warning: 4, temperature: 41, percentage_used: 3 },
      temperature_sensors: [41, 55],
    },
    temperature: { current: 41 },
  };
  const figures = (health: DiskHealth): unknown[] =>
    health.attributes.map(({ id, name, value, threshold, raw, failed }) => [
      ...[id, name, value, threshold, raw, failed],
    ]);

  it("is read of SATA, NVMe and SCSI", () => {
    const sata = parseHealth("sda", JSON.stringify(ata));
    assert.deepEqual([sata.passed, sata.error, sata.attributes[0]?.type], [false, "", "Pre-fail"]);
    assert.deepEqual(figures(sata), [
      [5, "Reallocated_Sector_Ct", 9, 36, 1544, "now"],
      [194, "Temperature_Celsius", 62, 0, 38, ""],
    ]);
    assert.deepEqual(figures(parseHealth("nvme0n1", JSON.stringify(nvme))), [
      [0, "critical_warning", 4, 0, 4, "now"],
      [0, "temperature", 41, 0, 41, ""],
      [0, "percentage_used", 3, 0, 3, ""],
      [0, "temperature_sensor_1", 41, 0, 41, ""],
      [0, "temperature_sensor_2", 55, 0, 55, ""],
    ]);
    const scsi = { smart_status: { passed: true }, temperature: { current: 30 }, scsi_grown_defect_list: 2 };
    assert.deepEqual(figures(parseHealth("sdb", JSON.stringify(scsi))), [
      [0, "Temperature_Celsius", 30, 0, 30, ""],
      [0, "Grown_Defects", 2, 0, 2, ""],
    ]);
  });

  it("or why not", async () => {
    const said = (text: string): string => parseHealth("vda", text).error;
    assert.equal(said("{}"), "the disk says nothing of its health");
    assert.equal(said("not JSON"), "smartctl wrote what is no JSON");
    const messages = [{ string: "/dev/vda: Unable to detect device type", severity: "error" }];
    assert.equal(said(JSON.stringify({ smartctl: { messages } })), "/dev/vda: Unable to detect device type");
    const missing = Object.assign(new Error("spawn"), { code: "ENOENT" });
    const health = await readDiskHealth("sda", async () => await Promise.reject(missing));
    assert.equal(health.error, "smartctl is not there: install smartmontools");
  });

  it("goes to the controller, the verdict of the disk first", () => {
    const { smartAttr } = healthOf(parseHealth("sda", JSON.stringify(ata)));
    assert.deepEqual(
      smartAttr?.map(({ attributeName, whenFailed, rawValue }) => [attributeName, whenFailed, rawValue]),
      [
        ["Overall_Health", "now", 1n],
        ["Reallocated_Sector_Ct", "now", 1544n],
        ["Temperature_Celsius", "", 38n],
      ],
    );
  });
});

it("the file system that a folder is on is the nearest mount's", () => {
  const mounts = [
    "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw",
    "30 22 0:5 / /run rw - tmpfs tmpfs rw",
    "40 22 8:3 / /var/lib/my\\040box rw shared:2 master:1 - xfs /dev/sda3 rw",
  ].join("\n");
  assert.deepEqual(mountOf(mounts, "/var/lib/my box/state"), { type: "xfs", disk: "/dev/sda3" });
  assert.deepEqual(mountOf(mounts, "/runner"), { type: "ext4", disk: "/dev/sda2" });
  assert.equal(mountOf("", "/"), undefined);
  const told = storagePart(
    [{ name: "sda", serial: "S-1", sizeBytes: 0 }],
    { folder: "/s", totalBytes: 0 },
    mountOf(mounts, "/s"),
  );
  assert.deepEqual(told.storageInfo, [
    {
      ...{ poolName: "/s", storageState: 1, storageType: 1 },
      disks: [{ diskName: { name: "/dev/sda2", serial: "S-1" }, status: 1, state: "ext4" }],
    },
  ]);
});
