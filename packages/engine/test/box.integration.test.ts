import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { type BoxRun, boxLacks, runInBox } from "./box/box.ts";

const programs = ["dhcpcd", "wpa_supplicant", "hostapd", "iw", "dnsmasq", "curl", "openssl"];
const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
const lacks = boxLacks() ?? missing[0];
const skip = lacks === undefined ? false : `${lacks} is missing`;

/** A disk, because QEMU before 8.0 has no network card that can be parted into functions. */
const parted =
  "nvme,bus=rp,serial=1,subsys=sub,sriov_max_vfs=3,sriov_vq_flexible=6,sriov_vi_flexible=3,max_ioqpairs=8";
/** Two of a kind each, which the kernel tells apart by counting. */
const twins = [
  ...["-device", "e1000e,addr=0x10", "-device", "usb-tablet,port=2", "-device", "usb-mouse,port=1"],
  ...["-blockdev", "null-co,node-name=one,size=1048576,read-zeroes=on"],
  ...["-blockdev", "null-co,node-name=two,size=2097152,read-zeroes=on"],
  ...["-device", "nvme,drive=one,serial=Z-1,addr=0x11", "-device", "nvme,drive=two,serial=A-2,addr=0x12"],
];
const devices = [
  ...["-device", "e1000e", "-device", "qemu-xhci", ...twins],
  ...["-device", "pcie-root-port,id=rp", "-device", "nvme-subsys,id=sub", "-device", parted],
];

describe("in a box with drivers of its own", { skip, timeout: 600_000 }, () => {
  const run = (script: string): Promise<BoxRun> =>
    runInBox(join(import.meta.dirname, "box", script), 540_000, devices);
  let boots: readonly Promise<BoxRun>[] = [];
  // Two boots of one box; neither knows of the other, so they need not wait for each other.
  before(() => {
    boots = [run("main.ts"), run("inventory-again-box.ts")];
  });

  it("VLANs, bonds and Wi-Fi lead to the controller; devices go to apps and come back", async () => {
    const first = await boots[0];
    assert.equal(first?.status, 0, first?.output ?? "");
  });

  it("what the box is made of is told alike at another boot, however drivers find it", async () => {
    const [first, again] = await Promise.all(boots);
    assert.equal(again?.status, 0, again?.output ?? "");
    const [before, after] = [inventoryIn(first), inventoryIn(again)];
    assert.deepEqual(after, before);
    assert.deepEqual(serials(before), ["Z-1", "A-2"]);
  });
});

interface Told {
  readonly kernelCmdline?: string;
  readonly disks?: readonly { readonly diskName: string; readonly serialNumber: string }[];
}

/** What the kernel calls a disk is of one boot, and so is which script it is started for. */
function inventoryIn(run: BoxRun | undefined): Told {
  const told = JSON.parse(/^inventory (.*?)\r?$/m.exec(run?.output ?? "")?.[1] ?? "{}") as Told;
  const { kernelCmdline = "", disks = [] } = told;
  const kept = disks.map((disk) => ({ ...disk, diskName: "" }));
  return { ...told, disks: kept, kernelCmdline: kernelCmdline.replace(/box=\S+/, "") };
}

function serials({ disks = [] }: Told): string[] {
  return disks.map(({ serialNumber }) => serialNumber);
}
