import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis, minutes, SystemClock, seconds, sleep } from "@selvedge/base";
import { type Pod, podKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { LocalSystem, realNodesMissing } from "../real/local-system.ts";
import { waitFor } from "../real/wait.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import { machineUsage } from "./machine-meter.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
const image = "selvedge.internal/hello:1";
const changes = 20;
const manyApps = 10;
/** What enrolment and the first reports send is not rest: the last of it, second metrics, leaves after five minutes. */
const restAfter = minutes(6);
const idleSeconds = 600;

/** The whole path on real parts: namespaces, TPM, virtual machines. */
export const pathBench: Bench = {
  name: "path",
  summary: "up, apply to answer, change to act, memory of engine and machines, traffic at rest",
  missing: () => realNodesMissing() || undefined,
  async *run(progress) {
    progress("up");
    const began = clock.monotonic();
    await using system = await LocalSystem.up({ nodes: 1 });
    yield { name: "up.ready", value: since(began), unit: "s", budget: 20, note: "to the first node Ready" };
    await publish(system);
    const client = await system.client();
    progress(`traffic of an idle node: ${restAfter / 1000} s until it rests, ${idleSeconds} s at rest`);
    yield* idle(system);
    yield* engineMemory(system, 0);
    progress("apply to answer");
    yield* applyToAnswer(client);
    progress("change to act");
    yield* changeToAct(system, client);
    progress(`${manyApps} apps`);
    yield* withApps(system, client);
  },
};

async function publish(system: LocalSystem): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
  try {
    await system.command(["pack", "--demo", "--output", join(folder, "image")]);
    await system.push(join(folder, "image"), image);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* idle(system: LocalSystem): AsyncGenerator<Figure> {
  await sleep(clock, restAfter);
  const before = await wireBytes(system);
  await sleep(clock, seconds(idleSeconds));
  const perHour = ((await wireBytes(system)) - before) * (3600 / idleSeconds);
  const note = `both directions, from ${idleSeconds} s at rest`;
  yield { name: "idle.hour", value: round(perHour / 1000, 1), unit: "kB", budget: 12.5, note };
  yield { name: "idle.day", value: round((perHour * 24) / 1e6, 2), unit: "MB", budget: 0.3, note };
}

async function wireBytes(system: LocalSystem): Promise<number> {
  const { hostLink } = await system.node();
  const counters = await Promise.all(
    ["rx_bytes", "tx_bytes"].map((name) => readFile(`/sys/class/net/${hostLink}/statistics/${name}`, "utf8")),
  );
  return counters.reduce((sum, text) => sum + Number(text), 0);
}

async function* engineMemory(system: LocalSystem, apps: number): AsyncGenerator<Figure> {
  const { rssBytes, dirtyBytes } = await processUsage((await system.enginePid()) ?? 0);
  const budget = apps > 0 ? { budget: 80 } : {};
  yield {
    name: `engine.rss.${apps}`,
    value: mib(rssBytes),
    unit: "MiB",
    ...budget,
    note: `with ${apps} apps`,
  };
  yield { name: `engine.dirty.${apps}`, value: mib(dirtyBytes), unit: "MiB", note: "private and written" };
}

async function* applyToAnswer(client: KubeClient): AsyncGenerator<Figure> {
  for (const kind of ["pulled", "local"] as const) {
    const began = clock.monotonic();
    await client.create(podKind, pod("first", image));
    await waitFor("the app to answer", () => isReady(client, "first"));
    const note = kind === "pulled" ? "image in the controller's registry" : "image on the node";
    yield { name: `apply.answers.${kind}`, value: since(began), unit: "s", budget: 60, note };
    await client.delete(podKind, "first", "default");
    await waitFor("the app to be gone", async () =>
      (await client.find(podKind, "first", "default")) === undefined ? true : undefined,
    );
  }
}

/** Pods whose image may not be pulled: the engine acts on each and no machine starts. */
async function* changeToAct(system: LocalSystem, client: KubeClient): AsyncGenerator<Figure> {
  const spans: number[] = [];
  for (let turn = 0; turn < changes; turn++) {
    const before = await accepted(system);
    const began = clock.now();
    await client.create(podKind, pod("change", "selvedge.internal/none:1", "Never"));
    await waitFor("the engine to act", async () =>
      (await accepted(system)).length > before.length ? true : undefined,
    );
    const at = (await accepted(system))[before.length] ?? 0;
    spans.push(at - began);
    await client.delete(podKind, "change", "default", { gracePeriodSeconds: 0 });
    await waitFor("it to be gone", async () =>
      (await client.find(podKind, "change", "default")) === undefined ? true : undefined,
    );
    await sleep(clock, millis(500));
  }
  const note = `${changes} changes, from the request until the engine has the new configuration on its disk`;
  yield { name: "change.acts.p50", value: quantile(spans, 0.5), unit: "ms", note };
  yield { name: "change.acts.p99", value: quantile(spans, 0.99), unit: "ms", budget: 1000, note };
}

/** When the engine accepted configurations, as its log says. */
async function accepted(system: LocalSystem): Promise<number[]> {
  const { dir } = await system.node();
  const lines = (await readFile(join(dir, "engine.log"), "utf8")).split("\n");
  return lines
    .filter((line) => line.includes('"configuration accepted"'))
    .map((line) => Date.parse((JSON.parse(line) as { at: string }).at));
}

async function* withApps(system: LocalSystem, client: KubeClient): AsyncGenerator<Figure> {
  for (let index = 0; index < manyApps; index++) await client.create(podKind, pod(`app-${index}`, image));
  for (let index = 0; index < manyApps; index++) {
    await waitFor(`app ${index} to answer`, () => isReady(client, `app-${index}`), 600);
  }
  await sleep(clock, seconds(30));
  yield* engineMemory(system, manyApps);
  const usages = await Promise.all((await system.machinePids()).map(machineUsage));
  const beyond = usages.map(({ beyondBytes }) => beyondBytes);
  yield {
    name: "machine.beyond",
    value: mib(quantile(beyond, 0.5)),
    unit: "MiB",
    budget: 122,
    note: "resident in QEMU besides the guest's memory, 32 MiB of translation cache included; the median of 10",
  };
  const guest = quantile(
    usages.map(({ guestBytes }) => guestBytes),
    0.5,
  );
  yield {
    name: "machine.guest",
    value: mib(guest),
    unit: "MiB",
    note: "of the guest's own memory, resident",
  };
}

async function isReady(client: KubeClient, name: string): Promise<true | undefined> {
  const found = await client.find<Pod>(podKind, name, "default");
  return (
    found?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") || undefined
  );
}

function pod(name: string, from: string, pull: "IfNotPresent" | "Never" = "IfNotPresent"): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [
        {
          name: "web",
          image: from,
          imagePullPolicy: pull,
          // Ten share two cores: what is measured is memory.
          resources: { requests: { cpu: "50m" }, limits: { cpu: "1", memory: "64Mi" } },
          readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
        },
      ],
    },
  };
}

function since(began: number): number {
  return round((clock.monotonic() - began) / 1000);
}

function mib(bytes: number): number {
  return round(bytes / 2 ** 20, 1);
}
