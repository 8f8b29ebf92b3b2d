import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { type PodRef, StatusError } from "@selvedge/apiserver";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import { LinkClosedError, LinkMux, type LinkSocket, type LinkStream } from "@selvedge/eve-api";
import { NodeLinks } from "./link-hub.ts";
import { NodeStreams } from "./node-streams.ts";

/** One end of a connection in memory. */
class MemorySocket implements LinkSocket {
  readonly bufferedBytes = 0;
  peer: MemorySocket | undefined;
  #onMessage: (message: Uint8Array) => void = () => undefined;
  #onClose: () => void = () => undefined;
  isOpen = true;

  static pair(): [MemorySocket, MemorySocket] {
    const [one, other] = [new MemorySocket(), new MemorySocket()];
    one.peer = other;
    other.peer = one;
    return [one, other];
  }

  send(message: Uint8Array): void {
    queueMicrotask(() => {
      if (this.peer?.isOpen) this.peer.#onMessage(message);
    });
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
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

const clock = new SystemClock();
const log = new Log("test", clock, silentSink);
const pod: PodRef = { namespace: "default", name: "p", uid: "app-1", nodeName: "box" };
const attach = { container: "c", tty: false, stdin: true, stdout: true, stderr: true };
const signal = new AbortController().signal;

class World {
  readonly changed = new Set<(node: string) => void>();
  hash = "h1";
  readonly links = new NodeLinks({
    ...{ clock, log },
    onOpen: (node, stream) => {
      if (stream.open.what.case !== "api") throw new LinkClosedError(`${node} asks too much`, "BadRequest");
      stream.onData((channel, bytes) => stream.write(channel, bytes));
    },
    book: {
      current: () => ({ config: new Uint8Array(), hash: this.hash }),
      onChange: (listener) => {
        this.changed.add(listener);
        return () => this.changed.delete(listener);
      },
    },
  });
  readonly streams = new NodeStreams({
    links: this.links,
    logs: { read: (app, { container }) => Readable.from([`uploaded by ${app}/${container}`]) },
    nodeIdOf: async (name) => (name === "box" ? "node-1" : undefined),
    screens: { leadsTo: (_node, app) => app === "screen", open: async () => new PassThrough() },
  });
  readonly pushed: string[] = [];

  /** A node dials; `onOpen` is its side of streams. */
  dial(onOpen: (stream: LinkStream) => Promise<void> | void = () => undefined): LinkMux {
    const [ours, theirs] = MemorySocket.pair();
    const mux = new LinkMux({
      end: "engine",
      socket: theirs,
      clock,
      onOpen,
      onChanged: (hash) => void this.pushed.push(hash),
    });
    this.links.attach("node-1", ours);
    return mux;
  }
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "no refusal";
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return `${error.code} ${error.reason}: ${error.message}`;
  }
}

describe("links", () => {
  it("take streams of nodes beside their own, and no others than are served", async () => {
    const world = new World();
    const node = world.dial((stream) => void stream.write(1, Buffer.from("from the app")));
    const [asked, back] = [
      await node.open({ what: { case: "api", value: {} } }),
      await world.links.open("node-1", { appId: "a", what: { case: "port", value: { port: 80 } } }),
    ];
    const heard = await Promise.all(
      [asked, back].map(
        (stream) =>
          new Promise<string>((resolve) => {
            stream.onData((channel, bytes) => resolve(`${channel} ${Buffer.from(bytes)}`));
            if (stream === asked) void stream.write(1, Buffer.from("from the API"));
          }),
      ),
    );
    assert.deepEqual(heard, ["1 from the API", "1 from the app"]);
    assert.deepEqual([node.streamCount, node.ownCount], [2, 1]);
    const other = node.open({ what: { case: "exec", value: { command: ["sh"] } } });
    await assert.rejects(other, { message: "node-1 asks too much", reason: "BadRequest" });
    node.close();
  });

  it("replace their older ones, and are told of changes", async () => {
    const world = new World();
    const first = world.dial();
    const second = world.dial();
    assert.match(await first.closed, /the connection ended/);
    assert.deepEqual(world.links.size, 1);
    world.hash = "h2";
    for (const listener of world.changed) listener("node-1");
    for (const listener of world.changed) listener("another node");
    await new Promise(setImmediate);
    assert.deepEqual(world.pushed, ["h2"]);
    second.close();
    await new Promise(setImmediate);
    const state = world.links.state("node-1");
    assert.ok(!state.connected && state.since !== undefined);
    assert.equal(world.links.size, 0);
  });

  it("end with the node, and with the controller", async () => {
    const world = new World();
    const told: string[] = [];
    world.links.onChange((node) => told.push(node));
    const removed = world.dial();
    world.links.detach("node-1");
    await removed.closed;
    const stopped = world.dial();
    world.links[Symbol.dispose]();
    await stopped.closed;
    assert.equal(world.changed.size, 0);
    assert.deepEqual(told, ["node-1", "node-1", "node-1", "node-1"]);
    const late = world.dial();
    assert.match(await late.closed, /the connection ended/);
  });

  it("carry a hundred streams, and say so when there are more", async () => {
    const world = new World();
    const mux = world.dial((stream) => stream.onData(() => undefined));
    const open = (): Promise<unknown> => world.streams.exec(pod, { ...attach, command: ["x"] }, signal);
    await Promise.all(Array.from({ length: 100 }, open));
    assert.match(await refusal(open()), /^429 TooManyRequests: .* has 100 streams open; close one/);
    mux.close();
  });
});

describe("streams of Pods", () => {
  it("pass input, output apart, sizes and the exit code", async () => {
    const world = new World();
    const sizes: string[] = [];
    const mux = world.dial((stream) => {
      assert.deepEqual(stream.open.appId, "app-1");
      stream.onResize((width, height) => sizes.push(`${width}x${height}`));
      stream.onData(async (channel, bytes) => {
        assert.equal(channel, 0);
        await stream.write(1, bytes);
        await stream.write(2, Buffer.from("!"));
      });
      stream.onEnd(() => stream.exit(4));
    });
    const session = await world.streams.exec(pod, { ...attach, command: ["x"] }, signal);
    session.resize(80, 24);
    const outputs = [text(session.stdout ?? Readable.from([])), text(session.stderr ?? Readable.from([]))];
    session.stdin?.write("hello");
    session.stdin?.end();
    assert.equal(await session.exit, 4);
    assert.deepEqual(await Promise.all(outputs), ["hello", "!"]);
    assert.deepEqual(sizes, ["80x24"]);
    mux.close();
  });

  it("break with the link: the session, and the log, know it", async () => {
    const world = new World();
    const mux = world.dial((stream) => stream.onData(() => undefined));
    const session = await world.streams.attach(pod, attach, signal);
    const logs = await world.streams.logs(
      pod,
      { container: "c", follow: true, previous: false, timestamps: false },
      signal,
    );
    const read = text(logs);
    mux.close();
    await assert.rejects(session.exit, /the link ended/);
    await assert.rejects(read, /the link ended/);
  });

  it("end at the node when the client goes", async () => {
    const world = new World();
    const opened = Promise.withResolvers<LinkStream>();
    const mux = world.dial((stream) => {
      stream.onData(() => undefined);
      opened.resolve(stream);
    });
    const client = new AbortController();
    await world.streams.exec(pod, { ...attach, command: ["x"] }, client.signal);
    client.abort();
    assert.equal(await (await opened.promise).closed, undefined);
    mux.close();
  });

  it("forward a connection, each half closed by itself", async () => {
    const world = new World();
    const mux = world.dial((stream) => {
      const got: Uint8Array[] = [];
      stream.onData((_channel, bytes) => void got.push(bytes));
      stream.onEnd(() => {
        void stream.write(1, Buffer.concat(got)).then(() => {
          stream.end(1);
          stream.reset();
        });
      });
    });
    const connection = await world.streams.portForward(pod, 80, signal);
    const answer = text(connection);
    connection.end("request");
    assert.equal(await answer, "request");
    mux.close();
  });

  it("lead to the screen of an app that has one, where guacd is by custom, without a link", async () => {
    const { streams } = new World();
    const screen = { ...pod, uid: "screen" };
    const viewer = await streams.portForward(screen, 4822, signal);
    assert.equal(await text(viewer.end("looked at")), "looked at");
    for (const [other, port] of [
      [pod, 4822],
      [screen, 80],
    ] as const)
      assert.match(await refusal(streams.portForward(other, port, signal)), /^503 ServiceUnavailable/);
  });

  const refusals: readonly (readonly [string, LinkClosedError, RegExp])[] = [
    ["NotFound", new LinkClosedError("no such app", "NotFound"), /^404 NotFound: node "box": no such app$/],
    ["a reason of its own", new LinkClosedError("odd", "Odd"), /^500 InternalError: node "box": odd$/],
    ["BadRequest", new LinkClosedError("bad", "BadRequest"), /^400 BadRequest/],
  ];
  for (const [name, error, expected] of refusals) {
    it(`refused by the node with ${name}`, async () => {
      const world = new World();
      const mux = world.dial(() => {
        throw error;
      });
      assert.match(await refusal(world.streams.attach(pod, attach, signal)), expected);
      mux.close();
    });
  }

  it("of a node that has gone without a word: logs as uploaded", async () => {
    const world = new World();
    const mux = world.dial(() => {
      throw new LinkClosedError("no answer to open", "Timeout");
    });
    const options = { container: "c", follow: false, previous: false, timestamps: false };
    assert.equal(await text(await world.streams.logs(pod, options, signal)), "uploaded by app-1/c");
    mux.close();
  });

  it("of a node without a link: logs as uploaded, the rest refused with since when", async () => {
    const world = new World();
    const options = { container: "c", follow: false, previous: false, timestamps: false };
    assert.equal(await text(await world.streams.logs(pod, options, signal)), "uploaded by app-1/c");
    const never =
      /^503 ServiceUnavailable: node "box" has no link since this controller started; its apps go on/;
    assert.match(await refusal(world.streams.attach(pod, attach, signal)), never);
    world.dial().close();
    await new Promise(setImmediate);
    const lost = /has no link since \d{4}-.*Z \(the connection ended\)/;
    assert.match(await refusal(world.streams.portForward(pod, 80, signal)), lost);
    const elsewhere = { ...pod, nodeName: "unknown" };
    assert.match(await refusal(world.streams.attach(elsewhere, attach, signal)), /^503 .*has not enrolled/);
  });
});
