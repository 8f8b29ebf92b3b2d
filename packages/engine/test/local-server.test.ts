/** The node and a local profile server: who is heeded, what is done, and how often is asked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { hours, minutes, seconds } from "@selvedge/base";
import { ext, info, profile } from "@selvedge/eve-api";
import { appOrders, localServerUrl } from "../src/control/local/local-messages.ts";
import { readSignal } from "../src/control/local/signals.ts";
import type { DesiredState } from "../src/desired.ts";
import type { NicStatus } from "../src/observed.ts";
import type { RunningEngine } from "./control-world.ts";
import { app, content, Server, start } from "./local-server-world.ts";
import { nodeId } from "./scripted-gateway.ts";

const isActive = ({ store }: RunningEngine): boolean | undefined => store.desired.get()?.apps[0]?.active;
const showRunning = ({ store }: RunningEngine, state: "running" | "halting" = "running"): void =>
  store.apps.set(app, {
    ...{ id: app, displayName: "web", state, volumes: [], errors: [] },
    report: create(ext.AppReportSchema, { observedVersion: "1" }),
  });

describe("a local profile server", () => {
  it("decides which apps run, goes on to when it is away, and stops to with a 404", async () => {
    const server = new Server();
    const { world, engine } = await start(server);
    await using _engine = engine;
    assert.equal(isActive(engine), false);
    server.say("local_profile", profile.LocalProfileSchema, { localProfile: "night", serverToken: "secret" });
    world.gateway.online = false;
    // The first answer was 404, so the door is left alone for an hour.
    await world.clock.pass(minutes(50));
    assert.equal(isActive(engine), false);
    await world.clock.pass(minutes(15));
    assert.equal(isActive(engine), true);
    server.online = false;
    await world.clock.pass(hours(5));
    assert.equal(isActive(engine), true);
    server.online = true;
    server.answers["local_profile"] = { status: 404 };
    await world.clock.pass(minutes(3));
    assert.equal(isActive(engine), false);
  });

  it("is remembered through a reboot without it", async () => {
    const server = new Server();
    server.say("local_profile", profile.LocalProfileSchema, { localProfile: "night", serverToken: "secret" });
    const { world, engine } = await start(server);
    await world.clock.pass(minutes(3));
    assert.equal(isActive(engine), true);
    await engine[Symbol.asyncDispose]();
    world.plates.powerCut();
    [server.online, world.gateway.online] = [false, false];
    await using second = await world.engine();
    assert.equal(isActive(second), true);
  });

  for (const token of ["", "other"])
    it(`with the token ${JSON.stringify(token)} is not heeded`, async () => {
      const server = new Server();
      server.say("local_profile", profile.LocalProfileSchema, { localProfile: "night", serverToken: token });
      server.say("devinfo", profile.LocalDevCmdSchema, { serverToken: token, timestamp: 1n, command: 3 });
      const { world, engine } = await start(server);
      await using _engine = engine;
      await world.clock.pass(minutes(10));
      assert.equal(isActive(engine), false);
      assert.deepEqual(world.power, []);
      assert.ok(world.said("the local profile server is not heeded"));
    });

  it("restarts an app once a timestamp, and is told when that is done", async () => {
    const server = new Server();
    const { RESTART } = profile.AppCommand_Command;
    const command = { displayname: "web", timestamp: 77n, command: RESTART };
    server.say("appinfo", profile.LocalAppCmdListSchema, { serverToken: "secret", appCommands: [command] });
    const { world, engine } = await start(server);
    await using _engine = engine;
    showRunning(engine);
    const counter = (): number | undefined => engine.store.desired.get()?.apps[0]?.restartCounter;
    await world.clock.pass(minutes(5));
    assert.equal(counter(), 5);
    const told = (): bigint | undefined =>
      server.last("appinfo", profile.LocalAppInfoListSchema).appsInfo[0]?.lastCmdTimestamp;
    assert.equal(told(), 0n);
    showRunning(engine, "halting");
    showRunning(engine);
    await world.clock.pass(minutes(5));
    assert.equal(told(), 77n);
    assert.equal(counter(), 5);
  });

  it("reboots the box once, and is told what it is doing", async () => {
    const server = new Server();
    const { GRACEFUL_REBOOT } = profile.LocalDevCmd_Command;
    const command = { serverToken: "secret", timestamp: 9n, command: GRACEFUL_REBOOT };
    server.say("devinfo", profile.LocalDevCmdSchema, command);
    const { world, engine } = await start(server);
    await world.until("the box goes down", () => world.power.length > 0);
    assert.deepEqual(world.power, ["reboot"]);
    const told = server.last("devinfo", profile.LocalDevInfoSchema);
    assert.deepEqual([told.deviceUuid, told.lastCmdTimestamp], [nodeId, 9n]);
    assert.equal(told.state, info.ZDeviceState.ZDEVICE_STATE_REBOOTING);
    await engine[Symbol.asyncDispose]();
    world.bootId = "boot-2";
    await using _second = await world.engine();
    await world.clock.pass(minutes(30));
    assert.deepEqual(world.power, ["reboot"]);
  });

  it("keeps radios silent, as far as it has any", async () => {
    const server = new Server();
    server.say("radio", profile.RadioConfigSchema, { serverToken: "secret", radioSilence: true });
    const { world, engine } = await start(server);
    await using _engine = engine;
    await world.clock.pass(seconds(30));
    assert.equal(server.last("radio", profile.RadioStatusSchema).radioSilence, true);
    assert.ok(server.count("radio") >= 5 && server.count("radio") <= 8, `${server.count("radio")}`);
  });

  it("can say what changed, in place of waiting to be asked", async () => {
    const server = new Server();
    server.answers["signal"] = { status: 200 };
    const { world, engine } = await start(server);
    await using _engine = engine;
    await world.clock.pass(minutes(2));
    server.say("local_profile", profile.LocalProfileSchema, { localProfile: "night", serverToken: "secret" });
    server.signal('{"pendingChanges":["CONFIG_ENDPOINT_LOCAL_PROFILE"]}');
    await world.clock.pass(seconds(1));
    assert.equal(isActive(engine), true);
  });
});

describe("where a local profile server is", () => {
  const nic = { phase: "ready", appId: app, address: "10.1.0.9/24" } as unknown as NicStatus;
  const desired = {
    apps: [{ id: app, displayName: "web" }],
    networks: [{ hosts: [{ name: "lps.local", addresses: ["10.1.0.7"] }] }],
  } as unknown as DesiredState;
  for (const [host, expected] of [
    ["lps.local", "http://10.1.0.7:8888/api/v1"],
    ["web", "http://10.1.0.9:8888/api/v1"],
    ["192.0.2.1", "http://192.0.2.1:8888/api/v1"],
    ["fd00::1", "http://[fd00::1]:8888/api/v1"],
  ] as const)
    it(host, () => assert.equal(localServerUrl({ host, port: 8888, token: "" }, desired, [nic]), expected));
});

describe("a line of signals", () => {
  for (const [line, expected] of [
    ['{"pendingChanges":["CONFIG_ENDPOINT_RADIO",5]}', ["radio", "device"]],
    ['{"pending_changes":["CONFIG_ENDPOINT_NETWORK"]}', ["network"]],
    ['{"pendingChanges":["CONFIG_ENDPOINT_UNSPECIFIED"]}', []],
    ["{}", []],
    ["nonsense", []],
  ] as const)
    it(line, () => assert.deepEqual(readSignal(line), expected));
});

it("commands for apps that are not there, or without a time, are none", () => {
  const { RESTART, UNSPECIFIED } = profile.AppCommand_Command;
  const of = (more: MessageInitShape<typeof profile.AppCommandSchema>): profile.AppCommand =>
    create(profile.AppCommandSchema, { id: app, timestamp: 1n, command: RESTART, ...more });
  const list = [of({}), of({ id: content }), of({ timestamp: 0n }), of({ command: UNSPECIFIED })];
  const orders = appOrders({ appCommands: list }, [{ id: app, displayName: "web" }]);
  assert.deepEqual(orders, [{ id: app, command: "restart", at: 1n }]);
});
