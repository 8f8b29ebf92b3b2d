/** What a replica that follows passes on: all that is said is heard, and nothing stays that leads nowhere. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { duplexPair } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import { deviceDoor } from "../src/replicas/device-door.ts";
import { Forwarding } from "../src/replicas/forwarding.ts";
import { join, LeaderConnections } from "../src/replicas/leader-connections.ts";
import { peerPort } from "../src/replicas/peer-port.ts";

const host = "127.0.0.1";
const log = new Log("test", new SystemClock(), silentSink);
const gone = async (socket: Socket): Promise<unknown> => socket.destroyed || (await once(socket, "close"));

/** A leader that takes its time to answer another replica. */
async function slowLeader(): Promise<{
  readonly connections: LeaderConnections;
  /** The connection that waits for its word, once there is one. */
  readonly asked: Promise<Socket>;
  readonly stop: () => void;
}> {
  const server = createServer();
  const asked = once(server, "connection").then(async ([socket]) => {
    const peer = socket as Socket;
    peer.on("error", () => undefined);
    await once(peer, "data");
    return peer;
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { connections: new LeaderConnections(() => ({ host, port })), asked, stop: () => server.close() };
}

describe("connections to the replica that leads", () => {
  it("carry all that one side has said before it ended, to one that reads late", async () => {
    const [node, outer] = duplexPair({ allowHalfOpen: false, highWaterMark: 16_384 });
    const [inner, leader] = duplexPair({ allowHalfOpen: false });
    join(outer, inner);
    // The first is read ahead, the second is on its way, and the third waits for that.
    for (const size of [10_000, 10_000, 5_000]) {
      leader.write(Buffer.alloc(size, "x"));
      await nextTurn();
    }
    leader.resume().end();
    await once(inner, "close");
    assert.equal((await buffer(node)).length, 25_000);
  });

  it("end with one side that is cut off", async () => {
    const [node, outer] = duplexPair();
    const [inner, leader] = duplexPair();
    join(outer, inner);
    leader.on("error", () => undefined);
    inner.destroy();
    await once(outer, "close");
    assert.equal(node.readableEnded, false);
  });

  it("end at both sides when another one leads", async () => {
    const served = Promise.withResolvers<Socket>();
    await using peer = peerPort(() => (_purpose, socket) => served.resolve(socket));
    const port = await peer.listen({ host, port: 0 });
    const leader = new LeaderConnections(() => ({ host, port }));
    await using door = deviceDoor({ serve: () => undefined, leader, log });
    const node = connect(await door.listen({ host, port: 0 }), host);
    const upstream = await served.promise;
    upstream.write("hello");
    assert.equal(String((await once(node, "data"))[0]), "hello");
    leader.cut();
    await Promise.all([gone(node), gone(upstream)]);
  });

  it("are not made when another one leads by the time the first has answered", async () => {
    const { connections, asked, stop } = await slowLeader();
    const opening = connections.open("device");
    const peer = await asked;
    connections.cut();
    peer.write("+");
    assert.equal(await opening, undefined);
    await gone(peer);
    stop();
  });

  it("are given up with a client that leaves before they are made", async () => {
    const { connections, asked, stop } = await slowLeader();
    const forwarding = new Forwarding({ leader: connections, tls: () => ({ ca: "", cert: "", key: "" }) });
    const [, socket] = duplexPair();
    const request = { method: "GET", url: "/", headers: { upgrade: "websocket" } } as IncomingMessage;
    const head = new Uint8Array();
    const forwarded = forwarding.forward(request, { type: "upgrade", socket, head }, undefined);
    const peer = await asked;
    socket.destroy();
    await once(socket, "close");
    peer.write("+");
    await gone(peer);
    await forwarded;
    stop();
  });
});
