import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, Log, type LogRecord, SeededRandom, silentSink } from "@selvedge/base";
import { SimDisk } from "../../../../harness/src/disk/sim-disk.ts";
import { SimClock } from "../../../../harness/src/sim-clock.ts";
import { isSevere, type KernelLine, parseKernelLine } from "./kernel-line.ts";
import { KernelLog } from "./kernel-log.ts";

describe("a line of the kernel", () => {
  const rows: readonly (readonly [string, string, Partial<KernelLine> | undefined])[] = [
    [
      "is read",
      "6,12,2500000,-;eth0: up",
      { sequence: 12, severity: 6, at: instant(3500), text: "eth0: up" },
    ],
    ["is read without what it is of", "3,1,0,-;bad\n SUBSYSTEM=block\n DEVICE=b8:0\n", { text: "bad" }],
    ["may have more fields", "4,1,0,-,caller=T1;x; y", { severity: 4, text: "x; y" }],
    ["is as it was before it was written down", "4,1,0,-;a\\x5cb\\xc3\\xa4", { text: "a\\bä" }],
    ["is not one of a program", "14,1,0,-;systemd says", undefined],
    ["is nothing else", "hello", undefined],
  ];
  for (const [name, record, wanted] of rows)
    it(name, () => {
      const found = parseKernelLine(record, instant(1000));
      if (wanted === undefined) assert.equal(found, undefined);
      else assert.deepEqual({ ...found, ...wanted }, found);
    });

  for (const [severity, setting, kept] of [
    [3, "err", true],
    [4, "err", false],
    [7, "all", true],
    [0, "none", false],
  ] as const)
    it(`of severity ${severity} is ${kept ? "" : "not "}kept with ${setting}`, () =>
      assert.equal(isSevere({ severity }, setting), kept));
});

const line = (sequence: number, severity: number): KernelLine => ({
  ...{ sequence, severity, at: instant(0), text: `line ${sequence}` },
});

/** A box with a kernel that says `lines`, and what comes of them. */
function box(disk: SimDisk, settings: Readonly<Record<string, string>>, boot = "one") {
  const clock = new SimClock();
  const [uploaded, recent]: [string[], LogRecord[]] = [[], []];
  let said: KernelLine[] = [];
  const log = new KernelLog({
    source: { boot, read: async () => said.splice(0) },
    settings: { text: (key) => settings[key] ?? "info" },
    upload: ({ severity, content }) => void uploaded.push(`${severity} ${content}`),
    recent: (record) => void recent.push(record),
    ...{ disk: disk.open(), clock, log: new Log("test", clock, silentSink) },
  });
  const hears = async (...lines: readonly KernelLine[]): Promise<readonly string[]> => {
    said = [...lines];
    uploaded.length = 0;
    await log.look();
    return uploaded;
  };
  return { log, recent, hears, clock };
}

describe("the kernel's log", () => {
  const disk = (): SimDisk =>
    new SimDisk({ random: new SeededRandom(1), capacityBytes: 2 ** 20, root: "/state" });

  it("goes to the controller as debug.kernel.loglevel and debug.kernel.remote.loglevel have it", async () => {
    const settings: Record<string, string> = {};
    const { hears, recent } = box(disk(), settings);
    assert.deepEqual(await hears(line(1, 3), line(2, 6), line(3, 7)), ["err line 1", "info line 2"]);
    assert.deepEqual(
      recent.map(({ message }) => message),
      ["line 1", "line 2"],
    );
    settings["debug.kernel.remote.loglevel"] = "err";
    assert.deepEqual(await hears(line(4, 3), line(5, 4)), ["err line 4"]);
    assert.equal(recent.length, 4, "here it is still kept");
    settings["debug.kernel.loglevel"] = "none";
    assert.deepEqual(await hears(line(6, 0)), [], "what the box does not keep, nobody is told");
  });

  it("is told once in a start of the box, and anew after the next", async () => {
    const plates = disk();
    const first = box(plates, {});
    await first.log[Symbol.asyncDispose]();
    first.log.start();
    assert.deepEqual(await first.hears(line(1, 6), line(2, 6)), ["info line 1", "info line 2"]);
    const follows = async (boot: string): Promise<readonly string[]> => {
      const it = box(plates, {}, boot);
      it.log.start();
      await it.clock.pass(0 as never);
      const said = [...(await it.hears(line(1, 6), line(2, 6), line(3, 6)))];
      await it.log[Symbol.asyncDispose]();
      return said;
    };
    assert.deepEqual(await follows("one"), ["info line 3"], "an engine that starts again knows");
    assert.equal((await follows("two")).length, 3);
  });
});
