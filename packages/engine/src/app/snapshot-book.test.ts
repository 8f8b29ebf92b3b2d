import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec, ForeignApp, VolumeKey } from "../desired.ts";
import type { VolumeStatus } from "../observed.ts";
import { type AppRecord, decodeRecord, encodeRecord, newRecord } from "./app-record.ts";
import { followAsked, holdOf, settleSnapshots, toldSnapshots } from "./snapshot-book.ts";
import type { SnapshotKind, SnapshotWish } from "./snapshot-spec.ts";

const uuid = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;
const [a, b, c] = [uuid(1), uuid(2), uuid(3)];

function wish(named: readonly [string, SnapshotKind][], more: Partial<SnapshotWish> = {}): SnapshotWish {
  return { named: named.map(([id, kind]) => ({ id, kind })), most: 3, counter: 0, target: "", ...more };
}

/** An app on the first generation of its root in version 1, on the second in version 2, and so on. */
function spec(version: number, snapshots: SnapshotWish | undefined, more: Partial<AppSpec> = {}): AppSpec {
  const key = `root#${version}` as VolumeKey;
  const volumes = [{ key, volumeId: "root", form: "image", readOnly: false, mountDir: "/" }];
  return {
    ...{
      id: "app" as AppId,
      version: `${version}`,
      revision: `r${version}`,
      displayName: "app",
      active: true,
    },
    ...{ restartCounter: 0, purgeCounter: version, vcpus: 1, memoryBytes: 1, nics: [] },
    pod: create(ext.AppExtensionSchema, { name: "app", containers: [{ name: "main", contentTreeId: "c" }] }),
    foreign: { volumes, vm: undefined, userData: `data ${version}` } as unknown as ForeignApp,
    ...(snapshots === undefined ? {} : { snapshots }),
    ...more,
  };
}

/** A node of one app: whose machine runs or not, and whose volumes do what is asked of them. */
class World {
  record: AppRecord;
  now = 0;
  readonly volumes: Map<string, Partial<Extract<VolumeStatus, { phase: "ready" }>>> = new Map();
  broken = "";

  constructor(first: AppSpec) {
    this.record = newRecord(first, instant(0));
    this.ask(first);
    this.run();
  }

  volume = (key: VolumeKey): VolumeStatus =>
    (this.broken === ""
      ? { phase: "ready", ...this.volumes.get(key) }
      : { phase: "failed", message: this.broken }) as VolumeStatus;

  ask(asked: AppSpec): string | undefined {
    const { record, refusal } = followAsked(this.record, asked, this.volume);
    const settled = settleSnapshots(record, asked.snapshots, this.volume, instant(++this.now));
    // As a crash at any moment leaves it.
    this.record = decodeRecord(encodeRecord(settled));
    return refusal;
  }

  run(): void {
    this.record = { ...this.record, machine: { goingOn: [], volumes: [], podIp: "" } as never };
  }

  /** The machine ends, the volumes do their part, and the app is looked at again. */
  off(asked: AppSpec): void {
    this.record = { ...this.record, machine: undefined };
    for (const { id, state, written } of this.record.snapshots?.records ?? [])
      for (const key of written) {
        const before = this.volumes.get(key) ?? {};
        if (state === "due")
          this.volumes.set(key, { ...before, snapshots: [...(before.snapshots ?? []), id] });
      }
    const back = this.record.snapshots?.rollback;
    for (const key of back?.written ?? [])
      this.volumes.set(key, { ...this.volumes.get(key), restored: back?.token ?? "" });
    this.ask(asked);
  }

  get states(): string {
    return (this.record.snapshots?.records ?? [])
      .map(({ id, state, version }) => `${id.slice(-1)} ${state} ${version}`)
      .join(", ");
  }
}

describe("a snapshot", () => {
  it("before an update is due with it, and taken of the app as it was while its machine is off", () => {
    const world = new World(spec(1, wish([])));
    const asked = wish([[a, "update"]]);
    world.ask(spec(1, asked));
    assert.equal(world.states, "");
    // Another restart is no other app.
    world.ask(spec(1, asked, { restartCounter: 1, revision: "r1 again" }));
    assert.equal(world.states, "");
    world.ask(spec(2, asked));
    assert.deepEqual([world.states, world.record.spec.version], ["1 due 1", "2"]);
    assert.deepEqual(holdOf(world.record.snapshots)?.stop, false);
    assert.deepEqual(toldSnapshots(world.record.snapshots, asked)[0]?.written, ["root#1"]);
    world.off(spec(2, asked));
    assert.equal(world.states, "1 kept 1");
    assert.equal(holdOf(world.record.snapshots), undefined);
  });

  it("of no change that is refused", () => {
    const asked = wish([[a, "update"]]);
    const world = new World(spec(1, asked));
    assert.match(world.ask(spec(2, asked, { purgeCounter: 1 })) ?? "", /Need purge/);
    assert.equal(world.states, "");
  });

  it("and the app stay where its entry cannot be read, and only a record that has nothing takes that", () => {
    const [asked, unread] = [wish([[a, "now"]]), { field: "apps[0].fixedresources", message: "is missing" }];
    const blank = (active: boolean): AppSpec =>
      spec(2, asked, {
        ...{ active, foreign: undefined, revision: `unread ${active}` },
        unread: { ...unread, goesOn: false },
      });
    const world = new World(spec(1, wish([])));
    world.ask(spec(1, asked));
    world.off(spec(1, asked));
    for (const active of [true, false]) {
      assert.match(world.ask(blank(active)) ?? "", /^apps\[0\]\.fixedresources: is missing; it stays/);
      const { version, foreign, active: on } = world.record.spec;
      assert.deepEqual([version, foreign?.volumes.length, on, world.states], ["1", 1, active, "1 kept 1"]);
    }
    assert.equal(world.ask(spec(2, asked)), undefined);
    assert.equal(world.record.spec.version, "2");
    assert.equal(new World(blank(true)).ask(blank(true)), undefined);
  });

  it("at once ends the machine for it", () => {
    const world = new World(spec(1, wish([])));
    world.ask(spec(1, wish([[a, "now"]])));
    assert.deepEqual([world.states, holdOf(world.record.snapshots)?.stop], ["1 due 1", true]);
    world.off(spec(1, wish([[a, "now"]])));
    assert.equal(world.states, "1 kept 1");
  });

  it("that a volume cannot take is told, and the app goes on", () => {
    const asked = wish([[a, "now"]]);
    const world = new World(spec(1, wish([])));
    world.ask(spec(1, asked));
    world.broken = "the disk is full";
    world.off(spec(1, asked));
    assert.equal(holdOf(world.record.snapshots), undefined);
    const [told] = toldSnapshots(world.record.snapshots, asked);
    assert.deepEqual([told?.state, told?.message], ["failed", "volume root#1: the disk is full"]);
    world.broken = "";
    world.ask(spec(1, asked));
    assert.equal(world.states, "1 failed 1");
  });

  const take = (world: World, asked: SnapshotWish): void => {
    world.run();
    world.ask(spec(1, asked));
    world.off(spec(1, asked));
  };

  it("makes way for newer ones beyond the limit, and is not taken a second time", () => {
    const world = new World(spec(1, wish([], { most: 1 })));
    take(world, wish([[a, "now"]], { most: 1 }));
    const both = wish([[a, "now"], [b, "now"]], { most: 1 }); // biome-ignore format: a row
    take(world, both);
    assert.equal(world.states, "2 kept 1");
    take(world, both);
    assert.equal(world.states, "2 kept 1");
    take(world, wish([[a, "now"], [b, "now"], [c, "now"]], { most: 0 })); // biome-ignore format: a row
    assert.equal(world.states, "");
  });

  it("goes when it is not named any more", () => {
    const world = new World(spec(1, wish([])));
    take(world, wish([[a, "now"], [b, "now"]])); // biome-ignore format: a row
    assert.equal(world.states, "1 kept 1, 2 kept 1");
    take(world, wish([[b, "now"]]));
    assert.equal(world.states, "2 kept 1");
    world.ask(spec(1, undefined));
    assert.equal(world.states, "");
  });

  it("that can never be is told with why", () => {
    const asked = wish([[a, "unknown"], ["--all", "now"]]); // biome-ignore format: a row
    const world = new World(spec(1, asked));
    assert.deepEqual(
      toldSnapshots(world.record.snapshots, asked).map(({ state, message }) => [state, message]),
      [
        ["failed", "type is not known; use APP_UPDATE or IMMEDIATE"],
        ["failed", '"--all" is not a UUID'],
      ],
    );
  });
});

describe("a way back", () => {
  const asked = wish([[a, "update"]]);
  const back = wish([[a, "update"]], { counter: 1, target: a });
  const updated = (): World => {
    const world = new World(spec(1, asked));
    world.ask(spec(2, asked));
    world.off(spec(2, asked));
    world.run();
    return world;
  };
  const now = (world: World): unknown[] => [
    world.record.spec.version,
    world.record.spec.foreign?.volumes.map(({ key }) => key).join(),
    world.record.spec.foreign?.userData,
  ];

  it("makes the app what it was, waits for its volumes, and stays until something else is said", () => {
    const world = updated();
    const here = { restartCounter: 5, revision: "r2 restarted" };
    world.ask(spec(2, back, here));
    assert.deepEqual(now(world), ["1", "root#1", "data 1"]);
    assert.equal(world.record.spec.restartCounter, 5);
    assert.equal(holdOf(world.record.snapshots)?.stop, true);
    world.off(spec(2, back, here));
    assert.equal(holdOf(world.record.snapshots), undefined);
    // The same command is not carried out again, and switching the app off and on changes nothing.
    world.run();
    world.ask(spec(2, back, { active: false, revision: "r2 off" }));
    assert.deepEqual([...now(world), world.record.spec.active], ["1", "root#1", "data 1", false]);
    assert.equal(holdOf(world.record.snapshots), undefined);
    assert.equal(world.ask(spec(1, back, { purgeCounter: 2 })), undefined);
    assert.equal(world.ask(spec(3, back)), undefined);
    assert.deepEqual(now(world), ["3", "root#3", "data 3"]);
  });

  it("is gone a second time with another number, and no snapshot is taken of it", () => {
    const world = updated();
    world.ask(spec(2, back));
    world.off(spec(2, back));
    world.run();
    world.ask(spec(2, wish([[a, "update"], [b, "update"]], { counter: 2, target: a }))); // biome-ignore format: a row
    assert.equal(world.record.snapshots?.rollback?.token, `${a}/2`);
    assert.equal(world.states, "1 kept 1");
  });

  it("is not begun by the first number that is seen, nor by a smaller one", () => {
    const world = new World(spec(1, wish([[a, "now"]], { counter: 7, target: a })));
    world.off(spec(1, wish([[a, "now"]], { counter: 7, target: a })));
    world.ask(spec(1, wish([[a, "now"]], { counter: 6, target: a })));
    assert.equal(world.record.snapshots?.rollback, undefined);
    assert.equal(world.record.snapshots?.fault, undefined);
  });

  it("to what is not there is told once, and the app goes on", () => {
    const world = updated();
    world.ask(spec(2, wish([[a, "update"]], { counter: 1, target: b })));
    assert.match(world.record.snapshots?.fault ?? "", /cannot roll back to snapshot .*2: there is none/);
    assert.deepEqual(now(world), ["2", "root#2", "data 2"]);
    world.volumes.set("root#1", { snapshots: [] });
    world.ask(spec(2, wish([[a, "update"]], { counter: 2, target: a })));
    assert.deepEqual(now(world), ["2", "root#2", "data 2"]);
    assert.match(world.record.snapshots?.fault ?? "", /a volume has it no more/);
    assert.deepEqual(
      toldSnapshots(world.record.snapshots, asked).map(({ state, message }) => [state, message]),
      [["failed", "volume root#1 has it no more"]],
    );
  });

  it("that does not go on is left for what is asked for instead", () => {
    const world = updated();
    world.ask(spec(2, back));
    world.record = { ...world.record, machine: undefined };
    world.ask(spec(3, back));
    assert.deepEqual(now(world), ["1", "root#1", "data 1"]);
    world.broken = "the disk is full";
    world.ask(spec(3, back));
    assert.deepEqual(now(world), ["3", "root#3", "data 3"]);
    assert.equal(holdOf(world.record.snapshots), undefined);
  });
});
