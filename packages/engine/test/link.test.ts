import assert from "node:assert/strict";
import { createHash, verify, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { hours, millis, minutes, seconds, sleep } from "@selvedge/base";
import { config, decodeEnvelope, ext, LinkMux, type LinkSocket } from "@selvedge/eve-api";
import type { AppId } from "../src/desired.ts";
import { ControlWorld } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

/** One end of a connection in memory; messages arrive a turn later, in order. */
class MemorySocket implements LinkSocket {
  peer: MemorySocket | undefined;
  readonly bufferedBytes = 0;
  #take: ((message: Uint8Array) => void) | undefined;
  #early: Uint8Array[] = [];
  #onClose: () => void = () => undefined;
  #open = true;

  send(message: Uint8Array): void {
    queueMicrotask(() => this.peer?.deliver(message));
  }

  deliver(message: Uint8Array): void {
    if (!this.#open) return;
    if (this.#take === undefined) this.#early.push(message);
    else this.#take(message);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose();
    queueMicrotask(() => this.peer?.close());
  }

  onMessage(take: (message: Uint8Array) => void): void {
    this.#take = take;
    for (const message of this.#early.splice(0)) take(message);
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
  }
}

function pair(): [MemorySocket, MemorySocket] {
  const [left, right] = [new MemorySocket(), new MemorySocket()];
  left.peer = right;
  right.peer = left;
  return [left, right];
}

const encode = (body: MessageInitShape<typeof ext.LinkFrameSchema>["body"]): Uint8Array =>
  toBinary(ext.LinkFrameSchema, create(ext.LinkFrameSchema, body === undefined ? {} : { body }));

/** The controller's end: challenges, keeps the hello, welcomes, and then speaks as the hub does. */
class ControllerEnd {
  readonly nonce: Uint8Array = Uint8Array.from({ length: 16 }, (_, at) => at);
  readonly hellos: Uint8Array[] = [];
  dials = 0;
  mux: LinkMux | undefined;
  welcomes = true;
  #hash = "hash-1";
  readonly #world: ControlWorld;

  constructor(world: ControlWorld) {
    this.#world = world;
  }

  readonly dial = async (): Promise<LinkSocket> => {
    this.dials++;
    const [here, there] = pair();
    here.onMessage((message) => {
      const { body } = fromBinary(ext.LinkFrameSchema, message);
      if (body.case !== "hello") return;
      this.hellos.push(body.value);
      if (!this.welcomes) return;
      here.send(
        encode({ case: "welcome", value: create(ext.LinkWelcomeSchema, { configHash: this.#hash }) }),
      );
      this.mux = new LinkMux({ socket: here, clock: this.#world.clock, end: "controller" });
    });
    here.send(
      encode({
        case: "challenge",
        value: create(ext.LinkChallengeSchema, { nonce: this.nonce, version: 3 }),
      }),
    );
    return there;
  };
}

async function linked(): Promise<{ world: ControlWorld; end: ControllerEnd }> {
  const world = new ControlWorld();
  world.gateway.config = create(config.EdgeDevConfigSchema, { id: { uuid: nodeId } });
  return { world, end: new ControllerEnd(world) };
}

describe("the link", () => {
  it("is opened with an answer to the challenge, signed by the device key", async () => {
    const { world, end } = await linked();
    await using engine = await world.engine({ dial: end.dial });
    await world.until("up", () => end.mux !== undefined);
    const { payload, signature, senderCertHash } = decodeEnvelope(end.hellos[0] ?? new Uint8Array());
    const device = new X509Certificate(engine.identity.device.pem);
    assert.ok(verify("sha256", payload, { key: device.publicKey, dsaEncoding: "ieee-p1363" }, signature));
    assert.deepEqual(Buffer.from(senderCertHash), createHash("sha256").update(device.raw).digest());
    const hello = fromBinary(ext.LinkHelloSchema, payload);
    assert.deepEqual([hello.nodeId, hello.version], [nodeId, 1]);
    assert.deepEqual(hello.nonce, end.nonce);
  });

  it("makes a change act in less than a second, and the node poll rarely", async () => {
    const { world, end } = await linked();
    await using engine = await world.engine({ dial: end.dial });
    await world.until("accepted", () => engine.store.desired.get() !== undefined && end.mux !== undefined);
    await world.clock.pass(minutes(1));
    const polls = world.gateway.count("config");
    const told = world.gateway.infos.length;
    await world.clock.pass(hours(10));
    assert.ok(
      world.gateway.count("config") - polls <= 10 * 7,
      `${world.gateway.count("config") - polls} polls`,
    );
    assert.equal(world.gateway.infos.length, told);
    assert.ok(world.gateway.metrics.length <= 40, `${world.gateway.metrics.length} metrics`);
    world.gateway.config = create(config.EdgeDevConfigSchema, { id: { uuid: nodeId }, deviceName: "new" });
    world.gateway.hash = "hash-2";
    end.mux?.changed("hash-2");
    await world.clock.pass(seconds(1));
    assert.equal(engine.store.desired.get()?.nodeName, "new");
  });

  it("leaves an app that begins, and whoever asks for more figures, not without them for hours", async () => {
    const { world, end } = await linked();
    await using engine = await world.engine({ dial: end.dial });
    await world.until("accepted", () => engine.store.desired.get() !== undefined && end.mux !== undefined);
    await world.clock.pass(minutes(10));
    const { metrics } = world.gateway;
    const idle = metrics.length;
    const app = "11111111-1111-4111-8111-111111111111" as AppId;
    engine.store.apps.set(app, { id: app, state: "running", report: { conditions: [] } } as never);
    await world.clock.pass(seconds(1));
    assert.equal(metrics.length, idle + 1);
    world.gateway.config = create(config.EdgeDevConfigSchema, {
      ...{ id: { uuid: nodeId }, configItems: [{ key: "timer.metric.interval", value: "10" }] },
    });
    world.gateway.hash = "hash-2";
    end.mux?.changed("hash-2");
    await world.clock.pass(seconds(1));
    assert.equal(metrics.length, idle + 2);
    await world.clock.pass(seconds(30));
    assert.ok(metrics.length >= idle + 4, `${metrics.length - idle} after half a minute`);
  });

  it("is not needed for a change: once it is gone, polls are at EVE's pace again", async () => {
    const { world, end } = await linked();
    let away = false;
    const dial = async (): Promise<LinkSocket> => {
      if (away) throw new Error("a proxy that lets no WebSocket through");
      return await end.dial();
    };
    await using engine = await world.engine({ dial });
    await world.until("up", () => end.mux !== undefined && engine.store.desired.get() !== undefined);
    await world.clock.pass(minutes(1));
    away = true;
    end.mux?.close();
    world.gateway.config = create(config.EdgeDevConfigSchema, { id: { uuid: nodeId }, deviceName: "new" });
    world.gateway.hash = "hash-2";
    await world.clock.pass(minutes(1));
    assert.equal(engine.store.desired.get()?.nodeName, "new");
  });

  it("tells of a change back to what the node has while a poll brings the change before it", async () => {
    const { world, end } = await linked();
    await using engine = await world.engine({ dial: end.dial });
    await world.until("up", () => end.mux !== undefined && engine.store.desired.get() !== undefined);
    await world.clock.pass(minutes(1));
    const send = world.gateway.send.bind(world.gateway);
    world.gateway.send = async (request) => {
      const answer = await send(request);
      await sleep(world.clock, seconds(1));
      return answer;
    };
    const first = world.gateway.config;
    world.gateway.config = create(config.EdgeDevConfigSchema, { id: { uuid: nodeId }, deviceName: "new" });
    world.gateway.hash = "hash-2";
    end.mux?.changed("hash-2");
    await world.clock.pass(millis(500));
    world.gateway.config = first;
    world.gateway.hash = "hash-1";
    end.mux?.changed("hash-1");
    await world.clock.pass(millis(600));
    assert.equal(engine.store.desired.get()?.nodeName, "new");
    await world.clock.pass(seconds(2));
    assert.equal(engine.store.desired.get()?.nodeName, nodeId, "a node without a name has its UUID");
  });

  it("comes back after it broke and its controller was away for hours", async () => {
    const { world, end } = await linked();
    let away = false;
    const dial = async (): Promise<LinkSocket> => {
      if (away) throw new Error("connection refused");
      return await end.dial();
    };
    await using engine = await world.engine({ dial });
    await world.until("up", () => end.mux !== undefined && engine.store.desired.get() !== undefined);
    away = true;
    world.gateway.online = false;
    end.mux?.close();
    const before = end.dials;
    await world.clock.pass(hours(3));
    away = false;
    world.gateway.online = true;
    await world.clock.pass(minutes(6));
    assert.equal(end.dials, before + 1);
  });

  it("does not wait for ever for a controller that accepts and says nothing", async () => {
    const { world, end } = await linked();
    end.welcomes = false;
    await using _engine = await world.engine({ dial: end.dial });
    await world.until("tried again", () => end.dials >= 3);
  });

  it("refuses streams on a node that runs no apps, with a reason for the user", async () => {
    const { world, end } = await linked();
    await using _engine = await world.engine({ dial: end.dial });
    await world.until("up", () => end.mux !== undefined);
    const opening = end.mux?.open({ appId: "a", container: "b", what: { case: "logs", value: {} } });
    const refused = assert.rejects(opening ?? Promise.resolve(), /runs no apps/);
    await world.clock.pass(seconds(1));
    await refused;
  });
});
