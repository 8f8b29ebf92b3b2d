import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { boxLacks, runInBox } from "./box/box.ts";

const programs = ["dhcpcd", "wpa_supplicant", "hostapd", "iw", "dnsmasq", "curl", "openssl"];
const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
const lacks = boxLacks() ?? missing[0];
const skip = lacks === undefined ? false : `${lacks} is missing`;

const devices = ["-device", "e1000e", "-device", "qemu-xhci", "-device", "usb-tablet"];

describe("in a box with drivers of its own", { skip, timeout: 600_000 }, () => {
  it("VLANs, bonds and Wi-Fi lead to the controller; devices go to apps and come back", async () => {
    const { status, output } = await runInBox(join(import.meta.dirname, "box/main.ts"), 540_000, devices);
    assert.equal(status, 0, output);
  });
});
