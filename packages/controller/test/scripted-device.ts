/** A device that speaks to a real controller over real TLS, and does what a test tells it. */
import { Agent, request as httpsRequest } from "node:https";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SystemClock } from "@selvedge/base";
import {
  config,
  type EndpointName,
  endpoints,
  ext,
  info,
  LinkMux,
  type LinkStream,
  linkPath,
  pathOf,
  setExtension,
} from "@selvedge/eve-api";
import { WebSocket } from "ws";
import { WebSocketLink } from "../src/listeners/websocket-link.ts";
import type { Pair } from "../src/pki/issue.ts";
import type { DeviceResponse } from "../src/ports.ts";
import { Box, type Door, envelope, payloadOf } from "./node-world.ts";

/** A controller's device port. */
export class DeviceDoor implements Door {
  readonly port: number;
  readonly ca: string;
  readonly agent: Agent;

  constructor(port: number, ca: string) {
    this.port = port;
    this.ca = ca;
    this.agent = new Agent({ ca, keepAlive: true });
  }

  async request(
    endpoint: EndpointName,
    body: Uint8Array = new Uint8Array(),
    ids: { node?: string; app?: string; method?: string } = {},
  ): Promise<DeviceResponse> {
    const { method = endpoints[endpoint].method, ...path } = ids;
    return await this.send(method, pathOf(endpoint, path), body);
  }

  send(method: string, path: string, body: Uint8Array): Promise<DeviceResponse> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.port, path, method, agent: this.agent };
      const headers = { "content-type": "application/x-proto-binary", "content-length": body.length };
      const outgoing = httpsRequest({ ...options, headers }, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("end", () => {
          const answer = { status: incoming.statusCode ?? 0, body: new Uint8Array(Buffer.concat(parts)) };
          resolve({ ...answer, headers: incoming.headers as Record<string, string> });
        });
        incoming.on("error", reject);
      });
      outgoing.on("error", reject).end(body);
    });
  }
}

export interface DeviceLink {
  readonly mux: LinkMux;
  /** Configuration hashes the controller has pushed. */
  readonly changes: string[];
}

/** Dials the link and answers the challenge; `onOpen` gets the streams the controller opens. */
export async function dialLink(
  door: DeviceDoor,
  box: Box,
  onOpen: (stream: LinkStream) => Promise<void> | void,
): Promise<DeviceLink> {
  const url = `wss://127.0.0.1:${door.port}${linkPath(box.id)}`;
  const webSocket = new WebSocket(url, { ca: door.ca });
  const socket = new WebSocketLink(webSocket);
  const changes: string[] = [];
  return await new Promise((resolve, reject) => {
    webSocket.on("error", reject);
    socket.onClose(() => reject(new Error("the controller closed the link")));
    socket.onMessage((message) => {
      const { body } = fromBinary(ext.LinkFrameSchema, message);
      if (body.case === "welcome") {
        const mux = new LinkMux({
          end: "engine",
          ...{ socket, clock: new SystemClock(), onOpen },
          onChanged: (hash) => void changes.push(hash),
        });
        resolve({ mux, changes });
      }
      if (body.case === "challenge") socket.send(helloFrame(box, body.value.nonce));
    });
  });
}

function helloFrame(box: Box, nonce: Uint8Array): Uint8Array {
  const hello = create(ext.LinkHelloSchema, { nonce, nodeId: box.id, version: 1, engineVersion: "test" });
  const value = envelope(box.device, toBinary(ext.LinkHelloSchema, hello));
  return toBinary(ext.LinkFrameSchema, create(ext.LinkFrameSchema, { body: { case: "hello", value } }));
}

export async function enrolledDevice(door: DeviceDoor, onboarding: Pair, serial: string): Promise<Box> {
  return await Box.enrolled(door, onboarding, serial);
}

/** The newest configuration and its hash; undefined when it is the one the device has. */
export async function takeConfig(
  box: Box,
  known = "",
): Promise<{ readonly hash: string; readonly config: config.EdgeDevConfig } | undefined> {
  const answer = await box.poll(known);
  if (answer.status !== 200) return undefined;
  const response = payloadOf(config.ConfigResponseSchema, answer.body);
  return { hash: response.configHash, config: response.config ?? create(config.EdgeDevConfigSchema) };
}

/** What the device says of itself: four CPUs, 4 GiB, and the apps it has. */
export async function reportDevice(box: Box, configHash: string, appIds: readonly string[]): Promise<number> {
  const dinfo = create(info.ZInfoDeviceSchema, { machineArch: "x86_64", ncpu: 4, memory: 4096n });
  const report = create(ext.NodeReportSchema, {
    ...{
      engineVersion: "test",
      kernelVersion: "6.1",
      architecture: "amd64",
      configHash,
      appIds: [...appIds],
    },
    ...{ cpuMillis: 4000n, memoryBytes: 4n << 30n, storageBytes: 10n << 30n, maxApps: 20 },
    ...{ allocatableCpuMillis: 4000n, allocatableMemoryBytes: 4n << 30n, internalIp: "10.0.0.7" },
  });
  setExtension(dinfo, ext.NodeReportSchema, report);
  const message = {
    ...{ ztype: info.ZInfoTypes.ZiDevice, devId: box.id },
    InfoContent: { case: "dinfo" as const, value: dinfo },
  };
  return (await box.post("info", info.ZInfoMsgSchema, message)).status;
}

/** Says that an app's one container runs. */
export async function reportRunning(
  box: Box,
  app: string,
  version: string,
  container: string,
): Promise<number> {
  const ainfo = create(info.ZInfoAppSchema, { AppID: app, state: info.ZSwState.RUNNING });
  const startedAt = BigInt(Date.now());
  const report = create(ext.AppReportSchema, {
    ...{ phase: "Running", podIp: "10.77.0.10", hostIp: "10.0.0.7", startedAt, observedVersion: version },
    containers: [
      {
        ...{ name: container, image: "x", containerId: "c1", ready: true, started: true },
        state: { state: { case: "running", value: { startedAt } } },
      },
    ],
    conditions: ["Initialized", "Ready", "ContainersReady"].map((type) => ({ type, status: "True" })),
  });
  setExtension(ainfo, ext.AppReportSchema, report);
  const message = {
    ...{ ztype: info.ZInfoTypes.ZiApp, devId: box.id },
    InfoContent: { case: "ainfo" as const, value: ainfo },
  };
  return (await box.post("info", info.ZInfoMsgSchema, message)).status;
}
