/** What is looked at by programs and as files, and what ends it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer as tcpServer } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, reports, type World, world } from "./edgeview-world.ts";

/** As a configuration with another generation does. */
function nextGeneration({ store }: World): void {
  const desired = store.desired.get();
  assert.ok(desired?.edgeview !== undefined);
  store.desired.set({ ...desired, edgeview: { ...desired.edgeview, generation: 1 } });
}

async function programsRun(wanted: boolean): Promise<void> {
  while (process.getActiveResourcesInfo().includes("ProcessWrap") !== wanted) await wait(10);
}

async function fetchFile(client: Client, system: string, more: object = {}): Promise<[object, Buffer]> {
  client.send(JSON.stringify({ version: "0.8.8", system, ...more }));
  const about = JSON.parse((await client.next()).bytes.toString()) as { size: number };
  client.send("+++Start-Copy+++", { binary: true });
  const pieces: Buffer[] = [];
  for (;;) {
    const { bytes, isText } = await client.next();
    if (isText) {
      assert.equal(bytes.toString(), "+++Done+++");
      return [about, Buffer.concat(pieces)];
    }
    pieces.push(bytes);
  }
}

describe("looking at a node from afar", () => {
  it("answers lists by programs that only look, and says what is not done and why", async () => {
    await using at = await world();
    await using client = await at.client();
    const both = await client.ask({ network: "route,arp" });
    assert.match(both, /=== route ===\n.*lookup main.*=== arp ===/s);
    assert.match(await client.ask({ system: "ps/busybox" }), / busybox$/m);
    assert.equal(await client.ask({ network: "ping/-f" }), "-f is not a name or an address\n");
    assert.match(await client.ask({ network: "speed" }), /speed is not done on this node: a measurement/);
    assert.match(await client.ask({ network: "addhost/a/192.0.2.1" }), /nothing changes by looking/);
    assert.match(await client.ask({ pubsub: "zedagent" }), /^pub is not done on this node: /);
    assert.match(await client.ask({ logopt: "x", logtype: "app" }), /lies in the vault/);
    assert.match(await client.ask({ system: "lastreboot" }), /booted +1970-01-01/);
  });

  it("starts those programs by words that they know", async () => {
    await using at = await world();
    await using client = await at.client();
    for (const [network, expected] of [
      ["acl", /^(table .*)?$/s],
      ["socket", /^Netid/],
      ["flow/nobody", /^$/],
      ["trace/127.0.0.1", /^traceroute to 127\.0\.0\.1.* 10 hops max.*\n *1 /],
      ["du", /^Filesystem/],
      ["dmesg", /^(.|dmesg: read kernel buffer failed)*/],
    ] as const)
      assert.match(await client.ask({ network, extraline: 3 }), expected, network);
  });

  it("shows certificates of servers, where connections may lead to them", async () => {
    await using at = await world();
    await using client = await at.client();
    const shown = await client.ask({ network: `showcerts/127.0.0.1:${at.dispatcher.port}` });
    assert.match(shown, /^subject: CN=dispatcher\n issuer: CN=dispatcher\n serial: /);
    assert.match(shown, /names: IP Address:127\.0\.0\.1\n/);
    const outside = await client.ask({ network: "showcerts/192.0.2.200" });
    assert.match(outside, /not allowed by policy: External policy not allow/);
    assert.match(await client.ask({ network: "showcerts/-x" }), /needs a name or an address/);
  });

  it("gives reports as files, in pieces once they are wanted, and nothing by a path of the box", async () => {
    await using at = await world();
    await using client = await at.client();
    const content = reports["engine.log"] ?? "";
    const [about, bytes] = await fetchFile(client, "cp//engine.log");
    const sha256 = createHash("sha256").update(content).digest("hex");
    assert.deepEqual(
      { ...about, modtsec: 0 },
      { name: "engine.log", size: content.length, modtsec: 0, sha256 },
    );
    assert.equal(bytes.toString(), content);
    assert.equal(await client.ask({ system: "cat//engine.log", extraline: -1 }), "the last\n");
    assert.match(await client.ask({ system: "ls//" }), /22 {2}\/routes\.txt\n/);
    for (const path of ["/etc/shadow", "/../etc/shadow", "/proc/self/environ", "/persist/vault/key"])
      for (const word of ["cat", "cp"])
        assert.match(await client.ask({ system: `${word}/${path}` }), /is no report of this node/);
    assert.match(await client.ask({ system: "tar//etc" }), /the only folder is/);
    // Who asks for a file and then for something else does not get it.
    client.send(JSON.stringify({ version: "0.8.8", system: "cp//engine.log" }));
    await client.next();
    client.send("no, thank you", { binary: true });
    assert.match((await client.next()).bytes.toString(), /failed: the client does not take the file/);
  });

  it("lets a few commands wait, and no more", async () => {
    await using at = await world();
    await using client = await at.client();
    client.send(JSON.stringify({ version: "0.8.8", system: "cp//engine.log" }));
    await client.next();
    for (let count = 0; count < 4; count++) client.send(JSON.stringify({ system: "hw" }));
    assert.match((await client.next()).bytes.toString(), /4 commands are waiting already/);
  });

  it("ends relays at once when the configuration counts another generation", async () => {
    await using at = await world();
    const accepted = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    await using service = tcpServer((socket) => {
      accepted.resolve();
      socket
        .resume()
        .on("error", () => {})
        .once("close", () => closed.resolve());
    }).listen(0, "127.0.0.1");
    await once(service, "listening");
    const { port } = service.address() as AddressInfo;
    await using client = await at.client();
    client.send(JSON.stringify({ network: `tcp/127.0.0.1:${port}` }));
    await client.next();
    client.send(JSON.stringify({ version: 0, mappingId: 1, chanNum: 1, data: btoa("x") }), { binary: true });
    await accepted.promise;
    nextGeneration(at);
    await closed.promise;
  });

  it("ends programs as well, and begins anew with nothing counted", { timeout: 20_000 }, async () => {
    await using at = await world();
    await using client = await at.client();
    await client.ask({ system: "hw" });
    client.send(JSON.stringify({ network: "tcpdump/lo/tcp port 1", timerange: "100" }));
    await programsRun(true);
    const again = Promise.withResolvers<void>();
    at.dispatcher.onDevice = () => again.resolve();
    nextGeneration(at);
    await again.promise;
    await programsRun(false);
    assert.equal(at.store.edgeview.get()?.device, 0);
    assert.equal(at.dispatcher.devices.length, 2);
    assert.match(await client.ask({ system: "hw" }), /system +Test/);
  });
});
