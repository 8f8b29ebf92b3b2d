/** The Kubernetes API over TLS, on each database, and the bare database beside it in the same run. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "@selvedge/apiserver";
import { SystemClock } from "@selvedge/base";
import { configMapKind, namespaceKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { PostgresServer, postgresMissing } from "../real/postgres-server.ts";
import { fanOut, manyObjects, openCost } from "./api-reads-bench.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import { configMap } from "./config-map.ts";
import { ControllerProcess } from "./controller-process.ts";
import { PlainServer } from "./plain-server.ts";
import { mainThreadSeconds, processUsage } from "./process-meter.ts";
import { openStore } from "./stores.ts";
import { Writers } from "./write-load.ts";

const clock = new SystemClock();
const namespace = "default";
/** Until the compiler has done its work, for the store alone as for the whole path. */
const warmUp = 3000;
const turns = 5;
/** Of each turn. */
const measured = 1000;
const writers = 16;
const listed = 1000;
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
  const plainUrl = await server?.database("plain");
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
  progress(`${what}: writing ${turns * measured} objects`);
  const bare = await openStore(join(controller.folder, "bare.db"), bareUrl);
  {
    await using plain = await PlainServer.start(join(controller.folder, "plain.db"), plainUrl);
    yield* writes(name, controller, bare, plain);
  }
  progress(`${what}: listing`);
  using load = await Writers.open(await controller.access(), writers);
  await load.create(namespace, listed);
  yield* listing(name, client);
  progress(`${what}: watching`);
  yield* fanOut(name, controller, client);
  yield* openCost(name, controller, client, many);
}

/**
 * What the store does alone, behind HTTPS and nothing else, and through the whole path, turn by turn, so that all have
 * the same machine.
 */
async function* writes(
  name: string,
  controller: ControllerProcess,
  store: Store,
  plain: PlainServer,
): AsyncGenerator<Figure> {
  const { pid } = controller;
  using beside = await Writers.open(plain.access, writers);
  using load = await Writers.open(await controller.access(), writers);
  using client = await controller.client();
  const [bare, least] = [{ seconds: 0 }, { seconds: 0 }];
  const whole = { seconds: 0, cpu: 0, loop: 0 };
  const spans: number[] = [];
  for (let turn = 0; turn <= turns; turn++) {
    const namespace = `turn-${turn}`;
    await client.create(namespaceKind, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    });
    const count = turn === 0 ? warmUp : measured;
    const began = clock.monotonic();
    await bareWrites(store, namespace, count);
    const bareEnd = clock.monotonic();
    await beside.create(namespace, count);
    const [before, loopBefore, start] = [
      await processUsage(pid),
      await mainThreadSeconds(pid),
      clock.monotonic(),
    ];
    const took = await load.create(namespace, count);
    const end = clock.monotonic();
    const [after, loopAfter] = [await processUsage(pid), await mainThreadSeconds(pid)];
    if (turn === 0) continue;
    for (const span of took) spans.push(span);
    bare.seconds += (bareEnd - began) / 1000;
    least.seconds += (start - bareEnd) / 1000;
    whole.seconds += (end - start) / 1000;
    whole.cpu += after.cpuSeconds - before.cpuSeconds;
    whole.loop += loopAfter - loopBefore;
  }
  await store.close();
  const all = turns * measured;
  const each = (seconds: number): number => round((seconds / all) * 1e6, 0);
  const note = `${writers} at once, after ${warmUp} to warm up`;
  yield { name: `${name}.writes`, value: round(all / whole.seconds, 0), unit: "1/s", note };
  yield { name: `${name}.write.p50`, value: round(quantile(spans, 0.5)), unit: "ms" };
  yield { name: `${name}.write.p99`, value: round(quantile(spans, 0.99)), unit: "ms", budget: 1000 };
  yield { name: `${name}.write.cpu`, value: each(whole.cpu), unit: "µs" };
  const part = "of it on the event loop's thread";
  yield { name: `${name}.write.cpu.loop`, value: each(whole.loop), unit: "µs", note: part };
  const alone = "the store alone, in turn with the whole path";
  yield { name: `${name}.store.writes`, value: round(all / bare.seconds, 0), unit: "1/s", note: alone };
  yield { name: `${name}.writes.share`, ...shareOf(bare, whole), note: "of the store alone" };
  const nothing = "HTTPS, JSON and the store, with nothing between";
  yield { name: `${name}.plain.writes`, value: round(all / least.seconds, 0), unit: "1/s", note: nothing };
  yield { name: `${name}.plain.share`, ...shareOf(bare, least), note: "what that has of the store alone" };
  yield { name: `${name}.writes.plain.share`, ...shareOf(least, whole), note: "of what that has" };
}

interface Span {
  readonly seconds: number;
}

function shareOf(least: Span, whole: Span): { readonly value: number; readonly unit: "%" } {
  return { value: round((100 * least.seconds) / whole.seconds, 0), unit: "%" };
}

async function bareWrites(store: Store, namespace: string, count: number): Promise<void> {
  const value = JSON.stringify({ ...configMap("x", namespace), managedFields: "y".repeat(250) });
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++)
      await store.write(`/configmaps/${namespace}/bench-${index}`, 0, value);
  };
  await Promise.all(Array.from({ length: writers }, writer));
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
