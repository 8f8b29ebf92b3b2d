import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, it } from "node:test";
import { greet } from "./ask.ts";

describe("whether somebody is there", () => {
  it("is told by a handshake, and nothing of the question stays with who asks for ever", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { signal } = new AbortController();
    await greet({ host: "127.0.0.1", port }, "127.0.0.1", 10_000, signal);
    server.close();
    await once(server, "close");
    await assert.rejects(greet({ host: "127.0.0.1", port }, "127.0.0.1", 10_000, signal), /ECONNREFUSED/);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("is not asked, or no longer, by who stops", async () => {
    const stop = new AbortController();
    const asking = greet({ host: "192.0.2.1", port: 9 }, "127.0.0.1", 10_000, stop.signal);
    stop.abort(new Error("stopped"));
    await assert.rejects(asking, /stopped/);
    await assert.rejects(greet({ host: "127.0.0.1", port: 9 }, "127.0.0.1", 10_000, stop.signal), /stopped/);
  });
});
