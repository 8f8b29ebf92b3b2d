import { SystemClock } from "@selvedge/base";
import type { KubeClient } from "../real/kube-client.ts";
import { waitFor } from "../real/wait.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
const path = "/api/v1/namespaces/default/configmaps";
const objects = 1000;
const writers = 16;
const lists = 20;
const watchers = 100;
const fannedWrites = 100;

/** The Kubernetes API over TLS, one client with kept connections, SQLite synced for every write. */
export const apiBench: Bench = {
  name: "api",
  summary: "Kubernetes API: writes, lists, watch fan-out",
  missing: () => undefined,
  async *run(progress) {
    await using controller = await ControllerProcess.start();
    using client = await controller.client();
    progress(`writing ${objects} objects`);
    yield* writes(client, controller.pid);
    progress(`listing ${objects} objects ${lists} times`);
    yield* listing(client);
    progress(`${watchers} watchers, ${fannedWrites} writes`);
    yield* fanOut(client, controller.pid);
  },
};

async function* writes(client: KubeClient, pid: number): AsyncGenerator<Figure> {
  const spans: number[] = [];
  const before = await processUsage(pid);
  const start = clock.monotonic();
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < objects; index = next++) {
      const began = clock.monotonic();
      await client.create(path, configMap(`bench-${index}`));
      spans.push(clock.monotonic() - began);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const seconds = (clock.monotonic() - start) / 1000;
  const { cpuSeconds } = await processUsage(pid);
  yield { name: "api.writes", value: round(objects / seconds, 0), unit: "1/s", note: `${writers} at once` };
  yield { name: "api.write.p50", value: round(quantile(spans, 0.5)), unit: "ms" };
  yield { name: "api.write.p99", value: round(quantile(spans, 0.99)), unit: "ms", budget: 1000 };
  const cpu = ((cpuSeconds - before.cpuSeconds) / objects) * 1e6;
  yield { name: "api.write.cpu", value: round(cpu, 0), unit: "µs" };
}

async function* listing(client: KubeClient): AsyncGenerator<Figure> {
  const spans: number[] = [];
  for (let turn = 0; turn < lists; turn++) {
    const began = clock.monotonic();
    await client.list(path);
    spans.push(clock.monotonic() - began);
  }
  yield { name: "api.list.1000", value: round(quantile(spans, 0.5), 1), unit: "ms", note: "whole, as JSON" };
  yield { name: "api.lists", value: round(1000 / quantile(spans, 0.5), 1), unit: "1/s" };
}

async function* fanOut(client: KubeClient, pid: number): AsyncGenerator<Figure> {
  const stop = new AbortController();
  let received = 0;
  try {
    const { metadata } = JSON.parse((await client.send("GET", `${path}?limit=1`)).text) as {
      metadata: { resourceVersion: string };
    };
    const target = `${path}?watch=true&resourceVersion=${metadata.resourceVersion}`;
    for (let index = 0; index < watchers; index++) {
      await client.watch(target, () => void received++, stop.signal);
    }
    const before = await processUsage(pid);
    const start = clock.monotonic();
    for (let index = 0; index < fannedWrites; index++) {
      await client.create(path, configMap(`fanned-${index}`));
    }
    const events = watchers * fannedWrites;
    await waitFor("all events", async () => (received >= events ? true : undefined), 60);
    const seconds = (clock.monotonic() - start) / 1000;
    const { cpuSeconds } = await processUsage(pid);
    yield {
      name: "api.watch.events",
      value: round(events / seconds, 0),
      unit: "1/s",
      note: `${watchers} watchers of one kind, the writer waits for each write`,
    };
    const cpu = ((cpuSeconds - before.cpuSeconds) / events) * 1e6;
    yield {
      name: "api.watch.cpu",
      value: round(cpu, 1),
      unit: "µs",
      note: "per event and watcher, writes included",
    };
  } finally {
    stop.abort();
  }
}

function configMap(name: string): unknown {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { key: "x".repeat(200) } };
}
