/** The node and a local profile server: who is heeded, what is done, and how often is asked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { hours, minutes, seconds } from "@selvedge/base";
import { config, ext, info, profile } from "@selvedge/eve-api";
import { appOrders, localServerUrl } from "../src/control/local/local-messages.ts";
import { readSignal } from "../src/control/local/signals.ts";
import type { AppId, DesiredState } from "../src/desired.ts";
import { type HttpClient, HttpError, type HttpRequest, type HttpResponse } from "../src/host/http.ts";
import type { NicStatus } from "../src/observed.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

const app = "22222222-2222-4222-8222-222222222222" as AppId;
const content = "33333333-3333-4333-8333-333333333333";
const volume = "44444444-4444-4444-8444-444444444444";

type Answer = { readonly status: number; readonly body?: Uint8Array };

class Server implements HttpClient {
  readonly asked: { path: string; body: Uint8Array }[] = [];
  readonly answers: Record<string, Answer> = {};
  online = true;
  #lines: ((line: string) => void) | undefined;

  async send({ url, body = new Uint8Array(), signal }: HttpRequest): Promise<HttpResponse> {
    if (!this.online) throw new HttpError("the server is away");
    const { host, pathname } = new URL(url);
    assert.equal(host, "10.1.0.5:8888");
    const path = pathname.replace("/api/v1/", "");
    this.asked.push({ path, body });
    const { status, body: answer = new Uint8Array() } = this.answers[path] ?? { status: 404 };
    const lines = path === "signal" && status === 200;
    return { status, headers: {}, body: lines ? this.#stream(signal) : once(answer) };
  }

  count(path: string): number {
    return this.asked.filter((it) => it.path === path).length;
  }

  last<D extends DescMessage>(path: string, schema: D): MessageShape<D> {
    return fromBinary(schema, this.asked.findLast((it) => it.path === path)?.body ?? new Uint8Array());
  }

  say<D extends DescMessage>(path: string, schema: D, value: MessageInitShape<D>): void {
    this.answers[path] = { status: 200, body: toBinary(schema, create(schema, value) as MessageShape<D>) };
  }

  signal(line: string): void {
    this.#lines?.(`${line}\n`);
  }

  async *#stream(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = await new Promise<string | undefined>((resolve) => {
        this.#lines = resolve;
        signal?.addEventListener("abort", () => resolve(undefined));
      });
      if (line === undefined) return;
      yield new TextEncoder().encode(line);
    }
  }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  if (body.length > 0) yield body;
}

async function start(
  server: Server,
  token = "secret",
): Promise<{ world: ControlWorld; engine: RunningEngine }> {
  const world = new ControlWorld();
  world.local = server;
  world.gateway.config = create(config.EdgeDevConfigSchema, {
    ...{ id: { uuid: nodeId }, globalProfile: "day", localProfileServer: "10.1.0.5" },
    profileServerToken: token,
    datastores: [{ id: "d", dType: 5, fqdn: "docker://r" }],
    contentInfo: [{ uuid: content, URL: "web:1", iformat: 8, dsIdsList: ["d"] }],
    volumes: [{ uuid: volume, origin: { type: 2, downloadContentTreeID: content } }],
    apps: [
      {
        uuidandversion: { uuid: app, version: "1" },
        ...{ displayname: "web", activate: true, profileList: ["night"], restart: { counter: 4 } },
        fixedresources: { memory: 65_536, vcpus: 1 },
        volumeRefList: [{ uuid: volume }],
      },
    ],
  });
  const engine = await world.engine();
  await world.until("accepted", () => engine.store.desired.get() !== undefined);
  return { world, engine };
}

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
    await world.clock.pass(minutes(3));
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
