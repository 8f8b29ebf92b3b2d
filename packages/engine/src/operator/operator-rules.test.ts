import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { AppId, AppSpec, DesiredState } from "../desired.ts";
import { effective, isOfProfile, type NodeMode } from "./effective.ts";
import { decodeLocal, encodeLocal, nothingLocal, withAppCommand } from "./local-record.ts";
import { atStart, decodeNode, dueCommand, type NodeRecord, newNode } from "./node-record.ts";

describe("a counter of the configuration", () => {
  const rows: readonly (readonly [string, number | undefined, number | undefined, string | undefined])[] = [
    ["first seen is only remembered", undefined, 7, undefined],
    ["that stays does nothing", 7, 7, undefined],
    ["that grows is a command", 7, 8, "reboot"],
    ["that is smaller is a command too", 7, 3, "reboot"],
    ["that goes is forgotten", 7, undefined, undefined],
  ];
  for (const [what, known, asked, expected] of rows)
    it(what, () => {
      const record = { ...newNode, rebootCounter: known };
      const due = dueCommand(record, { rebootCounter: asked, shutdownCounter: undefined });
      assert.equal(due.command, expected);
      assert.equal(due.record.rebootCounter, asked);
      assert.equal(due.record === record, known === asked);
    });

  it("of a shutdown is one of its own, and a reboot goes before it", () => {
    const record = { ...newNode, rebootCounter: 1, shutdownCounter: 1 };
    assert.equal(dueCommand(record, { rebootCounter: 1, shutdownCounter: 2 }).command, "shutdown");
    assert.equal(dueCommand(record, { rebootCounter: 2, shutdownCounter: 2 }).command, "reboot");
  });
});

describe("a start of the engine", () => {
  const at = instant(1000);
  const known: NodeRecord = { ...newNode, bootId: "one", boots: 3, prepared: true };
  const descent = { reason: "reboot command 4", boot: "command", at } as const;
  const trace = { boot: "kernel", text: "x".repeat(5000) } as const;
  const rows: readonly (readonly [string, NodeRecord, string, typeof trace | undefined, number, string])[] = [
    ["is the first boot", newNode, "one", undefined, 1, "first"],
    ["within a boot is none", known, "one", undefined, 3, "undefined"],
    ["after a boot that nobody asked for", known, "two", undefined, 4, "unknown"],
    ["after a kernel that stopped", known, "two", trace, 4, "kernel"],
    ["after a command", { ...known, descent }, "two", trace, 4, "command"],
    ["in place of a boot", { ...known, descent }, "one", undefined, 4, "command"],
  ];
  for (const [what, before, bootId, found, boots, reason] of rows)
    it(what, () => {
      const now = atStart(before, { bootId, bootedAt: at, trace: found });
      assert.deepEqual([now.boots, String(now.last?.boot)], [boots, reason]);
      assert.equal(now.prepared, bootId === "one" && before === known);
      assert.equal(now.descent, undefined);
      assert.ok((now.last?.stack.length ?? 0) < 2000);
      assert.deepEqual(decodeNode(new TextEncoder().encode(JSON.stringify(now))), now);
    });

  it("with a record that is none begins anew", () => {
    for (const text of ["", "null", "[]", "{}", '{"bootId":1}'])
      assert.equal(decodeNode(new TextEncoder().encode(text)), undefined, text);
  });
});

const app = (id: string, more: Partial<AppSpec> = {}): AppSpec =>
  ({ id: id as AppId, active: true, restartCounter: 1, purgeCounter: 2, ...more }) as AppSpec;
const state = (...apps: AppSpec[]): DesiredState =>
  ({ apps, networks: [], settings: new Map(), configHash: "h", nodeName: "n" }) as unknown as DesiredState;
const mode: NodeMode = {
  ...{ profile: "", maintenance: false, goingDown: false, local: new Map(), settings: new Map() },
  ...{ bootOrders: new Map(), ports: [], managed: true, radioSilence: false },
};

describe("which apps run", () => {
  const profiles: readonly (readonly [string, readonly string[], boolean])[] = [
    ["", [], true],
    ["", ["night"], true],
    ["day", [], true],
    ["day", ["night"], false],
    ["day", ["night", "day"], true],
    ["day", ["Day"], false],
  ];
  for (const [profile, list, runs] of profiles)
    it(`of profiles ${list.join(",") || "none"} while ${profile || "none"} is in force: ${runs}`, () => {
      assert.equal(isOfProfile({ profiles: list }, profile), runs);
      const [found] = effective(state(app("a", { profiles: list })), { ...mode, profile }, undefined).apps;
      assert.equal(found?.active, runs);
    });

  it("none on the way down, and one that is off stays off", () => {
    assert.equal(effective(state(app("a")), { ...mode, goingDown: true }, undefined).apps[0]?.active, false);
    assert.equal(effective(state(app("a", { active: false })), mode, undefined).apps[0]?.active, false);
  });

  it("whoever follows an app sees by its revision what was made of it", () => {
    const of = (more: Partial<NodeMode>, before?: DesiredState): string | undefined =>
      effective(state(app("a", { revision: "r" })), { ...mode, ...more }, before).apps[0]?.revision;
    const local = new Map([["a", { restarts: 1, purges: 0 }]]);
    const all = [of({}), of({ goingDown: true }), of({ local }), of({ maintenance: true })];
    assert.equal(all[0], "r");
    assert.equal(new Set(all).size, all.length);
  });

  it("with what was asked for beside the configuration", () => {
    const local = new Map([["a", { restarts: 2, purges: 1 }]]);
    const [found, other] = effective(state(app("a"), app("b")), { ...mode, local }, undefined).apps;
    assert.deepEqual([found?.restartCounter, found?.purgeCounter], [3, 3]);
    assert.deepEqual([other?.restartCounter, other?.purgeCounter], [1, 2]);
  });

  it("as before the maintenance, with nothing begun; settings and name follow", () => {
    const before = state(app("a"));
    const wanted = { ...state(app("b")), configHash: "h2", nodeName: "n2" };
    const settings = new Map([["k", "v"]]);
    const found = effective(wanted, { ...mode, maintenance: true, settings }, before);
    assert.deepEqual(
      found.apps.map(({ id, hindrance, active }) => [id, hindrance?.reason, active]),
      [["a", "MaintenanceMode", true]],
    );
    assert.deepEqual([found.configHash, found.nodeName, found.settings], ["h2", "n2", settings]);
    const started = effective(wanted, { ...mode, maintenance: true }, undefined);
    assert.deepEqual(
      started.apps.map(({ id, hindrance }) => [id, hindrance?.reason]),
      [["b", "MaintenanceMode"]],
    );
  });
});

describe("what local operators asked for", () => {
  it("is carried out once a timestamp", () => {
    const once = withAppCommand(nothingLocal, "a", "restart", 5n);
    assert.equal(withAppCommand(once, "a", "restart", 5n), once);
    const twice = withAppCommand(once, "a", "purge", 6n);
    assert.deepEqual(twice.apps.get("a"), { restarts: 1, purges: 1, commandAt: 6n });
  });

  it("survives on the disk, with timestamps beyond what a number holds", () => {
    const record = {
      ...withAppCommand(nothingLocal, "a", "restart", 1_790_000_000_123_456_789n),
      ...{ ports: [{ label: "eth0", mtu: 9000 }], bootOrders: new Map([["a", "last" as const]]) },
      ...{ profile: "day", radioSilence: true, commandAt: 2n ** 63n, consoleAt: 9n },
    };
    assert.deepEqual(decodeLocal(encodeLocal(record)), record);
    assert.equal(decodeLocal(new Uint8Array([1])), undefined);
  });
});
