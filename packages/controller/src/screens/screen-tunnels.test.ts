import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Log, minutes, seconds, silentSink } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { ManualClock } from "../../test/manual-clock.ts";
import type { KnownNode } from "../gateway/node-directory.ts";
import type { TunnelSocket } from "./screen-tunnel.ts";
import { ScreenTunnels } from "./screen-tunnels.ts";

const node = { id: "n1", name: "box" } as KnownNode;
const app = "a1";
const select = "6.select,3.vnc;";
const args = "4.args,8.hostname,4.port;";
const connect = "7.connect,0.,0.;";
const connected = "7.connect,9.127.0.0.1,4.5903;";

/** What the box gets, and its voice. */
class Box implements TunnelSocket {
  readonly got: string[] = [];
  isPaused = false;
  closed = false;
  say: (text: string, isText?: boolean) => void = () => undefined;
  sign: () => void = () => undefined;
  #next = 0;
  #gone: () => void = () => undefined;

  async send(message: Uint8Array): Promise<void> {
    if (this.closed) throw new Error("it is closed");
    this.got.push(Buffer.from(message).toString());
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#gone();
  }

  onMessage(take: (message: Uint8Array, isText: boolean) => void): void {
    this.say = (text, isText = false) => take(Buffer.from(text), isText);
  }

  onSign(heard: () => void): void {
    this.sign = heard;
  }

  onClose(gone: () => void): void {
    this.#gone = gone;
  }

  /** As its client numbers what guacd says. */
  answer(text: string): void {
    this.say(`${(this.#next++).toString(16).padStart(4, "0")}${text}`);
  }
}

class World {
  readonly clock = new ManualClock(0);
  screens: Record<string, number> = { [app]: 3 };
  readonly tunnels: ScreenTunnels;
  #changed: (node: string) => void = () => undefined;
  #gone: (node: KnownNode) => void = () => undefined;

  constructor() {
    this.tunnels = new ScreenTunnels({
      book: {
        current: () => ({ config: this.#config(), hash: "" }),
        onChange: (listener) => {
          this.#changed = listener;
          return () => undefined;
        },
      },
      directory: {
        byId: (id) => (id === node.id ? node : undefined),
        onGone: (listener) => {
          this.#gone = listener;
          return () => undefined;
        },
      },
      clock: this.clock,
      log: new Log("test", this.clock, silentSink),
    });
  }

  dial(): Box {
    const box = new Box();
    this.tunnels.attach(node, box);
    return box;
  }

  open(signal = new AbortController().signal): Promise<Duplex> {
    return this.tunnels.open(node.id, app, signal);
  }

  want(screens: Record<string, number>): void {
    this.screens = screens;
    this.#changed(node.id);
  }

  remove(): void {
    this.#gone(node);
  }

  pass(span: number): void {
    for (let left = span; left > 0; ) left = this.clock.step(left);
  }

  #config(): Uint8Array {
    const apps = Object.entries(this.screens).map(([uuid, vncDisplay]) => ({
      ...{ uuidandversion: { uuid }, remoteConsole: true, fixedresources: { vncDisplay } },
    }));
    const others = [{ uuidandversion: { uuid: "other" }, fixedresources: { vncDisplay: 9 } }];
    const message = create(config.EdgeDevConfigSchema, { apps: [...apps, ...others] });
    return toBinary(config.EdgeDevConfigSchema, message);
  }
}

const written = (viewer: Duplex, text: string): Promise<unknown> =>
  new Promise((resolve) => viewer.write(text, resolve));

/** A viewer that has got as far as the screen. */
async function looking(world: World, box: Box): Promise<Duplex> {
  const viewer = await world.open();
  await written(viewer, select);
  box.answer(args);
  await written(viewer, connect);
  return viewer;
}

const heard = (viewer: Duplex): string => [...readAll(viewer)].join("");

function* readAll(viewer: Duplex): Generator<string> {
  for (let part = viewer.read(); part !== null; part = viewer.read()) yield String(part);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("tunnels to screens", () => {
  it("carry one connection to the app's own screen, numbered as a box reads it", async () => {
    const world = new World();
    const box = world.dial();
    assert.deepEqual(box.got, [], "nothing before somebody looks");
    const viewer = await looking(world, box);
    assert.deepEqual(box.got, [`0000${select}`, `0001${connected}`]);
    box.answer("5.ready,2.$1;");
    box.answer("4.sync,1.1;");
    assert.equal(heard(viewer), `${args}5.ready,2.$1;4.sync,1.1;`);
  });

  it("are left whole by who said nothing, and end with who did, so that the box dials the next", async () => {
    const world = new World();
    const box = world.dial();
    const probe = await world.open();
    await assert.rejects(world.open(), /somebody looks at a screen of this node/);
    probe.destroy();
    const stranger = await world.open();
    await written(stranger, "GET / HTTP/1.1\r\n\r\n");
    assert.match(stranger.errored?.message ?? "", /no instruction of Guacamole's/);
    assert.deepEqual([box.closed, box.got], [false, []]);
    const viewer = await looking(world, box);
    viewer.end();
    await turn();
    assert.ok(box.closed);
    const next = world.open();
    const again = world.dial();
    await written(await next, select);
    assert.deepEqual(again.got, [`0000${select}`], "and whoever waits for it gets it");
  });

  it("are waited for as long as a box takes to dial anew, and by no more than a few", async () => {
    const world = new World();
    const waiting = Array.from({ length: 8 }, () => assert.rejects(world.open(), /holds no tunnel/));
    await assert.rejects(world.open(), /8 wait for the node's next tunnel already/);
    world.pass(seconds(41));
    await Promise.all(waiting);
    const gone = new AbortController();
    const given = assert.rejects(world.open(gone.signal), /holds no tunnel/);
    gone.abort();
    await given;
    const viewer = world.open();
    world.dial();
    assert.ok(await viewer);
  });

  it("end a connection whose client is gone", async () => {
    const world = new World();
    const box = world.dial();
    const gone = new AbortController();
    const viewer = await world.open(gone.signal);
    await written(viewer, select);
    gone.abort();
    assert.deepEqual([viewer.destroyed, box.closed], [true, true]);
  });

  it("are one a node: who dials again takes its own place", async () => {
    const world = new World();
    const box = world.dial();
    const viewer = await looking(world, box);
    const again = world.dial();
    assert.deepEqual([box.closed, again.closed], [true, false]);
    assert.match(viewer.errored?.message ?? "", /has dialled again/);
    box.answer("late");
    assert.ok(await world.open());
  });

  it("end with the app, and with the node", async () => {
    for (const end of [(world: World) => world.want({}), (world: World) => world.remove()]) {
      const world = new World();
      const box = world.dial();
      world.want({ [app]: 3, b2: 4 });
      assert.equal(box.closed, false);
      end(world);
      assert.ok(box.closed);
    }
    const world = new World();
    assert.deepEqual([world.tunnels.isWanted("n1"), world.tunnels.isWanted("n2")], [true, false]);
    assert.deepEqual([world.tunnels.leadsTo("n1", app), world.tunnels.leadsTo("n1", "other")], [true, false]);
  });

  it("wait for a viewer that does not read, with little in memory", async () => {
    const world = new World();
    const box = world.dial();
    const viewer = await looking(world, box);
    heard(viewer);
    box.answer("x".repeat(100_000));
    assert.equal(box.isPaused, true);
    assert.equal(heard(viewer).length, 100_000);
    await turn();
    assert.equal(box.isPaused, false);
  });

  it("end when nothing is heard of the box, or a viewer has nothing to say", async () => {
    const world = new World();
    const [box, silent] = [world.dial(), world.dial()];
    assert.ok(box.closed);
    for (let count = 0; count < 10; count++) {
      world.pass(seconds(14));
      silent.sign();
    }
    assert.equal(silent.closed, false);
    world.pass(minutes(1));
    assert.ok(silent.closed);
    const taken = world.dial();
    const viewer = await looking(world, taken);
    for (let count = 0; count < 30 && !taken.closed; count++) {
      world.pass(seconds(14));
      taken.sign();
    }
    assert.ok(taken.closed);
    assert.match(viewer.errored?.message ?? "", /nobody said anything for long/);
  });

  for (const [what, say] of [
    ["speaks unasked", (box: Box) => box.say("0000hello")],
    ["sends text", (box: Box) => box.say("0000hello", true)],
  ] as const)
    it(`end with a box that ${what}`, () => {
      const box = new World().dial();
      say(box);
      assert.ok(box.closed);
    });

  for (const [what, say] of [
    ["sends text", (box: Box) => box.say("0001hello", true)],
    ["sends too little", (box: Box) => box.say("00")],
    ["sends what is no number", (box: Box) => box.say("wxyzdata")],
    ["skips a number", (box: Box) => box.say("0002data")],
    ["says again what it said", (box: Box) => box.say(`0000${args}`)],
  ] as const)
    it(`end with a box that ${what} while somebody looks`, async () => {
      const world = new World();
      const box = world.dial();
      const viewer = await looking(world, box);
      say(box);
      assert.deepEqual([box.closed, viewer.destroyed], [true, true]);
    });

  it("end with a box that speaks before the viewer does", async () => {
    const world = new World();
    const box = world.dial();
    const viewer = await world.open();
    box.answer(args);
    assert.deepEqual([box.closed, viewer.destroyed], [true, true]);
  });

  it("end with a guacd that says it takes more than any does", async () => {
    const world = new World();
    const box = world.dial();
    const viewer = await world.open();
    await written(viewer, select);
    box.answer(`4.args,${"1.a,".repeat(300)}1.b;`);
    assert.match(viewer.errored?.message ?? "", /elements/);
  });

  it("end with the controller", async () => {
    const world = new World();
    const box = world.dial();
    world.tunnels[Symbol.dispose]();
    assert.ok(box.closed);
  });
});
