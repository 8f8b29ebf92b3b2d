/** Remote access through a dispatcher that joins two connections of one token, as EVE's does. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as tcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Instant, instant, Log, type LogRecord, SystemClock } from "@selvedge/base";
import { WebSocket, WebSocketServer } from "ws";
import type { DesiredState, EdgeviewSpec } from "../src/desired.ts";
import { Edgeview } from "../src/edgeview/edgeview.ts";
import { WsEdgeviewNet } from "../src/edgeview/linux/ws-edgeview-net.ts";
import { RecentLog } from "../src/edgeview/recent-log.ts";
import { readToken, TokenError } from "../src/edgeview/token.ts";
import { EngineStore } from "../src/engine-store.ts";

const node = "11111111-1111-4111-8111-111111111111";
const nonce = "a nonce";
const controller = generateKeyPairSync("ec", { namedCurve: "P-256" });
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const p1363 = (data: string | Uint8Array, key: KeyObject): Buffer =>
  sign("sha256", Buffer.from(data), { key, dsaEncoding: "ieee-p1363" });
const isFromController = (data: Uint8Array, signature: Uint8Array): boolean =>
  verify("sha256", data, { key: controller.publicKey, dsaEncoding: "ieee-p1363" }, signature);

const claims = {
  ...{ dep: "127.0.0.1:1/edge-view", sub: node, exp: Math.floor(Date.now() / 1000) + 600 },
  ...{ key: nonce, num: 1, enc: false, aut: 0 },
};

function token(more: object = {}, key: KeyObject = controller.privateKey, head: object = {}): string {
  const text = `${base64url({ alg: "ES256", typ: "JWT", ...head })}.${base64url({ ...claims, ...more })}`;
  return `${text}.${p1363(text, key).toString("base64url")}`;
}

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

/** Joins two connections of one name, and says who is alone. */
class Dispatcher implements AsyncDisposable {
  readonly #http: Server = createServer();
  readonly #peers = new Map<string, WebSocket[]>();
  readonly devices: string[] = [];
  readonly #arrived = Promise.withResolvers<void>();

  static async open(): Promise<Dispatcher> {
    const dispatcher = new Dispatcher();
    new WebSocketServer({ server: dispatcher.#http, path: "/edge-view" }).on(
      "connection",
      (socket, request) => {
        const name = String(request.headers["x-session-token"]);
        const host = String(request.headers["x-hostname"]);
        const peers = [...(dispatcher.#peers.get(name) ?? []), socket];
        dispatcher.#peers.set(name, peers);
        socket.send("YourEndPointIPAddr:127.0.0.1");
        if (host.endsWith("-EV-server")) {
          dispatcher.devices.push(host);
          dispatcher.#arrived.resolve();
        }
        socket.on("message", (data, isBinary) => {
          for (const peer of peers.length > 1 ? peers : (dispatcher.#peers.get(name) ?? []))
            if (peer !== socket) peer.send(data, { binary: isBinary });
        });
        socket.on("close", () =>
          dispatcher.#peers.set(
            name,
            (dispatcher.#peers.get(name) ?? []).filter((it) => it !== socket),
          ),
        );
      },
    );
    dispatcher.#http.listen(0, "127.0.0.1");
    await once(dispatcher.#http, "listening");
    return dispatcher;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peers of this.#peers.values()) for (const peer of peers) peer.terminate();
    this.#http.closeAllConnections();
    this.#http.close();
  }
}

/** What EVE's client does: says a command, prints what comes until it is done. */
class Client implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #got: { bytes: Buffer; isText: boolean }[] = [];
  #wake = (): void => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer, isBinary) => {
      const text = data.toString();
      if (!text.startsWith("{")) return;
      const { message, sha256Hash } = JSON.parse(text) as { message: string; sha256Hash: number[] };
      const bytes = Buffer.from(message, "base64");
      assert.deepEqual(Buffer.from(sha256Hash), createHmac("sha256", nonce).update(bytes).digest());
      this.#got.push({ bytes, isText: !isBinary });
      this.#wake();
    });
  }

  static async open(url: string, session: string): Promise<Client> {
    const headers = { "X-Session-Token": session, "X-Hostname": "laptop" };
    const socket = new WebSocket(url, { headers, rejectUnauthorized: false });
    await once(socket, "open");
    return new Client(socket);
  }

  send(
    message: string | Uint8Array,
    options: { binary?: boolean; nonce?: string; signature?: Uint8Array } = {},
  ): void {
    const bytes = Buffer.from(message);
    const hash = createHmac("sha256", options.nonce ?? nonce)
      .update(bytes)
      .digest();
    const signature =
      options.signature === undefined ? null : Buffer.from(options.signature).toString("base64");
    const wrapped = { message: bytes.toString("base64"), sha256Hash: [...hash], Signature: signature };
    this.#socket.send(JSON.stringify(wrapped), { binary: options.binary ?? false });
  }

  async next(): Promise<{ bytes: Buffer; isText: boolean }> {
    for (;;) {
      const first = this.#got.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ask(command: object, options: Parameters<Client["send"]>[1] = {}): Promise<string> {
    this.send(JSON.stringify({ version: "0.8.8", clientEPAddr: "192.0.2.7", ...command }), options);
    for (let text = ""; ; ) {
      const { bytes } = await this.next();
      if (bytes.toString() === "+++Done+++") return text;
      text += bytes.toString();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
  }
}

interface World extends AsyncDisposable {
  readonly store: EngineStore;
  readonly dispatcher: Dispatcher;
  readonly records: LogRecord[];
  client(): Promise<Client>;
}

/** The engine dials TLS; the test's dispatcher has none, so its address is rewritten where it is dialled. */
class PlainNet extends WsEdgeviewNet {
  override dispatcher(...[url, headers, , signal]: Parameters<WsEdgeviewNet["dispatcher"]>) {
    return super.dispatcher(url.replace("wss:", "ws:"), headers, [], signal);
  }
}

async function world(more: Partial<EdgeviewSpec> = {}, tokenMore: object = {}): Promise<World> {
  const dispatcher = await Dispatcher.open();
  const store = new EngineStore();
  const records: LogRecord[] = [];
  const clock = new SystemClock();
  const recent = new RecentLog();
  const log = new Log("test", clock, (record) => {
    records.push(record);
    recent.write(record);
  });
  const text = token({ dep: `127.0.0.1:${dispatcher.port}`, ...tokenMore });
  const spec: EdgeviewSpec = {
    ...{
      token: text,
      certificates: [],
      allowDevice: true,
      allowApp: true,
      allowExternal: false,
      generation: 0,
    },
    ...more,
  };
  const folder = await mkdtemp(join(tmpdir(), "svv-"));
  const screen = join(folder, "vnc.sock");
  const vnc = tcpServer((socket) => void socket.end("RFB 003.008\n")).listen(screen);
  const edgeview = new Edgeview({
    ...{ store, net: new PlainNet(), clock, log, recent, isFromController, screen: async () => screen },
    host: {
      ...{
        internalIp: async () => "192.0.2.1",
        architecture: "amd64",
        kernelVersion: "6.1",
        osImage: "Test",
      },
      ...{ cpus: 2, memoryBytes: 2 ** 30, bootedAt: instant(0) },
    },
  });
  store.desired.set({
    ...{
      nodeId: node,
      nodeName: "shop-1",
      edgeview: spec,
      networks: [],
      contents: [],
      volumes: [],
      apps: [{ id: "a", foreign: { vm: { screen: 3 } } }],
    },
    settings: new Map([["timer.config.interval", "60"]]),
  } as unknown as DesiredState);
  edgeview.start();
  await dispatcher.arrived;
  const { sessionName } = await import("../src/edgeview/session.ts");
  return {
    ...{ store, dispatcher, records },
    client: () => Client.open(`ws://127.0.0.1:${dispatcher.port}/edge-view`, sessionName(text, 1, 1)),
    async [Symbol.asyncDispose]() {
      await edgeview[Symbol.asyncDispose]();
      vnc.close();
      await rm(folder, { recursive: true });
      await dispatcher[Symbol.asyncDispose]();
    },
  };
}

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
    assert.match(
      await client.ask({ system: "cat//etc/shadow" }),
      /is not done on this node; there are app, /,
    );
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
