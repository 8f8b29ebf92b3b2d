/** Many watchers, and many objects. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Row } from "@selvedge/apiserver";
import { millis, SystemClock, sleep } from "@selvedge/base";
import type { ClusterAccess } from "@selvedge/client";
import { type ConfigMap, configMapKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { waitFor } from "../real/wait.ts";
import { type Figure, quantile, round } from "./bench.ts";
import { configMap } from "./config-map.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
const watchers = 1000;
/** As many connections as clients with so many watches each would have. */
const connections = 50;
const fannedWrites = 100;
const opens = 200;
const leases = "/apis/coordination.k8s.io/v1/namespaces/bench/leases";

/** A kind that nobody in the controller follows, a kilobyte each. */
export async function* manyObjects(count: number): AsyncGenerator<readonly Row[]> {
  for (let at = 0; at < count; at += 500) {
    yield Array.from({ length: Math.min(500, count - at) }, (_, index) => {
      const name = `lease-${String(at + index).padStart(6, "0")}`;
      const value = JSON.stringify({
        ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
        metadata: { name, namespace: "bench", uid: name, annotations: { padding: "x".repeat(900) } },
        spec: { holderIdentity: "nobody" },
      });
      return { key: `coordination.k8s.io/leases/bench/${name}`, revision: at + index + 1, value };
    });
  }
}

export async function* fanOut(
  name: string,
  controller: ControllerProcess,
  client: KubeClient,
): AsyncGenerator<Figure> {
  const access = await controller.access();
  const sessions = Array.from({ length: connections }, () => sessionOf(access));
  try {
    const { metadata } = await client.list(configMapKind, { namespace: "default", limit: 1 });
    let received = 0;
    const path = `/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${metadata.resourceVersion}`;
    // A few at a time: more at once are told to come back later.
    for (let index = 0; index < watchers; index += connections) {
      const opening = sessions.map(async (session) => {
        const stream = session.request({ ":path": path });
        countLines(stream, (lines) => {
          received += lines;
        });
        await new Promise((resolve) => stream.once("response", resolve));
      });
      await Promise.all(opening);
    }
    const create = (text: string): Promise<ConfigMap> =>
      client.create(configMapKind, configMap(text, "default"));
    // When each has one, all are open.
    await create("first");
    await waitFor("all watchers", async () => (received >= watchers ? true : undefined), 60);
    await loopDelay(sessions[0] as ClientHttp2Session);
    received = 0;
    const before = await processUsage(controller.pid);
    const start = clock.monotonic();
    for (let index = 0; index < fannedWrites; index++) await create(`fanned-${index}`);
    const events = watchers * fannedWrites;
    await waitFor("all events", async () => (received >= events ? true : undefined), 120);
    const seconds = (clock.monotonic() - start) / 1000;
    const { cpuSeconds } = await processUsage(controller.pid);
    const note = `${watchers} watchers of one kind, the writer waits for each write`;
    yield { name: `${name}.watch.events`, value: round(events / seconds, 0), unit: "1/s", note };
    const cpu = ((cpuSeconds - before.cpuSeconds) / events) * 1e6;
    yield {
      name: `${name}.watch.cpu`,
      value: round(cpu, 1),
      unit: "µs",
      note: "per event and watcher, writes included",
    };
    yield* blocked(`${name}.watch`, sessions[0] as ClientHttp2Session);
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** What a watch costs to open, with few objects of its kind and with many, and what their list costs. */
export async function* openCost(
  name: string,
  controller: ControllerProcess,
  client: KubeClient,
  many: number,
): AsyncGenerator<Figure> {
  const access = await controller.access();
  const session = sessionOf(access);
  try {
    for (const [size, path] of [
      [0, leases.replace("bench", "default")],
      [many, leases],
    ] as const) {
      const { metadata } = await client.list(configMapKind, { namespace: "default", limit: 1 });
      const query = `?watch=1&resourceVersion=${metadata.resourceVersion}`;
      const spans: number[] = [];
      const before = await processUsage(controller.pid);
      for (let index = 0; index < opens; index++) {
        const began = clock.monotonic();
        const stream = session.request({ ":path": path + query });
        await new Promise((resolve) => stream.once("response", resolve));
        spans.push(clock.monotonic() - began);
        stream.close();
      }
      const { cpuSeconds } = await processUsage(controller.pid);
      const note = `CPU ${round(((cpuSeconds - before.cpuSeconds) / opens) * 1e6, 0)} µs each`;
      yield { name: `${name}.watch.open.${size}`, value: round(quantile(spans, 0.5)), unit: "ms", note };
    }
    yield* longList(`${name}.list.${many}`, controller, session, "application/json");
    yield* longList(
      `${name}.list.${many}.protobuf`,
      controller,
      session,
      "application/vnd.kubernetes.protobuf",
    );
  } finally {
    session.destroy();
  }
}

async function* longList(
  name: string,
  controller: ControllerProcess,
  session: ClientHttp2Session,
  accept: string,
): AsyncGenerator<Figure> {
  await loopDelay(session);
  const before = (await processUsage(controller.pid)).rssBytes;
  let most = before;
  let over = false;
  const looking = (async () => {
    while (!over) {
      most = Math.max(most, (await processUsage(controller.pid)).rssBytes);
      await sleep(clock, millis(20));
    }
  })();
  const start = clock.monotonic();
  let bytes = 0;
  const stream = session.request({ ":path": leases, accept });
  for await (const part of stream) bytes += (part as Uint8Array).length;
  const span = (clock.monotonic() - start) / 1000;
  over = true;
  await looking;
  const note = `${round(bytes / 1e6, 0)} MB`;
  yield { name, value: round(span), unit: "s", note };
  const grown = round((most - before) / 2 ** 20, 0);
  yield { name: `${name}.memory`, value: grown, unit: "MiB", note: "more resident meanwhile" };
  yield* blocked(name, session);
}

function sessionOf({ server, ...tls }: ClusterAccess): ClientHttp2Session {
  const session = connect(server, { ...tls, settings: { initialWindowSize: 1 << 20 } });
  session.once("connect", () => session.setLocalWindowSize(1 << 22));
  session.on("error", () => undefined);
  return session;
}

function countLines(stream: ClientHttp2Stream, add: (lines: number) => void): void {
  stream.on("error", () => undefined);
  stream.on("data", (part: Uint8Array) => {
    let lines = 0;
    for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) lines++;
    add(lines);
  });
}

/** The longest time that the controller's event loop was held since this was asked last. */
async function* blocked(name: string, session: ClientHttp2Session): AsyncGenerator<Figure> {
  const { late, busy } = await loopDelay(session);
  const note = "longest, of this program's own work";
  yield { name: `${name}.blocked`, value: busy, unit: "ms", budget: 50, note };
  yield { name: `${name}.blocked.wall`, value: late, unit: "ms", note: "longest, whoever held it" };
}

async function loopDelay(
  session: ClientHttp2Session,
): Promise<{ readonly late: number; readonly busy: number }> {
  let text = "";
  for await (const part of session.request({ ":path": "/metrics" }).setEncoding("utf8")) text += part;
  const milliseconds = (what: string): number =>
    round(
      1000 * Number(new RegExp(`^process_event_loop_${what}_max_seconds (\\S+)$`, "m").exec(text)?.[1]),
      0,
    );
  return { late: milliseconds("delay"), busy: milliseconds("busy") };
}
