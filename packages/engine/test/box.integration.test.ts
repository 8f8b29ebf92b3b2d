import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { boxLacks, runInBox } from "./box/box.ts";

const programs = ["dhcpcd", "wpa_supplicant", "hostapd", "iw", "dnsmasq", "curl", "openssl"];
const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
const lacks = boxLacks() ?? missing[0];
const skip = lacks === undefined ? false : `${lacks} is missing`;

/** A disk, because QEMU before 8.0 has no network card that can be parted into functions. */
const parted =
  "nvme,bus=rp,serial=1,subsys=sub,sriov_max_vfs=3,sriov_vq_flexible=6,sriov_vi_flexible=3,max_ioqpairs=8";
const devices = [
  ...["-device", "e1000e", "-device", "qemu-xhci", "-device", "usb-tablet"],
  ...["-device", "pcie-root-port,id=rp", "-device", "nvme-subsys,id=sub", "-device", parted],
];

describe("in a box with drivers of its own", { skip, timeout: 600_000 }, () => {
  it("VLANs, bonds and Wi-Fi lead to the controller; devices go to apps and come back", async () => {
    const { status, output } = await runInBox(join(import.meta.dirname, "box/main.ts"), 540_000, devices);
    assert.equal(status, 0, output);
  });
});
