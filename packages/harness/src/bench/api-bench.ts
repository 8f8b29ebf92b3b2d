/** The Kubernetes API over TLS, on each database, and the bare database beside it in the same run. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PostgresStore, SqliteStore, type Store } from "@selvedge/apiserver";
import { Log, SystemClock } from "@selvedge/base";
import { type ConfigMap, configMapKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { PostgresServer, postgresMissing } from "../real/postgres-server.ts";
import { fanOut, manyObjects, openCost } from "./api-reads-bench.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import { ControllerProcess } from "./controller-process.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
const namespace = "default";
const objects = 1000;
const writers = 16;
const lists = 20;
/** Objects of a kind that the controller keeps no copy of. */
const many = 100_000;

export const apiBench: Bench = {
  name: "api",
  summary: "Kubernetes API on SQLite and PostgreSQL: writes, lists, watches",
  missing: () => undefined,
  async *run(progress) {
    yield* onDatabase("api", undefined, progress);
    if (postgresMissing() !== undefined) {
      progress(`PostgreSQL: skipped, ${postgresMissing()}`);
      return;
    }
    await using server = await PostgresServer.start();
    yield* onDatabase("api.pg", server, progress);
  },
};

async function* onDatabase(
  name: string,
  server: PostgresServer | undefined,
  progress: (line: string) => void,
): AsyncGenerator<Figure> {
  const what = server === undefined ? "SQLite" : "PostgreSQL";
  const url = await server?.database("bench");
  const bareUrl = await server?.database("bare");
  await using controller = await ControllerProcess.start(async (folder) => {
    progress(`${what}: filling in ${many} objects`);
    const store = await openStore(join(folder, "controller.db"), url);
    await store.load(manyObjects(many), many);
    await store.close();
    if (url === undefined) return [];
    await writeFile(join(folder, "database"), url);
    return ["--database", join(folder, "database")];
  });
  using client = await controller.client();
  progress(`${what}: writing ${objects} objects`);
  const bare = await bareWrites(await openStore(join(controller.folder, "bare.db"), bareUrl));
  yield* writes(name, client, controller.pid, bare);
  progress(`${what}: listing`);
  yield* listing(name, client);
  progress(`${what}: watching`);
  yield* fanOut(name, controller, client);
  yield* openCost(name, controller, client, many);
}

async function openStore(path: string, url: string | undefined): Promise<SqliteStore | PostgresStore> {
  if (url === undefined) return new SqliteStore(path);
  return await PostgresStore.open({ url, clock, log: new Log("store", clock, () => undefined) });
}

/** Writes a second of the store alone, as many at once and as long as those through the API. */
async function bareWrites(store: Store): Promise<number> {
  const value = JSON.stringify({ ...configMap("x"), managedFields: "y".repeat(250) });
  const rate = await rateOf(async (index) => {
    await store.write(`/configmaps/default/bench-${index}`, 0, value);
  });
  await store.close();
  return rate;
}

async function rateOf(write: (index: number) => Promise<void>): Promise<number> {
  const start = clock.monotonic();
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < objects; index = next++) await write(index);
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return objects / ((clock.monotonic() - start) / 1000);
}

async function* writes(name: string, client: KubeClient, pid: number, bare: number): AsyncGenerator<Figure> {
  const spans: number[] = [];
  const before = await processUsage(pid);
  const rate = await rateOf(async (index) => {
    const began = clock.monotonic();
    await client.create(configMapKind, configMap(`bench-${index}`));
    spans.push(clock.monotonic() - began);
  });
  const { cpuSeconds } = await processUsage(pid);
  yield { name: `${name}.writes`, value: round(rate, 0), unit: "1/s", note: `${writers} at once` };
  yield { name: `${name}.write.p50`, value: round(quantile(spans, 0.5)), unit: "ms" };
  yield { name: `${name}.write.p99`, value: round(quantile(spans, 0.99)), unit: "ms", budget: 1000 };
  const cpu = ((cpuSeconds - before.cpuSeconds) / objects) * 1e6;
  yield { name: `${name}.write.cpu`, value: round(cpu, 0), unit: "µs" };
  yield {
    name: `${name}.store.writes`,
    value: round(bare, 0),
    unit: "1/s",
    note: "the store alone, in the same run",
  };
  yield {
    name: `${name}.writes.share`,
    value: round((100 * rate) / bare, 0),
    unit: "%",
    note: "of the store alone",
  };
}

async function* listing(name: string, client: KubeClient): AsyncGenerator<Figure> {
  const spans: number[] = [];
  for (let turn = 0; turn < lists; turn++) {
    const began = clock.monotonic();
    await client.list(configMapKind, { namespace });
    spans.push(clock.monotonic() - began);
  }
  yield {
    name: `${name}.list.1000`,
    value: round(quantile(spans, 0.5), 1),
    unit: "ms",
    note: "whole, as JSON",
  };
  yield { name: `${name}.lists`, value: round(1000 / quantile(spans, 0.5), 1), unit: "1/s" };
}

export function configMap(name: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data: { key: "x".repeat(200) },
  };
}
