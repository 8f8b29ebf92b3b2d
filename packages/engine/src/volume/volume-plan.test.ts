import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, millis } from "@selvedge/base";
import type { AppId, DesiredState, VolumeKey, VolumeSpec } from "../desired.ts";
import type { ContentStatus } from "../observed.ts";
import { planSnapshot, type SnapshotUses, snapshotUsesOf } from "./snapshot-plan.ts";
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

const idle: SnapshotUses = { open: false, keep: new Set(), take: [], back: undefined };
const uses = (more: Partial<SnapshotUses>): SnapshotUses => ({ ...idle, ...more });

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
      spared: millis(0),
      snapshots: idle,
      failedSnapshots: new Set<string>(),
      now: instant(0),
    },
  };
  const fromContent = spec({ contentId: "c" as never, form: "disk" });
  const strange = { wanted: undefined, stored: stored() };
  const unread = { field: "volumes[0].origin", message: "m" };
  const blank = spec({ unread: { ...unread, goesOn: false } });
  const rows: [string, Partial<VolumeInputs>, string][] = [
    ["makes a blank one at once", {}, "create"],
    ["makes nothing of an entry that cannot be read", { wanted: blank }, "refuse"],
    ["keeps what is there of such a one", { wanted: blank, stored: stored() }, "ready"],
    ["makes what it was before", { wanted: spec({ unread: { ...unread, goesOn: true } }) }, "create"],
    ["waits for its content", { wanted: fromContent }, "wait"],
    ["makes it when the content is here", { wanted: fromContent, content: ready }, "create"],
    ["keeps what is there although its content is gone", { wanted: fromContent, stored: stored() }, "ready"],
    ["keeps what an app still has", { wanted: undefined, stored: stored(), uses: used }, "ready"],
    ["removes what nobody wants", { wanted: undefined, stored: stored() }, "remove"],
    ["leaves it for a while after a start", { ...strange, spared: millis(1) }, "spare"],
    ["has nothing to leave where nothing is", { wanted: undefined, spared: millis(1) }, "remove"],
    ["cannot make what is no longer described", { wanted: undefined, uses: used }, "miss"],
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
    ["takes what an app asks for", { stored: stored(), snapshots: uses({ take: ["s"] }) }, "snapshot"],
    [
      "and no way back while it waits",
      { stored: stored(), failure, snapshots: uses({ back: { id: "s", token: "s/1" } }) },
      "backOff",
    ],
    ["also when the calendar was set back", { failure: { ...failure, retryAt: instant(1e12) } }, "create"],
  ];
  for (const [name, more, wanted] of rows)
    it(name, () => {
      assert.equal(planVolume({ ...base, ...more }).do, wanted);
    });
});

describe("planSnapshot", () => {
  const has = { snapshots: ["a", "b"], restored: "a/1" };
  const all = new Set(["a", "b"]);
  const [none, failed] = [new Set<string>(), new Set(["a", "c"])];
  const back = (token: string) => ({ id: "a", token });
  const rows: [string, SnapshotUses, ReadonlySet<string>, string][] = [
    ["keeps those that are asked for", uses({ keep: all }), none, "nothing"],
    ["removes others", uses({ keep: new Set(["b"]) }), none, "drop a"],
    ["and not what it is to go back to", uses({ keep: new Set(["b"]), back: back("a/1") }), none, "nothing"],
    ["removes before it takes", uses({ take: ["c"] }), none, "drop a"],
    ["takes what is due", uses({ keep: all, take: ["a", "c"] }), none, "take c"],
    ["and not again what failed", uses({ keep: new Set(["b"]), take: ["c"] }), failed, "nothing"],
    ["takes before it goes back", uses({ keep: all, take: ["c"], back: back("a/2") }), none, "take c"],
    ["goes back", uses({ keep: all, back: back("a/2") }), none, "restore a"],
    ["once", uses({ keep: all, back: back("a/1") }), none, "nothing"],
    ["leaves a disk alone that a machine has", uses({ open: true, take: ["c"] }), none, "nothing"],
  ];
  for (const [name, wanted, without, step] of rows)
    it(name, () => {
      const found = planSnapshot(has, wanted, without);
      assert.equal(found === undefined ? "nothing" : `${found.act} ${found.name}`, step);
    });

  it("hears of what apps have and want", () => {
    const one = (id: string, state: string, written = [key]) => ({ id, state, written });
    const apps = [
      { open: [key], snapshots: [one("a", "kept"), one("b", "due"), one("c", "failed")] },
      { snapshots: [one("d", "kept", [])], rollback: { id: "a", token: "a/3", written: [key] } },
    ];
    assert.deepEqual(snapshotUsesOf(key, apps as never), {
      ...{ open: true, keep: new Set(["a", "b"]), take: ["b"], back: back("a/3") },
    });
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
