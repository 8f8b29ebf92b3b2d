/** What is behind a tunnel to screens, and dials it, as far as EVE's boxes have it: guacd and `wstunnelclient`. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { info } from "@selvedge/eve-api";
import { WebSocket } from "ws";
import { formatInstruction, readInstruction } from "../src/screens/guacamole.ts";
import type { Box } from "./node-world.ts";

const encoder = new TextEncoder();

/** Takes connections as guacd 1.0 does for VNC, then says how wide it is and says again what it is told. */
export class Guacd implements AsyncDisposable {
  /** What each connection was begun with, in order. */
  readonly connects: (readonly string[])[] = [];
  /** Connections that have ended. */
  ended = 0;
  readonly #server = createServer((socket) => this.#serve(socket));

  async listen(port = 0): Promise<number> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: Socket): void {
    let pending: Uint8Array = new Uint8Array();
    let isOpen = false;
    socket.on("error", () => undefined).on("close", () => this.ended++);
    socket.on("data", (part: Uint8Array) => {
      pending = Buffer.concat([pending, part]);
      while (!isOpen) {
        const read = readInstruction(pending);
        if (read === undefined) return;
        pending = pending.subarray(read.length);
        const [opcode, ...values] = read.values;
        if (opcode === "select") socket.write(formatInstruction(["args", ...parameters]));
        if (opcode !== "connect") continue;
        isOpen = true;
        this.connects.push(values);
        socket.write(encoder.encode("5.ready,2.$1;"));
      }
      socket.write(pending);
      pending = new Uint8Array();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}

/** Of guacd 1.0, those that matter here. */
const parameters: readonly string[] = ["hostname", "port", "read-only", "password", "dest-host"];

/** What a viewer asks for; guacd is told of it what is about how a screen is shown. */
const wish: readonly string[] = ["10.0.0.9", "22", "true", "secret", "10.0.0.10"];

/** Looks at a screen through a guacd that seems to be on this port, as Guacamole does. */
export async function view(port: number): Promise<Socket> {
  const viewer = connect(port, "127.0.0.1");
  await once(viewer, "connect");
  viewer.write(formatInstruction(["select", "vnc"]));
  const [args] = (await once(viewer, "data")) as [Buffer];
  assert.equal(args.toString(), Buffer.from(formatInstruction(["args", ...parameters])).toString());
  const size = formatInstruction(["size", "800", "600", "96"]);
  viewer.write(Buffer.concat([size, formatInstruction(["connect", ...wish])]));
  const [ready] = (await once(viewer, "data")) as [Buffer];
  assert.equal(ready.toString(), "5.ready,2.$1;");
  return viewer;
}

/** Forwards guacd's port of a Pod to one that it tells, for as long as the process runs. */
export async function forwardScreen(
  kubectl: string,
  words: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(kubectl, [...words, ":4822"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, port: Number(/127\.0\.0\.1:(\d+) -> 4822/.exec(line)?.[1]) };
}

export interface TunnelOptions {
  readonly port: number;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly node: string;
}

/** Says what it is, and that the app runs if there is one, as only EVE's own says it. */
export async function reportAsEve(box: Box, app?: string): Promise<void> {
  const machine = create(info.ZInfoDeviceSchema, { machineArch: "x86_64", ncpu: 4, memory: 4096n });
  const value = create(info.ZInfoAppSchema, { AppID: app ?? "", state: info.ZSwState.RUNNING });
  const message: MessageInitShape<typeof info.ZInfoMsgSchema> =
    app === undefined
      ? { ztype: info.ZInfoTypes.ZiDevice, InfoContent: { case: "dinfo", value: machine } }
      : { ztype: info.ZInfoTypes.ZiApp, InfoContent: { case: "ainfo", value } };
  const { status } = await box.post("info", info.ZInfoMsgSchema, { ...message, devId: box.id });
  assert.equal(status, 201);
}

/** The status a box is answered with; 101 when there is a WebSocket. */
export async function dialStatus(options: TunnelOptions, path: "ping" | "tunnel"): Promise<number> {
  const socket = dial(options, path);
  const status = await new Promise<number>((resolve, reject) => {
    socket.once("open", () => resolve(101)).once("error", reject);
    socket.once("unexpected-response", (_request, answer) => resolve(answer.statusCode ?? 0));
  });
  socket.on("error", () => undefined).terminate();
  return status;
}

function dial({ node, ...tls }: TunnelOptions, path: "ping" | "tunnel"): WebSocket {
  const { port, ...rest } = tls;
  return new WebSocket(`wss://127.0.0.1:${port}/api/v2/edgedevice/id/${node}/connection/${path}`, rest);
}

/** What a box reads of guacd at once. */
const readMax = 512 * 1024;

/** Holds a tunnel as EVE's client does: one connection to guacd, made with the first message, and never given up. */
export async function holdTunnel(options: TunnelOptions, guacd: number): Promise<WebSocket> {
  const socket = dial(options, "tunnel");
  let local: Socket | undefined;
  let number = 0;
  const say = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += readMax) {
      const digits = Buffer.from((number++).toString(16).padStart(4, "0"));
      socket.send(Buffer.concat([digits, bytes.subarray(at, at + readMax)]));
    }
  };
  socket.on("message", (frame: Buffer) => {
    if (!/^[0-7][0-9a-f]{3}/.test(frame.subarray(0, 4).toString("latin1"))) return socket.terminate();
    local ??= connect(guacd, "127.0.0.1")
      .on("data", say)
      .on("error", () => undefined);
    local.write(frame.subarray(4));
  });
  socket.on("close", () => local?.destroy());
  socket.on("error", () => undefined);
  await once(socket, "open");
  return socket;
}
