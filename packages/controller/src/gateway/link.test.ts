import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ext, type LinkSocket } from "@selvedge/eve-api";
import { Box, enrolledBox, envelope, type NodeWorld, selfSigned } from "../../test/node-world.ts";

const onboarding = await selfSigned("onboarding");

/** The node's end of a connection, as the test drives it. */
class Dialled implements LinkSocket {
  readonly bufferedBytes = 0;
  readonly received: ext.LinkFrame[] = [];
  closed = false;
  #onMessage: (message: Uint8Array) => void = () => undefined;
  #onClose: () => void = () => undefined;

  send(message: Uint8Array): void {
    this.received.push(fromBinary(ext.LinkFrameSchema, message));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#onClose();
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#onMessage = listener;
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
  }

  say(body: ext.LinkFrame["body"]): void {
    this.#onMessage(toBinary(ext.LinkFrameSchema, create(ext.LinkFrameSchema, { body })));
  }

  sayBytes(bytes: Uint8Array): void {
    this.#onMessage(bytes);
  }

  get nonce(): Uint8Array {
    const [challenge] = this.received;
    assert.equal(challenge?.body.case, "challenge");
    return challenge.body.case === "challenge" ? challenge.body.value.nonce : new Uint8Array();
  }
}

const rendered = { config: new Uint8Array(), hash: "h7" };

function dial(world: NodeWorld, node: string): Dialled {
  const socket = new Dialled();
  world.gateway.acceptLink(node, socket);
  return socket;
}

function hello(box: Box, over: MessageInitShape<typeof ext.LinkHelloSchema>): ext.LinkFrame["body"] {
  const message = create(ext.LinkHelloSchema, { nodeId: box.id, version: 1, ...over });
  return { case: "hello", value: envelope(box.device, toBinary(ext.LinkHelloSchema, message)) };
}

describe("a link", () => {
  it("opens with a signed answer to the challenge, and is welcomed with the newest hash", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const socket = dial(world, box.id.toUpperCase());
    assert.equal(socket.nonce.length, 32);
    socket.say(hello(box, { nonce: socket.nonce }));
    const { body } = socket.received[1] ?? {};
    assert.equal(body?.case === "welcome" ? body.value.configHash : undefined, "h7");
    assert.deepEqual(
      world.linked.map(({ node }) => node),
      [box.id],
    );
    assert.equal(socket.closed, false);
  });

  it("of a node that is deleted ends", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const socket = dial(world, box.id);
    socket.say(hello(box, { nonce: socket.nonce }));
    await world.deleteEdgeNode("a");
    assert.deepEqual(world.detached, [box.id]);
  });

  it("has another nonce each time", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const nonces = Array.from({ length: 20 }, () => dial(world, box.id).nonce.toHex());
    assert.equal(new Set(nonces).size, nonces.length);
  });

  type Row = readonly [
    what: string,
    reason: string,
    act: (socket: Dialled, box: Box, world: NodeWorld) => void,
  ];
  const rows: readonly Row[] = [
    [
      "a hello recorded earlier",
      "replay",
      (socket, box) => socket.say(hello(box, { nonce: new Uint8Array(32) })),
    ],
    [
      "a hello for another node",
      "payload",
      (socket, box) => socket.say(hello(box, { nonce: socket.nonce, nodeId: "other" })),
    ],
    [
      "a frame that is no hello",
      "malformed",
      (socket) => socket.say({ case: "ping", value: create(ext.LinkPingSchema) }),
    ],
    ["bytes that are no frame", "malformed", (socket) => socket.sayBytes(Uint8Array.of(255))],
    [
      "a hello that is too long",
      "malformed",
      (socket) => socket.say({ case: "hello", value: new Uint8Array(20_000) }),
    ],
    [
      "an envelope of nobody",
      "malformed",
      (socket) => socket.say({ case: "hello", value: Uint8Array.of(1) }),
    ],
  ];
  for (const [what, reason, act] of rows) {
    it(`is refused with ${what}`, async () => {
      await using both = await enrolledBox(onboarding, rendered);
      const { world, box } = both;
      const socket = dial(world, box.id);
      act(socket, box, world);
      assert.equal(socket.closed, true);
      assert.deepEqual(world.linked, []);
      assert.deepEqual(world.gateway.refusals.of(box.id), { [reason]: 1 });
      // What still comes is not listened to.
      socket.say(hello(box, { nonce: socket.nonce }));
      assert.deepEqual(world.linked, []);
    });
  }

  it("is refused to a node at another node's path", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const other = await Box.enrolled(world, onboarding, "B");
    const socket = dial(world, box.id);
    socket.say(hello(other, { nonce: socket.nonce, nodeId: box.id }));
    assert.equal(socket.closed, true);
    assert.deepEqual(world.linked, []);
  });

  it("is refused to everybody once too many have dialled and say nothing", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const silent = Array.from({ length: 5_000 }, () => dial(world, "00000000-0000-4000-8000-000000000000"));
    assert.equal(dial(world, box.id).closed, true);
    for (const socket of silent) socket.close();
    assert.equal(dial(world, box.id).closed, false);
  });
});
