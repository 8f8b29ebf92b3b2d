/** What a node does when its operators ask something of it as a whole. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { hours, minutes, seconds } from "@selvedge/base";
import { config, ext, info } from "@selvedge/eve-api";
import type { AppId } from "../src/desired.ts";
import type { AppStatus } from "../src/observed.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

type Config = MessageInitShape<typeof config.EdgeDevConfigSchema>;

const app = "22222222-2222-4222-8222-222222222222" as AppId;
const content = "33333333-3333-4333-8333-333333333333";
const volume = "44444444-4444-4444-8444-444444444444";
let version = 0;

/** Gives the world another configuration. */
function configure(world: ControlWorld, more: Config): void {
  version++;
  const base: Config = {
    id: { uuid: nodeId },
    configTimestamp: timestampFromMs(Date.UTC(2026, 10, 25) + version * 1000),
    datastores: [{ id: "d", dType: 5, fqdn: "docker://r" }],
    contentInfo: [{ uuid: content, URL: "web:1", iformat: 8, dsIdsList: ["d"] }],
    volumes: [{ uuid: volume, origin: { type: 2, downloadContentTreeID: content } }],
    apps: [
      {
        uuidandversion: { uuid: app, version: "1" },
        fixedresources: { memory: 65_536, vcpus: 1 },
        activate: true,
        volumeRefList: [{ uuid: volume }],
        profileList: ["day"],
      },
    ],
  };
  world.gateway.config = create(config.EdgeDevConfigSchema, { ...base, ...more } as Config);
  world.gateway.hash = `hash-${version}`;
}

function devices(world: ControlWorld): info.ZInfoDevice[] {
  return world.gateway.infos.flatMap(({ InfoContent }) =>
    InfoContent.case === "dinfo" ? [InfoContent.value] : [],
  );
}

async function told(
  world: ControlWorld,
  what: string,
  fits: (device: info.ZInfoDevice) => boolean,
): Promise<info.ZInfoDevice> {
  await world.until(what, () => devices(world).some(fits));
  return devices(world).findLast(fits) as info.ZInfoDevice;
}

async function accepted(world: ControlWorld, engine: RunningEngine): Promise<void> {
  const { hash } = world.gateway;
  await world.until("accepted", () => engine.store.desired.get()?.configHash === hash);
}

const isActive = ({ store }: RunningEngine): boolean | undefined => store.desired.get()?.apps[0]?.active;
const running = (state: AppStatus["state"]): AppStatus => ({
  ...{ id: app, displayName: "a", state, volumes: [], errors: [] },
  report: create(ext.AppReportSchema, {}),
});

describe("a reboot", () => {
  it("is done once, after the apps have stopped, and told with its reason afterwards", async () => {
    const world = new ControlWorld();
    configure(world, { reboot: { counter: 5 } });
    {
      await using engine = await world.engine();
      await accepted(world, engine);
      await world.clock.pass(minutes(10));
      assert.deepEqual(world.power, []);
      const first = await told(world, "the first boot", ({ restartCounter }) => restartCounter === 1);
      assert.equal(first.lastBootReason, info.BootReason.FIRST);
      engine.store.apps.set(app, running("running"));
      configure(world, { reboot: { counter: 6 } });
      await told(world, "the reboot", ({ rebootInprogress }) => rebootInprogress);
      assert.equal(isActive(engine), false);
      assert.deepEqual(world.power, []);
      engine.store.apps.set(app, running("halted"));
      await world.until("rebooted", () => world.power.length > 0);
    }
    world.bootId = "boot-2";
    await using engine = await world.engine();
    const after = await told(world, "the second boot", ({ restartCounter }) => restartCounter === 2);
    assert.equal(after.lastBootReason, info.BootReason.REBOOT_CMD);
    assert.match(after.lastRebootReason, /reboot command 6/);
    assert.equal(after.rebootConfigCounter, 6);
    assert.equal(after.state, info.ZDeviceState.ZDEVICE_STATE_ONLINE);
    assert.equal(isActive(engine), true);
    await world.clock.pass(hours(1));
    assert.deepEqual(world.power, ["reboot"]);
  });

  it("that was asked for while the counter was away is not done", async () => {
    const world = new ControlWorld();
    configure(world, { reboot: { counter: 5 } });
    await using engine = await world.engine();
    await accepted(world, engine);
    configure(world, {});
    await accepted(world, engine);
    await world.clock.pass(minutes(2));
    configure(world, { reboot: { counter: 6 } });
    await accepted(world, engine);
    await world.clock.pass(hours(1));
    assert.deepEqual(world.power, []);
  });

  it("comes of silence only when the configuration says so", async () => {
    for (const [value, expected] of [
      [undefined, []],
      ["600", ["reboot"]],
    ] as const) {
      const world = new ControlWorld();
      const configItems = value === undefined ? [] : [{ key: "timer.reboot.no.network", value }];
      configure(world, { configItems });
      await using engine = await world.engine();
      await accepted(world, engine);
      world.gateway.online = false;
      // The engine is still there because nothing ended it; on a box it would have begun again.
      await world.clock.pass(minutes(15));
      assert.deepEqual(world.power, expected);
    }
  });
});

it("a shutdown stops the apps until the box boots again", async () => {
  const world = new ControlWorld();
  configure(world, { shutdown: { counter: 1 } });
  {
    await using engine = await world.engine();
    await accepted(world, engine);
    await world.clock.pass(minutes(2));
    configure(world, { shutdown: { counter: 2 } });
    const { ZDEVICE_STATE_PREPARED_POWEROFF } = info.ZDeviceState;
    const found = await told(world, "prepared", ({ state }) => state === ZDEVICE_STATE_PREPARED_POWEROFF);
    assert.equal(found.shutdownConfigCounter, 2);
    assert.equal(isActive(engine), false);
  }
  {
    await using engine = await world.engine();
    assert.equal(isActive(engine), false);
  }
  world.bootId = "boot-2";
  await using engine = await world.engine();
  assert.equal(isActive(engine), true);
  assert.deepEqual(world.power, []);
});

describe("maintenance", () => {
  const { USER_REQUESTED, LOW_DISK_SPACE } = info.MaintenanceModeReason;

  it("begins nothing new, heeds config items, and lets all through when it is over", async () => {
    const world = new ControlWorld();
    configure(world, {});
    await using engine = await world.engine();
    await accepted(world, engine);
    configure(world, {
      ...{ maintenanceMode: true, deviceName: "renamed", apps: [] },
      configItems: [{ key: "timer.config.interval", value: "30" }],
    });
    const found = await told(world, "maintenance", ({ maintenanceMode }) => maintenanceMode);
    assert.deepEqual(found.maintenanceModeReasons, [USER_REQUESTED]);
    assert.equal(found.state, info.ZDeviceState.ZDEVICE_STATE_MAINTENANCE_MODE);
    assert.equal(found.configItemStatus?.configItems["timer.config.interval"]?.value, "30");
    assert.equal(engine.store.desired.get()?.apps[0]?.hindrance?.reason, "MaintenanceMode");
    configure(world, { maintenanceMode: false, apps: [] });
    await told(world, "over", ({ maintenanceMode }) => !maintenanceMode);
    await accepted(world, engine);
    assert.deepEqual(engine.store.desired.get()?.apps, []);
  });

  const rows: readonly (readonly [item: string, flag: boolean, expected: boolean])[] = [
    ["none", true, true],
    ["none", false, false],
    ["enabled", false, true],
    ["disabled", true, false],
  ];
  for (const [value, maintenanceMode, expected] of rows)
    it(`with the item ${value} and the flag ${maintenanceMode} is ${expected}`, async () => {
      const world = new ControlWorld();
      configure(world, { maintenanceMode, configItems: [{ key: "maintenance.mode", value }] });
      await using engine = await world.engine();
      await accepted(world, engine);
      await told(world, "it", (device) => device.maintenanceMode === expected);
      assert.equal(engine.operator.troubles.length > 0, expected);
    });

  it("comes of a full disk, and goes with it", async () => {
    const world = new ControlWorld();
    configure(world, {});
    await using engine = await world.engine();
    await accepted(world, engine);
    world.plates.setFree(0);
    const found = await told(world, "trouble", ({ maintenanceMode }) => maintenanceMode);
    assert.deepEqual(found.maintenanceModeReasons, [LOW_DISK_SPACE]);
    world.plates.setCapacity(2 ** 30);
    await world.clock.pass(minutes(3));
    assert.equal(devices(world).at(-1)?.maintenanceMode, false);
  });
});

it("a profile of the configuration decides which apps run", async () => {
  const world = new ControlWorld();
  configure(world, { globalProfile: "night" });
  await using engine = await world.engine();
  await accepted(world, engine);
  assert.equal(isActive(engine), false);
  await told(world, "the profile", ({ localProfile }) => localProfile === "night");
  configure(world, { globalProfile: "day" });
  await accepted(world, engine);
  assert.equal(isActive(engine), true);
});

it("a system that the engine cannot install is told as failed, and the rest goes on", async () => {
  const world = new ControlWorld();
  configure(world, { baseos: { baseOsVersion: "9.9", activate: true, retryUpdate: { counter: 3 } } });
  await using engine = await world.engine();
  await accepted(world, engine);
  const found = await told(world, "it", ({ swList }) => swList.length === 2);
  assert.equal(found.swList[1]?.shortVersion, "9.9");
  assert.equal(found.swList[1]?.userStatus, info.BaseOsStatus.FAILED);
  assert.equal(found.baseosUpdateCounter, 3);
  assert.equal(isActive(engine), true);
  await world.clock.pass(seconds(1));
});

it("certificates that the controller refuses put the node in maintenance, until it takes them", async () => {
  const world = new ControlWorld();
  configure(world, {});
  world.gateway.certsStatus = 409;
  await using _engine = await world.engine();
  const { EDGE_NODE_CERTS_REFUSED } = info.MaintenanceModeReason;
  const found = await told(world, "refused", ({ maintenanceMode }) => maintenanceMode);
  assert.deepEqual(found.maintenanceModeReasons, [EDGE_NODE_CERTS_REFUSED]);
  world.gateway.certsStatus = undefined;
  await world.clock.pass(minutes(30));
  assert.equal(devices(world).at(-1)?.maintenanceMode, false);
});
