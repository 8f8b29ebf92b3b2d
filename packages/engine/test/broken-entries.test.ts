/** What a whole node does when entries of its configuration cannot be read. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { millis, minutes, SeededRandom } from "@selvedge/base";
import { type cipher, config, ext, getExtension, info, infoCommon } from "@selvedge/eve-api";
import { SimNetwork } from "../../harness/src/network/sim-network.ts";
import { SimRegistry } from "../../harness/src/network/sim-registry.ts";
import { SimClock } from "../../harness/src/sim-clock.ts";
import { SimNode } from "../../harness/src/sim-node.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { enrolmentConfig, nodeId, ScriptedGateway } from "./scripted-gateway.ts";
import { contextFor, sealFor } from "./sealed-words.ts";
import { appInit, ids, imageVolume, volume } from "./volume-world.ts";

type Config = MessageInitShape<typeof config.EdgeDevConfigSchema>;

const at = Date.UTC(2026, 10, 25);
const network = {
  ...{ uuidandversion: { uuid: "55555555-5555-4555-8555-555555555555" }, instType: 2, activate: true },
  ip: { subnet: "10.77.0.0/24" },
};
const interfaces = [{ name: "eth0", networkId: network.uuidandversion.uuid }];
const good = appInit({ volumeRefList: [{ uuid: ids.root }], interfaces } as never);
const bad = appInit({ fixedresources: { memory: 1, vcpus: 1 }, volumeRefList: [{ uuid: ids.root }] });
const beside = appInit({
  ...{ uuidandversion: { uuid: ids.other, version: "1" }, displayname: "beside" },
  volumeRefList: [{ uuid: ids.more }],
});
const volumes = [
  imageVolume(ids.root, 0n),
  imageVolume(ids.more, 0n),
  volume(ids.data, 0n, { maxsizebytes: 9n }),
];

function configOf(version: number, more: object): config.EdgeDevConfig {
  const init = {
    id: { uuid: nodeId },
    configTimestamp: timestampFromMs(at + version * 1000),
    datastores: [{ id: ids.store, dType: 5, fqdn: "docker://registry.example" }],
    // What nobody wants goes soon.
    configItems: [{ key: "timer.gc.vdisk", value: "60" }],
    contentInfo: [{ uuid: ids.content, URL: "busybox:1", iformat: 8, dsIdsList: [ids.store] }],
    ...{ volumes, networkInstances: [network], apps: [good, beside] },
    ...more,
  };
  return create(config.EdgeDevConfigSchema, init as unknown as Config);
}

/** One box, whole, with a controller that gives it what the test says. */
class BoxWorld {
  readonly clock: SimClock = new SimClock();
  readonly gateway: ScriptedGateway = new ScriptedGateway();
  readonly node: SimNode;
  #version = 0;

  constructor() {
    const random = new SeededRandom(1);
    const wires = new SimNetwork(this.clock, random);
    const registry = new SimRegistry(random);
    registry.add("busybox", "1", [new Uint8Array(64)]);
    wires.serve("registry.example", registry);
    const { gateway } = this;
    wires.serve("controller.example", {
      async handle({ target, method, headers, body }) {
        const url = `https://controller.example${target}`;
        const answer = await gateway.send({ url, method, headers, body, timeoutMs: 1000 } as never);
        const parts = await Array.fromAsync(answer.body);
        return { status: answer.status, headers: answer.headers as never, body: Buffer.concat(parts) };
      },
    });
    const { clock } = this;
    const enrolment = enrolmentConfig();
    this.node = new SimNode({
      name: "node-1",
      clock,
      random,
      network: wires,
      enrolment,
      address: "192.0.2.1",
    });
    clock.jump(millis(at - clock.now()));
  }

  configure(more: object): void {
    this.gateway.config = configOf(++this.#version, more);
    this.gateway.hash = `hash-${this.#version}`;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const done = await this.clock.passUntil(condition, minutes(30));
    assert.ok(done, `${what}\n${this.node.log.last(5).join("\n")}`);
  }

  /** The newest that was told of a thing. */
  told<T>(of: (content: info.ZInfoMsg["InfoContent"]) => T | undefined): T | undefined {
    return this.gateway.infos.flatMap(({ InfoContent }) => of(InfoContent) ?? []).at(-1);
  }

  app(id: string): info.ZInfoApp | undefined {
    return this.told((it) => (it.case === "ainfo" && it.value.AppID === id ? it.value : undefined));
  }

  async tells(id: string, state: info.ZSwState, errors: readonly string[]): Promise<void> {
    const error = ({ severity, description, retryCondition }: infoCommon.ErrorInfo): string => {
      assert.equal(severity, infoCommon.Severity.ERROR);
      return `${description}: ${retryCondition}`;
    };
    await this.until(`${id} to be told as ${state} with ${errors}`, () => {
      const { state: told, appErr = [] } = this.app(id) ?? {};
      return told === state && JSON.stringify(appErr.map(error)) === JSON.stringify(errors);
    });
  }

  /** The controller has heard that the newest configuration is in force. */
  async acknowledges(): Promise<void> {
    await this.until("the hash", () => {
      const told = this.told((it) =>
        it.case === "dinfo" ? getExtension(it.value, ext.NodeReportSchema) : undefined,
      );
      return told?.configHash === this.gateway.hash && told.configError === undefined;
    });
  }

  launches(id: string): number {
    return this.node.hypervisor.launches.filter((it) => it.id === id).length;
  }

  volumes(): number {
    const all = [ids.root, ids.more, ids.data];
    return all.filter((id) => this.node.disk.has(`/sim/node-1/volumes/${id}#0.json`)).length;
  }

  /** The power goes and comes back. */
  reboot(): void {
    this.node.powerCut();
    this.node.powerOn();
  }

  [Symbol.dispose](): void {
    this.node.end();
  }
}

const { RUNNING, ERROR, HALTED } = info.ZSwState;
const field = "apps[0].fixedresources.memory: 1 KiB are too few to start a guest";
const next = "it is read again with the next configuration";
const stays = `${field}; it stays as it was before: ${next}`;

async function bothRun(): Promise<BoxWorld> {
  const world = new BoxWorld();
  world.configure({});
  world.node.powerOn();
  for (const id of [ids.app, ids.other]) await world.tells(id, RUNNING, []);
  return world;
}

describe("an app whose entry cannot be read", () => {
  it("is told with the field to mend, and everything else of the configuration is done", async () => {
    using world = new BoxWorld();
    world.configure({ apps: [bad, beside] });
    world.node.powerOn();
    await world.tells(ids.other, RUNNING, []);
    await world.acknowledges();
    await world.tells(ids.app, ERROR, [`${field}: ${next}`]);
    world.configure({});
    await world.tells(ids.app, RUNNING, []);
    assert.equal(world.launches(ids.other), 1);
  });

  it("runs on as it was, and again after a boot, until it is mended", async () => {
    using world = await bothRun();
    world.configure({ apps: [bad, appInit({ ...(beside as object), activate: false })] });
    await world.acknowledges();
    await world.tells(ids.app, RUNNING, [stays]);
    await world.tells(ids.other, HALTED, []);
    assert.equal(world.launches(ids.app), 1);
    world.reboot();
    await world.until("another start", () => world.launches(ids.app) === 2);
    await world.tells(ids.app, RUNNING, [stays]);
    const more = { fixedresources: { memory: 200_000, vcpus: 2 }, restart: { counter: 1 } };
    world.configure({ apps: [{ ...good, ...more }, beside] });
    await world.until("the new machine", () => world.launches(ids.app) === 3);
    await world.tells(ids.app, RUNNING, []);
    assert.equal(world.volumes(), 3);
  });

  it("is what it was or stays so when the power goes while the configuration is written", async () => {
    for (let write = 1; write <= 6; write++) {
      const world = new ControlWorld();
      [world.gateway.config, world.gateway.hash] = [configOf(1, {}), "hash-1"];
      const say = (): void => {
        [world.gateway.config, world.gateway.hash] = [configOf(2, { apps: [bad, beside] }), "hash-2"];
      };
      const isTaken = ({ store }: RunningEngine): boolean => store.desired.get()?.configHash === "hash-2";
      await world.loseControllerAndPower(write, say, isTaken);
      await using second = await world.engine();
      const [app] = second.store.desired.get()?.apps ?? [];
      assert.deepEqual([app?.nics.length, app?.hindrance], [1, undefined], `write ${write}`);
    }
  });

  it("has its secrets, although all others are sealed anew", async () => {
    const world = new ControlWorld();
    const { gateway } = world;
    const word = new TextEncoder().encode("word");
    let block: cipher.CipherBlock;
    const accept = async (engine: RunningEngine, version: number, more: object): Promise<void> => {
      [gateway.config, gateway.hash] = [configOf(version, more), `hash-${version}`];
      const { desired } = engine.store;
      await world.until("accepted", () => desired.get()?.configHash === gateway.hash);
    };
    {
      await using engine = await world.engine();
      await accept(engine, 1, { cipherContexts: [contextFor(engine, gateway.exchange)] });
      block = await sealFor(engine, gateway.exchange, word);
      await accept(engine, 2, { apps: [bad, beside] });
      assert.deepEqual(await engine.secrets.open(block), word);
    }
    gateway.online = false;
    {
      await using engine = await world.engine();
      assert.deepEqual(await engine.secrets.open(block), word, "after a start without a network");
      gateway.online = true;
      await accept(engine, 3, {});
      await assert.rejects(engine.secrets.open(block), /has no cipher context c/);
    }
  });

  it("is stopped when it is not to be active", async () => {
    using world = await bothRun();
    world.configure({ apps: [{ ...bad, activate: false }, beside] });
    await world.tells(ids.app, HALTED, [stays]);
    world.configure({ apps: [bad, beside] });
    await world.tells(ids.app, RUNNING, [stays]);
  });

  it("is known by its record where the configuration before is lost", async () => {
    using world = await bothRun();
    world.configure({ apps: [bad, beside] });
    await world.tells(ids.app, RUNNING, [stays]);
    world.node.killEngine();
    await world.node.disk.open().remove("control/config-whole.pb");
    await world.clock.pass(minutes(5));
    await world.tells(ids.app, RUNNING, [stays]);
    assert.equal(world.launches(ids.app), 1);
  });
});

describe("volumes, contents and networks whose entries cannot be read", () => {
  const nowhere = { origin: { type: 2, downloadContentTreeID: "x" } };
  const broken = {
    volumes: volumes.map((it) => ({ ...it, ...nowhere })),
    contentInfo: [{ uuid: ids.content }],
    networkInstances: [{ ...network, ip: { subnet: "10.77" } }],
  };

  it("stay, with what is on them, however long and through boots; the apps on them run", async () => {
    using world = await bothRun();
    world.configure(broken);
    await world.acknowledges();
    for (const boots of [0, 1]) {
      if (boots > 0) world.reboot();
      await world.clock.pass(minutes(10));
      for (const id of [ids.app, ids.other]) await world.tells(id, RUNNING, []);
      assert.equal(world.volumes(), 3);
    }
    const volume = world.told((it) =>
      it.case === "vinfo" && it.value.uuid === ids.data ? it.value : undefined,
    );
    assert.match(volume?.volumeErr?.description ?? "", /^volumes\[2\]\.origin.*stays as it was/);
    const tree = world.told((it) => (it.case === "cinfo" ? it.value : undefined));
    assert.match(tree?.err?.description ?? "", /^contentInfo\[0\]\.URL: is empty; it stays/);
    const told = world.told((it) => (it.case === "niinfo" ? it.value : undefined));
    assert.match(told?.networkErr[0]?.description ?? "", /^networkInstances\[0\]\.ip\.subnet: "10\.77"/);
    world.configure({ apps: [], volumes: [], contentInfo: [] });
    await world.until("what is not wanted to go", () => world.volumes() === 0);
  });

  it("stay where the configuration before is lost, and what is on them", async () => {
    using world = await bothRun();
    world.configure({ ...broken, apps: [] });
    await world.acknowledges();
    world.node.killEngine();
    await world.node.disk.open().remove("control/config-whole.pb");
    await world.clock.pass(minutes(10));
    assert.equal(world.volumes(), 3);
    world.configure({});
    for (const id of [ids.app, ids.other]) await world.tells(id, RUNNING, []);
  });
});
