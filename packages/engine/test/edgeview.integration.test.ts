/** Remote access through a dispatcher that joins two connections of one token, as EVE's does. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer as httpServer, request } from "node:http";
import { type AddressInfo, createServer as tcpServer } from "node:net";
import { describe, it } from "node:test";
import { type Instant, instant } from "@selvedge/base";
import { readToken, TokenError } from "../src/edgeview/token.ts";
import { claims, controller, isFromController, node, p1363, token, world } from "./edgeview-world.ts";

describe("a token", () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const rows: [string, string, RegExp][] = [
    ["somebody else's", token({}, other), /not signed by the controller/],
    ["of another kind", token({}, controller.privateKey, { alg: "none" }), /only ES256/],
    ["another node's", token({ sub: "x" }), /is for x/],
    ["an old one", token({ exp: 1 }), /has expired/],
    ["one that encrypts", token({ enc: true }), /enc/],
    ["one with clients nobody knows", token({ aut: 7 }), /authentication 7/],
    ["half of one", token().split(".").slice(0, 2).join("."), /no JWT/],
  ];
  for (const [name, text, why] of rows)
    it(`opens nothing when it is ${name}`, () => {
      assert.throws(
        () => readToken(text, node, instant(Date.now()), isFromController),
        (error) => error instanceof TokenError && why.test(error.message),
      );
    });
});

describe("remote access", () => {
  it("answers who knows the nonce, counts what was looked at, and writes it down", async () => {
    await using at = await world();
    await using client = await at.client();
    assert.deepEqual(at.dispatcher.devices, ["shop-1-EV-server"]);
    assert.match(await client.ask({ system: "configitem" }), /timer\.config\.interval +60\n/);
    assert.match(await client.ask({ system: "hw" }), /memory +1024 MiB\n/);
    assert.match(
      await client.ask({ logopt: "edgeview COMMAND", timerange: "0-1" }),
      /"command":"configitem"/,
    );
    assert.match(await client.ask({ system: "uptime" }), /is not done on this node; there are acl, app, /);
    const forged = await client.ask({ system: "hw" }, { nonce: "guess" });
    assert.equal(forged, "authentication for command failed to verify\n");
    const { device, app, external, expiresAt } = at.store.edgeview.get() ?? {};
    assert.deepEqual([device, app, external, expiresAt], [4, 0, 0, (claims.exp * 1000) as Instant]);
    const audit = at.records.find(({ message }) => message === "an EdgeView command")?.fields;
    assert.deepEqual(audit, { command: "configitem", from: "192.0.2.7", user: "" });
  });

  it("relays TCP to where the policy lets it, and nowhere else", async () => {
    await using at = await world();
    await using client = await at.client();
    const echo = tcpServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
    await once(echo, "listening");
    const { port } = echo.address() as AddressInfo;
    try {
      const refused = await client.ask({ network: `tcp/127.0.0.1:${port}/192.0.2.200:80` });
      assert.equal(refused, "cmd policy check failed: External policy not allow");
      const named = await client.ask({ network: "tcp/files.example:80" });
      assert.equal(named, "cmd policy check failed: External policy not allow");
      client.send(JSON.stringify({ network: `tcp/127.0.0.1:${port}` }));
      assert.match((await client.next()).bytes.toString(), /\+\+\+tcpSetupOK\+\+\+/);
      for (const chanNum of [1, 2])
        client.send(
          JSON.stringify({
            version: 0,
            mappingId: 1,
            chanNum,
            data: Buffer.from(`to ${chanNum}`).toString("base64"),
          }),
          { binary: true },
        );
      const answers = [await client.next(), await client.next()].map(({ bytes, isText }) => {
        const { mappingId, chanNum, data } = JSON.parse(bytes.toString());
        return [isText, mappingId, chanNum, Buffer.from(data, "base64").toString()];
      });
      assert.deepEqual(answers.sort(), [
        [false, 1, 1, "to 1"],
        [false, 1, 2, "to 2"],
      ]);
      client.send("+++tcpDone+++");
      assert.match(await client.ask({ system: "hw" }), /system +Test/);
    } finally {
      echo.close();
    }
  });

  it("is a browser's proxy, and judges each place by what its name stands for", async () => {
    await using at = await world({ allowDevice: true, allowApp: false });
    await using client = await at.client();
    const web = httpServer((asked, answer) => void answer.end(`${asked.method} ${asked.url}`));
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    const { port } = web.address() as AddressInfo;
    try {
      client.send(JSON.stringify({ network: "tcp/proxy" }));
      assert.match((await client.next()).bytes.toString(), /\+\+\+tcpSetupOK\+\+\+/);
      let chanNum = 0;
      const ask = async (head: string, done: RegExp): Promise<string> => {
        chanNum++;
        const say = (text: string): void =>
          client.send(JSON.stringify({ version: 0, mappingId: 1, chanNum, data: btoa(text) }), {
            binary: true,
          });
        say(head.slice(0, 9));
        say(head.slice(9));
        for (let text = ""; ; ) {
          if (done.test(text)) return text;
          const answer = JSON.parse((await client.next()).bytes.toString());
          if (answer.chanNum === chanNum) text += atob(answer.data);
          if (text.startsWith("HTTP/1.1 200 Connection") && !text.includes("GET"))
            say(`GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        }
      };
      assert.match(
        await ask(`CONNECT localhost:${port} HTTP/1.1\r\nHost: x\r\n\r\n`, /GET/),
        /GET \/tunnel$/,
      );
      const headers = "Host: x\r\nProxy-Connection: keep-alive\r\n\r\n";
      const plain = `GET http://127.0.0.1:${port}/plain?a=1 HTTP/1.1\r\n${headers}`;
      assert.match(await ask(plain, /GET/), /GET \/plain\?a=1$/);
      for (const [head, refused] of [
        ["CONNECT 192.0.2.200:443 HTTP/1.1\r\n\r\n", /503 .*External policy not allow/s],
        ["GET http://192.0.2.200/ HTTP/1.1\r\n\r\n", /503 .*External policy not allow/s],
        ["CONNECT localhost:5903 HTTP/1.1\r\n\r\n", /503 .*App policy not allow/s],
        ["CONNECT no.such.name.invalid:80 HTTP/1.1\r\n\r\n", /503 .*no\.such\.name/s],
        ["CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", /503 .*does not answer/s],
        ["GET / HTTP/1.1\r\n\r\n", /400 .*this is a proxy/s],
        [`GET http://x/${"x".repeat(70_000)}`, /431 /],
      ] as const)
        assert.match(await ask(head, /\n\n?$|\n$/), refused, head.slice(0, 40));
      const { device, app, external } = at.store.edgeview.get() ?? {};
      assert.deepEqual([device, app, external], [3, 0, 0], "what was refused is not counted");
    } finally {
      web.close();
    }
  });

  it("shows packets of one card, some and for a while, and none of apps to whom they are closed", async () => {
    await using at = await world({ allowApp: false });
    at.store.nics.set("a/eth0", {
      ...{ phase: "ready", appId: "a", networkId: "n", tap: "svt0n0", uid: 1, mac: "", address: "" },
      ...{ gateway: "", dns: [], searchDomains: [] },
    } as never);
    await using client = await at.client();
    for (const [network, refused] of [
      ["tcpdump/svt0n0/", /App policy not allow/],
      ["tcpdump/any/", /name of one card/],
      ["tcpdump", /name of one card/],
      ["tcpdump/-w/x", /name of one card/],
      ["tcpdump/lo/port 1; id", /invalid option/],
      ["tcpdump/lo/'-z sh'", /invalid option/],
    ] as const)
      assert.match(await client.ask({ network }), refused, network);
    const web = tcpServer((socket) => void socket.end()).listen(0, "127.0.0.1");
    await once(web, "listening");
    const { port } = web.address() as AddressInfo;
    // Knocks until somebody who looks has seen it.
    const knock = setInterval(
      () =>
        request({ port })
          .on("error", () => {})
          .end(),
      50,
    );
    try {
      const shown = await client.ask({ network: `tcpdump/lo/tcp port ${port}`, timerange: "30" });
      assert.match(shown, new RegExp(`127\\.0\\.0\\.1\\.${port}: Flags`));
      assert.match(shown, /100 packets captured/);
      assert.doesNotMatch(await client.ask({ network: "tcpdump/nocard/" }), /captured/);
    } finally {
      clearInterval(knock);
      web.close();
    }
  });

  it("refuses the node to whom only apps are open", async () => {
    await using at = await world({ allowDevice: false });
    await using client = await at.client();
    assert.equal(await client.ask({ system: "hw" }), "cmd policy check failed: EVE policy not allow");
    assert.equal(at.store.edgeview.get()?.device, 0);
  });

  it("shows the screen of an app to whom apps are open, and no other port of the node", async () => {
    await using at = await world({ allowDevice: false });
    await using client = await at.client();
    const other = await client.ask({ network: "tcp/localhost:5904" });
    assert.equal(other, "cmd policy check failed: EVE policy not allow");
    client.send(JSON.stringify({ network: "tcp/localhost:5903" }));
    assert.match((await client.next()).bytes.toString(), /\+\+\+tcpSetupOK\+\+\+/);
    client.send(JSON.stringify({ version: 0, mappingId: 1, chanNum: 1, data: "" }), { binary: true });
    const { data } = JSON.parse((await client.next()).bytes.toString());
    assert.equal(Buffer.from(data, "base64").toString(), "RFB 003.008\n");
    assert.deepEqual([at.store.edgeview.get()?.app, at.store.edgeview.get()?.device], [1, 0]);
  });

  it("takes commands from the controller alone when its token says so", async () => {
    await using at = await world({}, { aut: 1 });
    await using client = await at.client();
    assert.match(await client.ask({ system: "hw" }), /failed to verify/);
    const command = JSON.stringify({ version: "0.8.8", clientEPAddr: "192.0.2.7", system: "hw" });
    const signature = p1363(command, controller.privateKey);
    assert.match(await client.ask({ system: "hw" }, { signature }), /system +Test/);
  });

  it("ends with its token", async () => {
    await using at = await world({}, { exp: Math.floor(Date.now() / 1000) + 2 });
    const gone = Promise.withResolvers<void>();
    at.store.edgeview.subscribe(() => at.store.edgeview.get() === undefined && gone.resolve());
    await gone.promise;
    assert.equal(at.records.at(-1)?.message, "EdgeView has ended");
  });

  it("ends when the configuration takes it away", async () => {
    await using at = await world();
    const gone = Promise.withResolvers<void>();
    at.store.edgeview.subscribe(() => at.store.edgeview.get() === undefined && gone.resolve());
    const desired = at.store.desired.get();
    assert(desired !== undefined);
    const { edgeview: _edgeview, ...without } = desired;
    at.store.desired.set(without);
    await gone.promise;
  });
});
