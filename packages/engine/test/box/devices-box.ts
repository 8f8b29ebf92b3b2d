/** Runs in a box of its own: a card and a USB device of the box go to a machine, and come back. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { QemuHypervisor } from "../../src/app/qemu/qemu-hypervisor.ts";
import type { AppId, DesiredState } from "../../src/desired.ts";
import { DeviceReconciler, deviceKey } from "../../src/device/device-reconciler.ts";
import type { DeviceGroup, DeviceMember } from "../../src/device/device-spec.ts";
import { VfioDriver } from "../../src/device/linux/vfio-driver.ts";
import { EngineStore } from "../../src/engine-store.ts";
import { LinuxHardware } from "../../src/host/linux/linux-hardware.ts";
import { say } from "./say.ts";

// The IOMMU of this box keeps memory apart, and remaps no interrupts, which Linux wants to be told is no matter.
writeFileSync("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "1");
const folder = mkdtempSync(join(tmpdir(), "sv-devices-"));
const clock = new SystemClock();
const log = new Log("test", clock, silentSink);
const hardware = new LinuxHardware({ ownPrefix: "sv" });
const { pci, usb } = await hardware.inventory();
const card = pci.find(({ driver }) => driver === "e1000e") ?? assert.fail(JSON.stringify(pci));
const tablet = usb[0] ?? assert.fail("the box has no USB device");
assert.notEqual(card.iommuGroup, "", "the box has an IOMMU");
assert(existsSync(tablet.node), tablet.node);

const member = (name: string, place: DeviceMember["place"]): DeviceMember => ({
  ...{ name, kind: "other", usage: "dedicated", place },
});
const groups: DeviceGroup[] = [
  { name: "card", parent: "", members: [member("eth9", { kind: "pci", address: card.address })] },
  { name: "tablet", parent: "", members: [member("usb", { kind: "usb", ...tablet.address })] },
];
const id = "aaaaaaaa-0000-4000-8000-000000000001" as AppId;
const want = (adapters: readonly string[]): void =>
  store.desired.set({ devices: groups, apps: [{ id, active: true, adapters }] } as unknown as DesiredState);
const store = new EngineStore();
let running: readonly AppId[] = [];
const machines = { list: async () => running };
const reconciler = new DeviceReconciler({ store, driver: new VfioDriver(), hardware, machines, log });
const pass = async (): Promise<void> =>
  void (await reconciler.reconcile(deviceKey, new AbortController().signal));
const driverOf = (): string =>
  readlinkSync(`/sys/bus/pci/devices/${card.address}/driver`).split("/").at(-1) ?? "";

want(["card", "tablet"]);
await pass();
const [lent, plugged] = ["card", "tablet"].map((name) => store.devices.get(name));
assert(lent?.phase === "lent" && plugged?.phase === "lent", JSON.stringify([lent, plugged]));
assert.deepEqual([driverOf(), lent.appId], ["vfio-pci", id]);
assert(existsSync(`/dev/vfio/${card.iommuGroup}`));
say("a card goes over to vfio-pci");

writeFileSync(join(folder, "disk.raw"), new Uint8Array(1 << 20));
const hypervisor = new QemuHypervisor({
  ...{ folder: join(folder, "apps"), scratchFolder: join(folder, "scratch"), cgroup: "sv-box", clock, log },
  ...{ kernel: "", initramfs: "", random: new SystemRandom() },
  acceleration: { kind: "tcg", tscKhz: 1_000_000 },
});
await hypervisor.launch({
  ...{ id, memoryMib: 64, vcpus: 1, disks: [], scratchBytes: 0, secret: undefined, uid: 7001, nics: [] },
  volumes: [{ path: join(folder, "disk.raw"), secret: undefined, readOnly: false, cdrom: false }],
  vm: { firmware: "bios", devices: "virtio", screen: undefined, seed: undefined },
  devices: [...lent.devices, ...plugged.devices],
});
/** Files of the machine; what it closes while it is looked at is none. */
const opened = (): string[] => {
  const fds = `/proc/${readFileSync(join(folder, "apps", id, "pid"), "utf8").trim()}/fd`;
  if (!existsSync(fds)) return [];
  return readdirSync(fds).flatMap((fd) => {
    try {
      return [readlinkSync(join(fds, fd))];
    } catch {
      return [];
    }
  });
};
const opens = async (node: string): Promise<void> => {
  for (let waited = 0; ; waited++) {
    const files = opened();
    if (files.includes(node)) return;
    assert(waited < 120 && files.length > 0, `${files.join()} ${await hypervisor.lastWords(id)}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
};
await opens(`/dev/vfio/${card.iommuGroup}`);
// What is on USB it opens once it runs.
const monitor = connect(join(folder, "apps", id, "qmp.sock"));
monitor.write('{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n');
await opens(tablet.node);
monitor.destroy();
say("a machine of a user without rights has both");

running = [id];
want([]);
await pass();
assert.equal(store.devices.get("card")?.phase, "lent", "who has it keeps it while it runs");
running = [];
await pass();
assert.deepEqual([store.devices.get("card")?.phase, driverOf()], ["free", "vfio-pci"], "it is still open");
await hypervisor.kill(id);
await pass();
assert.equal(driverOf(), "e1000e", "the box's own driver has it again");
say("the box has its card again");
