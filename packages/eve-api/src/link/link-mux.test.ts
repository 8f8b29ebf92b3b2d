import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { below, hours, minutes, SeededRandom, SystemClock } from "@selvedge/base";
import { SimClock } from "../../../harness/src/sim-clock.ts";
import { LinkFrameSchema, LinkOpenSchema } from "../gen/selvedge/ext_pb.ts";
import { LinkMux } from "./link-mux.ts";
import type { LinkSocket } from "./link-socket.ts";
import { type LinkStream, streamWindow } from "./link-stream.ts";

/** One end of a connection in memory; messages arrive a turn later, in order. */
class MemorySocket implements LinkSocket {
  peer: MemorySocket | undefined;
  readonly bufferedBytes = 0;
  #onMessage: (message: Uint8Array) => void = () => undefined;
  #onClose: () => void = () => undefined;
  #open = true;
  sent = 0;
  frames = 0;

  send(message: Uint8Array): void {
    this.sent += message.length;
    this.frames++;
    queueMicrotask(() => this.peer?.deliver(message));
  }

  deliver(message: Uint8Array): void {
    if (this.#open) this.#onMessage(message);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose();
    queueMicrotask(() => this.peer?.close());
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#onMessage = listener;
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
  }
}

function pair(): [MemorySocket, MemorySocket] {
  const left = new MemorySocket();
  const right = new MemorySocket();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

function world(onOpen: (stream: LinkStream) => Promise<void> | void): {
  controller: LinkMux;
  engine: LinkMux;
} & {
  sockets: [MemorySocket, MemorySocket];
} {
  const sockets = pair();
  const clock = new SystemClock();
  const controller = new LinkMux({ socket: sockets[0], clock, end: "controller" });
  const engine = new LinkMux({ socket: sockets[1], clock, onOpen, end: "engine" });
  return { controller, engine, sockets };
}

const exec = create(LinkOpenSchema, {
  appId: "a",
  container: "main",
  what: { case: "exec", value: { command: ["cat"] } },
});

describe("LinkMux", () => {
  it("echoes what it is sent, in order, whatever the sizes", async () => {
    const random = new SeededRandom(11);
    const { controller } = world((stream) => {
      stream.onData((channel, bytes) => stream.write(channel, bytes));
      stream.onEnd(() => {
        stream.exit(0);
        stream.reset();
      });
    });
    const stream = await controller.open(exec);
    const sent: Uint8Array[] = [];
    const got: Uint8Array[] = [];
    stream.onData((_channel, bytes) => void got.push(bytes));
    const exit = new Promise<number>((resolve) => stream.onExit(resolve));
    for (let round = 0; round < 40; round++) {
      const part = random.bytes(1 + below(random, 90_000));
      sent.push(part);
      await stream.write(1, part);
    }
    stream.end(1);
    assert.equal(await exit, 0);
    assert.equal(await stream.closed, undefined);
    assert.equal(Buffer.compare(Buffer.concat(got), Buffer.concat(sent)), 0);
    assert.equal(controller.streamCount, 0);
    controller.close();
  });

  it("keeps what comes before somebody listens, and its end", async () => {
    const { controller } = world((stream) => {
      void stream.write(1, Buffer.from("early")).then(() => stream.reset());
    });
    const stream = await controller.open(exec);
    await new Promise((resolve) => setImmediate(resolve));
    const got: string[] = [];
    stream.onData((_channel, bytes) => void got.push(Buffer.from(bytes).toString()));
    assert.equal(await stream.closed, undefined);
    assert.deepEqual(got, ["early"]);
    controller.close();
  });

  it("has a terminal's size before the program starts", async () => {
    const sizes: string[] = [];
    const { controller } = world(async (stream) => {
      await new Promise((resolve) => setImmediate(resolve));
      stream.onResize((width, height) => sizes.push(`${width}x${height}`));
    });
    await controller.open(exec, { width: 80, height: 24 });
    assert.deepEqual(sizes, ["80x24"]);
    controller.close();
  });

  it("holds a writer back while the reader does not take", async () => {
    let take: () => void = () => undefined;
    const { controller, sockets } = world((stream) => {
      stream.onData(() => new Promise<void>((resolve) => (take = resolve)));
    });
    const stream = await controller.open(exec);
    let done = false;
    const writing = stream.write(0, new Uint8Array(4 * streamWindow)).then(() => (done = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(done, false);
    assert.ok(sockets[0].sent < 2 * streamWindow, `${sockets[0].sent} bytes left`);
    while (!done) {
      take();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    controller.close();
  });

  it("tells why a stream is refused", async () => {
    const { controller } = world(() => {
      throw new Error("container main is not running");
    });
    await assert.rejects(controller.open(exec), /container main is not running/);
    assert.equal(controller.streamCount, 0);
    controller.close();
  });

  it("lets both ends open streams, each with numbers of its own", async () => {
    const [here, there] = pair();
    const clock = new SystemClock();
    const seen: string[] = [];
    const echo = (end: string) => (stream: LinkStream) => {
      seen.push(`${end} was asked for ${stream.id}`);
    };
    const controller = new LinkMux({ socket: here, clock, end: "controller", onOpen: echo("controller") });
    const engine = new LinkMux({ socket: there, clock, end: "engine", onOpen: echo("engine") });
    await Promise.all([controller.open(exec), engine.open(exec), controller.open(exec)]);
    assert.deepEqual(seen.sort(), [
      "controller was asked for 2147483648",
      "engine was asked for 1",
      "engine was asked for 2",
    ]);
    assert.deepEqual([controller.ownCount, controller.streamCount, engine.ownCount], [2, 3, 1]);
    const frame = create(LinkFrameSchema, { stream: 7, body: { case: "open", value: exec } });
    there.send(toBinary(LinkFrameSchema, frame));
    assert.match(await controller.closed, /not yours to open/);
  });

  it("ends every stream when the connection breaks", async () => {
    const { controller, sockets } = world(() => undefined);
    const stream = await controller.open(exec);
    sockets[1].close();
    assert.match((await stream.closed)?.message ?? "", /the link ended/);
    await assert.rejects(stream.write(0, new Uint8Array(1)), /ended/);
    await assert.rejects(controller.open(exec), /closed/);
  });

  for (const [what, bytes] of [
    ["bytes that are no frame", Uint8Array.of(255, 255, 255)],
    ["a frame that is too long", new Uint8Array(200_000)],
  ] as const) {
    it(`closes on ${what}`, async () => {
      const { controller, sockets } = world(() => undefined);
      sockets[1].send(bytes);
      assert.match(await controller.closed, /frame/);
    });
  }

  it("costs little while nothing happens: one question and one answer at a time", async () => {
    const { controller, engine, sockets, clock } = idleWorld();
    await clock.pass(hours(24));
    const frames = sockets[0].frames + sockets[1].frames;
    assert.ok(frames <= 2 * (86_400 / 180) + 2, `${frames} frames a day`);
    controller.close();
    await engine.closed;
  });

  it("notices at both ends that nothing comes through any more", async () => {
    const { controller, engine, sockets, clock } = idleWorld();
    await clock.pass(minutes(10));
    for (const socket of sockets) socket.peer = undefined;
    await clock.pass(minutes(3));
    assert.match(await engine.closed, /no answer to a ping/);
    assert.match(await controller.closed, /no answer to a ping/);
  });
});

function idleWorld(): {
  controller: LinkMux;
  engine: LinkMux;
  sockets: [MemorySocket, MemorySocket];
  clock: SimClock;
} {
  const sockets = pair();
  const clock = new SimClock();
  const controller = new LinkMux({ socket: sockets[0], clock, end: "controller" });
  const engine = new LinkMux({ socket: sockets[1], clock, end: "engine", onOpen: () => undefined });
  return { controller, engine, sockets, clock };
}
