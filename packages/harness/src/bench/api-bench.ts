import { SystemClock } from "@selvedge/base";
import { type ConfigMap, configMapKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { waitFor } from "../real/wait.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
const namespace = "default";
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
      await client.create(configMapKind, configMap(`bench-${index}`));
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
    await client.list(configMapKind, { namespace });
    spans.push(clock.monotonic() - began);
  }
  yield { name: "api.list.1000", value: round(quantile(spans, 0.5), 1), unit: "ms", note: "whole, as JSON" };
  yield { name: "api.lists", value: round(1000 / quantile(spans, 0.5), 1), unit: "1/s" };
}

async function* fanOut(client: KubeClient, pid: number): AsyncGenerator<Figure> {
  const stop = new AbortController();
  const watching: Promise<void>[] = [];
  let received = 0;
  try {
    const { metadata } = await client.list(configMapKind, { namespace, limit: 1 });
    const options = { namespace, resourceVersion: metadata.resourceVersion, signal: stop.signal };
    const watch = async (): Promise<void> => {
      for await (const { type } of client.watch(configMapKind, options)) if (type === "ADDED") received++;
    };
    for (let index = 0; index < watchers; index++) watching.push(watch());
    // When each has one, all are open.
    await client.create(configMapKind, configMap("first"));
    await waitFor("all watchers", async () => (received === watchers ? true : undefined), 60);
    received = 0;
    const before = await processUsage(pid);
    const start = clock.monotonic();
    for (let index = 0; index < fannedWrites; index++) {
      await client.create(configMapKind, configMap(`fanned-${index}`));
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
    await Promise.allSettled(watching);
  }
}

function configMap(name: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data: { key: "x".repeat(200) },
  };
}
