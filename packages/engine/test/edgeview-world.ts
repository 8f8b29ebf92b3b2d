/** An engine's side of remote access at a dispatcher, and what EVE's client does. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as tcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { instant, Log, type LogRecord, SystemClock } from "@selvedge/base";
import { WebSocket } from "ws";
import type { DesiredState, EdgeviewSpec } from "../src/desired.ts";
import { Edgeview } from "../src/edgeview/edgeview.ts";
import { WsEdgeviewNet } from "../src/edgeview/linux/ws-edgeview-net.ts";
import { RecentLog } from "../src/edgeview/recent-log.ts";
import { EngineStore } from "../src/engine-store.ts";
import { noHardware } from "../src/hardware/no-hardware.ts";
import { Dispatcher } from "./edgeview-dispatcher.ts";

export const node = "11111111-1111-4111-8111-111111111111";
const nonce = "a nonce";
export const controller: Readonly<Record<"publicKey" | "privateKey", KeyObject>> = generateKeyPairSync("ec", {
  namedCurve: "P-256",
});
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
export const p1363 = (data: string | Uint8Array, key: KeyObject): Buffer =>
  sign("sha256", Buffer.from(data), { key, dsaEncoding: "ieee-p1363" });
export const isFromController = (data: Uint8Array, signature: Uint8Array): boolean =>
  verify("sha256", data, { key: controller.publicKey, dsaEncoding: "ieee-p1363" }, signature);

export const claims: Readonly<Record<string, unknown>> & { readonly exp: number } = {
  ...{ dep: "127.0.0.1:1/edge-view", sub: node, exp: Math.floor(Date.now() / 1000) + 600 },
  ...{ key: nonce, num: 1, enc: false, aut: 0 },
};

export function token(more: object = {}, key: KeyObject = controller.privateKey, head: object = {}): string {
  const text = `${base64url({ alg: "ES256", typ: "JWT", ...head })}.${base64url({ ...claims, ...more })}`;
  return `${text}.${p1363(text, key).toString("base64url")}`;
}

/** What EVE's client does: says a command, prints what comes until it is done. */
export class Client implements AsyncDisposable {
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

/** What the node has to say of itself. */
export const reports: Readonly<Record<string, string>> = {
  "routes.txt": "default via 192.0.2.1\n",
  "engine.log": `${"a line of many\n".repeat(4000)}the last\n`,
};

export interface World extends AsyncDisposable {
  readonly store: EngineStore;
  readonly dispatcher: Dispatcher;
  readonly records: LogRecord[];
  readonly token: string;
  client(): Promise<Client>;
}

export interface WorldOptions {
  readonly settings?: readonly (readonly [string, string])[];
  /** In place of what is said here; another dispatcher may be in it. */
  readonly spec?: EdgeviewSpec;
}

export async function world(
  more: Partial<EdgeviewSpec> = {},
  tokenMore: object = {},
  others: WorldOptions = {},
): Promise<World> {
  const dispatcher = await Dispatcher.open();
  const store = new EngineStore();
  const records: LogRecord[] = [];
  const clock = new SystemClock();
  const recent = new RecentLog();
  const log = new Log("test", clock, (record) => {
    records.push(record);
    recent.write(record);
  });
  const spec: EdgeviewSpec = others.spec ?? {
    ...{
      token: token({ dep: `127.0.0.1:${dispatcher.port}/edge-view`, ...tokenMore }),
      certificates: [dispatcher.certificate],
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
    ...{ store, net: new WsEdgeviewNet(), clock, log, recent, isFromController, screen: async () => screen },
    ...{ hardware: noHardware, lastBoot: () => undefined, controllerHost: "localhost" },
    reports: async () => reports,
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
    settings: new Map([["timer.config.interval", "60"], ...(others.settings ?? [])]),
  } as unknown as DesiredState);
  edgeview.start();
  if (others.spec === undefined) await dispatcher.arrived;
  const { sessionName } = await import("../src/edgeview/session.ts");
  return {
    ...{ store, dispatcher, records, token: spec.token },
    client: () => Client.open(`wss://127.0.0.1:${dispatcher.port}/edge-view`, sessionName(spec.token, 1, 1)),
    async [Symbol.asyncDispose]() {
      await edgeview[Symbol.asyncDispose]();
      vnc.close();
      await rm(folder, { recursive: true });
      await dispatcher[Symbol.asyncDispose]();
    },
  };
}
