import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom, seconds } from "@selvedge/base";
import { SimDisk } from "../../../../harness/src/disk/sim-disk.ts";
import type { DesiredState } from "../../desired.ts";
import { Cell } from "../../engine-store.ts";
import { isKnown, itemKeys, notApplied, usualValue, valueFault } from "./config-items.ts";
import { Settings } from "./settings.ts";

type Items = Readonly<Record<string, string>>;

const wants = (items: Items): DesiredState =>
  ({ settings: new Map(Object.entries(items)) }) as unknown as DesiredState;

function settings(items: Items): Settings {
  return new Settings(new Cell<DesiredState | undefined>(wants(items)));
}

describe("the table of config items", () => {
  it("holds EVE's 128 items with names of their own, each with a default that is a value", () => {
    assert.equal(itemKeys.length, 128);
    assert.equal(new Set(itemKeys).size, 128);
    for (const key of itemKeys) assert.equal(valueFault(key, usualValue(key) ?? "?"), undefined, key);
  });

  it("says what is so in place of each that is not applied", () => {
    for (const key of itemKeys) {
      const entry = notApplied(key);
      if (entry !== undefined) assert.equal(valueFault(key, entry.inForce), undefined, key);
    }
  });

  const values: readonly (readonly [key: string, value: string, good: boolean])[] = [
    ["timer.config.interval", "5", true],
    ["timer.config.interval", "86400", true],
    ["timer.config.interval", "4", false],
    ["timer.config.interval", "86401", false],
    ["timer.config.interval", "1e2", false],
    ["timer.config.interval", "-5", false],
    ["timer.config.interval", "", false],
    ["timer.cert.interval", "4294967295", true],
    ["timer.cert.interval", "4294967296", false],
    ["app.allow.vnc", "T", true],
    ["app.allow.vnc", "yes", false],
    ["maintenance.mode", "enabled", true],
    ["maintenance.mode", "true", false],
    ["debug.default.loglevel", "warning", true],
    ["debug.default.loglevel", "loud", false],
    ["debug.kernel.loglevel", "crit", true],
    ["debug.kernel.loglevel", "fatal", false],
    ["timer.vault.trim.cron", "*/5 0-4 * * 1,2", true],
    ["timer.vault.trim.cron", "0 2 * *", false],
    ["app.boot.order", "usb", true],
    ["app.boot.order", "disk", false],
    ["app.fml.resolution", "1280x800", true],
    ["app.fml.resolution", "80x25", false],
    ["igpu.gop", "rom.bin", true],
    ["igpu.gop", "../rom", false],
    ["vector.config", "YQ==", true],
    ["vector.config", "a", false],
    ["diag.probe.remote.http.endpoint", "http://example.com:8080/x", true],
    ["diag.probe.remote.http.endpoint", "ftp://example.com", false],
    ["k3s.version", "v1.28.5+k3s1", true],
    ["k3s.version", "latest", false],
    ["agent.zedagent.debug.loglevel", "trace", true],
    ["agent.zedagent.debug.remote.loglevel", "some", false],
  ];
  for (const [key, value, good] of values)
    it(`${good ? "takes" : "refuses"} ${JSON.stringify(value)} for ${key}`, () => {
      assert.equal(valueFault(key, value) === undefined, good);
    });

  for (const key of ["timer.coffee", "agent.zedagent.debug", "agent..debug.loglevel", "constructor"])
    it(`does not know ${key}`, () => assert.equal(isKnown(key), false));
});

describe("settings", () => {
  it("heed what is given, have defaults for the rest, and tell both", () => {
    const found = settings({ "timer.config.interval": "30", "debug.default.loglevel": "error" });
    assert.equal(found.seconds("timer.config.interval"), seconds(30));
    assert.equal(found.isSet("timer.config.interval"), true);
    assert.equal(found.seconds("timer.cert.interval"), seconds(86_400));
    assert.equal(found.isSet("timer.cert.interval"), false);
    assert.deepEqual(found.status().known["timer.config.interval"], { value: "30", error: "" });
    assert.equal(Object.keys(found.status().known).length, 128);
  });

  it("keep the last good value of one that cannot be, and EVE's of one that is gone", () => {
    const cell = new Cell<DesiredState | undefined>(wants({ "timer.config.interval": "30" }));
    const found = new Settings(cell);
    cell.set(wants({ "timer.config.interval": "4" }));
    assert.equal(found.number("timer.config.interval"), 30);
    assert.deepEqual(found.status().known["timer.config.interval"], {
      ...{ value: "30", error: '"4" is not a whole number from 5 to 86400' },
    });
    cell.set(wants({}));
    assert.equal(found.number("timer.config.interval"), 60);
    cell.set(wants({ "timer.config.interval": "4" }));
    assert.equal(found.number("timer.config.interval"), 60);
  });

  it("keep it through a restart", async () => {
    const plates = new SimDisk({ random: new SeededRandom(1), capacityBytes: 2 ** 20, root: "/state" });
    const first = settings({ "timer.config.interval": "30" });
    await first.load(plates.open());
    await first.save();
    plates.powerCut();
    const cell = new Cell<DesiredState | undefined>(undefined);
    const second = new Settings(cell);
    await second.load(plates.open());
    cell.set(wants({ "timer.config.interval": "never" }));
    assert.equal(second.number("timer.config.interval"), 30);
  });

  it("tell an item that is not applied as unsupported, when it asks for what is not so", () => {
    const { known } = settings({ "debug.enable.ssh": "ssh-rsa AAAA", "netdump.enable": "false" }).status();
    assert.match(known["debug.enable.ssh"]?.error ?? "", /^not supported: /);
    assert.equal(known["debug.enable.ssh"]?.value, "");
    assert.deepEqual(known["netdump.enable"], { value: "false", error: "" });
    assert.deepEqual(known["vector.enabled"], { value: "false", error: "" });
  });

  it("tell one that nobody knows as unknown", () => {
    assert.deepEqual(settings({ "timer.coffee": "1" }).status().unknown, {
      "timer.coffee": { value: "1", error: "not known to this engine" },
    });
  });

  it("tell what a box has not that is another's: the log of its kernel", () => {
    const wanted = new Cell<DesiredState | undefined>(wants({ "debug.kernel.remote.loglevel": "err" }));
    const { known } = new Settings(wanted, { kernelLog: false }).status();
    assert.deepEqual(known["debug.kernel.loglevel"], { value: "none", error: "" });
    assert.match(known["debug.kernel.remote.loglevel"]?.error ?? "", /^not supported: the box's own system/);
    assert.deepEqual(new Settings(wanted).status().known["debug.kernel.remote.loglevel"]?.value, "err");
  });

  it("tell fields of the configuration that are not applied as well", () => {
    const unapplied = new Map([["cluster", "this engine joins no cluster"]]);
    const cell = new Cell<DesiredState | undefined>({ ...wants({}), unapplied });
    assert.deepEqual(new Settings(cell).status().unknown, {
      cluster: { value: "", error: "not supported: this engine joins no cluster" },
    });
  });

  const levels: readonly (readonly [Items, string, string, string])[] = [
    [{}, "app", "info", "info"],
    [{ "debug.default.loglevel": "trace" }, "app", "debug", "info"],
    [{ "agent.domainmgr.debug.remote.loglevel": "none" }, "app", "info", "none"],
    [{ "agent.domainmgr.debug.remote.loglevel": "none" }, "content", "info", "info"],
    [
      { "agent.network.debug.loglevel": "fatal", "debug.default.loglevel": "debug" },
      "network",
      "error",
      "info",
    ],
  ];
  for (const [items, part, local, remote] of levels)
    it(`keep lines of ${part} from ${local} and ${remote} on with ${JSON.stringify(items)}`, () => {
      const found = settings(items);
      assert.deepEqual([found.level(part, "local"), found.level(part, "remote")], [local, remote]);
    });
});
