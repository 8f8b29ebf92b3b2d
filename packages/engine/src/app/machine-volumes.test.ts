import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VmSettings } from "../desired.ts";
import { resolutionOf } from "./machine-volumes.ts";

describe("app.fml.resolution", () => {
  const uefi: VmSettings = { firmware: "uefi", devices: "virtio", screen: 1 };
  const full = { resolution: { width: 1920, height: 1080 } };
  const rows: readonly (readonly [string, VmSettings, string, object])[] = [
    ["is for the screen of a machine with UEFI", uefi, "1920x1080", full],
    ["is not for one without a screen", { ...uefi, screen: undefined }, "1920x1080", {}],
    ["is not for one with a BIOS", { ...uefi, firmware: "bios" }, "1920x1080", {}],
    ["is nothing when it is not said", uefi, "", {}],
  ];
  for (const [name, machine, value, found] of rows)
    it(name, () => assert.deepEqual(resolutionOf(machine, new Map([["app.fml.resolution", value]])), found));
});
