import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { AppId, DesiredState, VolumeKey, VolumeSpec } from "../desired.ts";
import type { ContentStatus } from "../observed.ts";
import {
  type Failure,
  planVolume,
  type StoredVolume,
  shortBytes,
  usesOf,
  type VolumeInputs,
} from "./volume-plan.ts";

const key = "v#0" as VolumeKey;
const spec = (more: Partial<VolumeSpec> = {}): VolumeSpec =>
  ({ id: "v", generation: 0, form: "blank", contentId: undefined, sizeBytes: 1, ...more }) as VolumeSpec;
const stored = (more: Partial<StoredVolume> = {}): StoredVolume => ({
  ...{ key, form: "blank", filesystem: false, maxBytes: 1, createdAt: instant(0) },
  ...more,
});
const ready = { phase: "ready" } as ContentStatus;
const failure: Failure = {
  phase: "failed",
  reason: "DiskFull",
  message: "m",
  failures: 1,
  retryAt: instant(50),
};
const nobody = { apps: new Set<AppId>(), mounted: false };
const open: Partial<VolumeInputs> = { stored: stored(), vault: "open" };
const used = { apps: new Set(["a" as AppId]), mounted: false };

describe("planVolume", () => {
  const base: VolumeInputs = {
    ...{
      wanted: spec(),
      stored: undefined,
      content: undefined,
      uses: nobody,
      failure: undefined,
      vault: "off",
      untouched: false,
      now: instant(0),
    },
  };
  const fromContent = spec({ contentId: "c" as never, form: "disk" });
  const rows: [string, Partial<VolumeInputs>, string][] = [
    ["makes a blank one at once", {}, "create"],
    ["waits for its content", { wanted: fromContent }, "wait"],
    ["makes it when the content is here", { wanted: fromContent, content: ready }, "create"],
    ["keeps what is there although its content is gone", { wanted: fromContent, stored: stored() }, "ready"],
    ["keeps what an app still has", { wanted: undefined, stored: stored(), uses: used }, "ready"],
    ["removes what nobody wants", { wanted: undefined, stored: stored() }, "remove"],
    ["cannot make what is no longer described", { wanted: undefined, uses: used }, "remove"],
    ["formats what is to be mounted", { stored: stored(), uses: { ...used, mounted: true } }, "format"],
    ["once", { stored: stored({ filesystem: true }), uses: { ...used, mounted: true } }, "ready"],
    ["and no disk image", { stored: stored({ form: "disk" }), uses: { ...used, mounted: true } }, "ready"],
    ["waits after a failure", { failure }, "backOff"],
    ["and tries again", { failure, now: instant(50) }, "create"],
    ["makes nothing without the vault's key", { vault: "none" }, "wait"],
    ["hands nothing out while the vault is locked", { stored: stored(), vault: "locked" }, "wait"],
    ["makes it when the vault is open", { vault: "open" }, "create"],
    ["keeps what is sealed", { stored: stored({ sealed: true }), vault: "open", untouched: true }, "ready"],
    ["cannot use it once the key is gone", { stored: stored({ sealed: true }), vault: "off" }, "wait"],
    ["seals what is not, before an app has it", { ...open, untouched: true }, "seal"],
    ["and not under an app", open, "ready"],
    ["and lets it be used when there was no room", { ...open, untouched: true, failure }, "ready"],
    ["also when the calendar was set back", { failure: { ...failure, retryAt: instant(1e12) } }, "create"],
  ];
  for (const [name, more, wanted] of rows)
    it(name, () => {
      assert.equal(planVolume({ ...base, ...more }).do, wanted);
    });
});

describe("a volume's users", () => {
  it("are those of the configuration and those that still run on it", () => {
    const use = (mountDir: string) => ({ volumes: [{ key, mountDir }], vm: undefined });
    const desired = { apps: [{ id: "a", foreign: use("") }] } as unknown as DesiredState;
    const running = [{ id: "b" as AppId, volumes: [key] }];
    assert.deepEqual(usesOf(key, desired, running), { apps: new Set(["b", "a"]), mounted: false });
    const mounting = { apps: [{ id: "a", foreign: use("/data") }] } as unknown as DesiredState;
    assert.equal(usesOf(key, mounting, []).mounted, true);
  });
});

describe("room for volumes", () => {
  const reserve = 64 * 2 ** 20;
  it("is what is free without what others may still come to take", () => {
    const others = [{ maxBytes: 1000, usedBytes: 400 }];
    assert.ok(shortBytes(100, 700 + reserve, others) <= 0);
    assert.equal(shortBytes(101, 700 + reserve, others), 1);
  });
});
