/** What is shown of an app, from the newest ZMetricMsg of its node. */
import type { metrics } from "@selvedge/eve-api";
import type { AppUsage } from "../../ingest/usage.ts";
import { each, type Figure, figuresOf, nameOf, one, type Reading, ways } from "./figure.ts";
import { throughFigures, throughOf } from "./network-words.ts";

export interface AppWords {
  readonly usage: AppUsage;
  /** Not there where only its use is known. */
  readonly metric: metrics.appMetric | undefined;
}

/** More than an app has of each. */
const [plugsMax, volumesMax, containersMax, envelopesMax] = [16, 32, 64, 16];
const mib = 2 ** 20;
const app = figuresOf<AppWords>("app");

const machine: readonly Figure<AppWords>[] = [
  app("cpu_cores", "Cores an app uses.", [], ({ usage }) => one(usage.cpuMillis, 1e-3), {
    name: "k8s.pod.cpu.usage",
  }),
  app("cpu_seconds_total", "CPU time an app has used.", [], ({ usage }) => one(usage.cpuNanos, 1e-9), {
    name: "k8s.pod.cpu.time",
  }),
  app("memory_bytes", "Memory an app uses.", [], ({ usage }) => one(usage.memoryBytes), {
    name: "k8s.pod.memory.usage",
  }),
  app("memory_size_bytes", "Memory an app may use.", [], ({ metric }) =>
    one(metric?.appMemory?.allocatedMB || undefined, mib),
  ),
  ...throughFigures.map((shown) =>
    app(
      `network_${shown.name}`,
      `${shown.help} through an app's plug.`,
      ["interface", ...shown.labels],
      ({ metric }) =>
        each(metric?.network ?? [], plugsMax, (it) => shown.read(throughOf(it.alias || it.iName, it))),
      { name: `k8s.pod.network.${shown.convention}`, unit: shown.unit },
    ),
  ),
  app("volume_size_bytes", "How large a volume of an app's machine may grow.", ["volume"], ({ metric }) =>
    each(metric?.disk ?? [], volumesMax, (it) => [[[lastWord(it.disk)], Number(it.provisioned) * mib]]),
  ),
  app("volume_used_bytes", "What of a volume of an app's machine is used.", ["volume"], ({ metric }) =>
    each(metric?.disk ?? [], volumesMax, (it) => [[[lastWord(it.disk)], Number(it.used) * mib]]),
  ),
  app(
    "patch_requests_total",
    "How often an app asked for a patch envelope, or fetched of it.",
    ["envelope", "kind"],
    ({ metric }) =>
      each(metric?.patchEnvelope ?? [], envelopesMax, (it) => [
        [[nameOf(it.uuid), "asked"], Number(it.patchApiCallCount)],
        [[nameOf(it.uuid), "downloaded"], Number(it.downloadCount)],
      ]),
  ),
];

/** Of a path on the node. */
function lastWord(path: string): string {
  return nameOf(path.split("/").at(-1) ?? path);
}

const containers: readonly Figure<AppWords>[] = [
  app(
    "container_cpu_seconds_total",
    "CPU time a container has used.",
    ["container"],
    ({ usage }) =>
      each(usage.containers, containersMax, (it) => [[[nameOf(it.name)], Number(it.cpuNanos) * 1e-9]]),
    { name: "container.cpu.time" },
  ),
  app(
    "container_memory_bytes",
    "Memory a container uses.",
    ["container"],
    ({ usage }) => each(usage.containers, containersMax, (it) => [[[nameOf(it.name)], it.memoryBytes]]),
    { name: "container.memory.usage", adds: true },
  ),
];

/** Of what a runtime inside an app's machine runs. */
const inner: readonly Figure<AppWords>[] = [
  app("inner_cpu_seconds_total", "CPU time of a container inside an app's machine.", ["container"], (of) =>
    inside(of, ({ cpu }) => [[[], Number(cpu?.totalNs ?? 0n) * 1e-9]]),
  ),
  app("inner_memory_bytes", "Memory of a container inside an app's machine.", ["container"], (of) =>
    inside(of, (it) => [[[], (it.appContainerMemory?.usedMB ?? it.memory?.usedMem ?? 0) * mib]]),
  ),
  app("inner_processes", "Processes of a container inside an app's machine.", ["container"], (of) =>
    inside(of, ({ PIDs }) => [[[], PIDs]]),
  ),
  app(
    "inner_network_bytes_total",
    "Bytes through the networks of a container inside an app's machine.",
    ["container", "direction"],
    (of) =>
      inside(of, ({ network }) => (network === undefined ? [] : ways([], network.rxBytes, network.txBytes))),
  ),
  app(
    "inner_disk_bytes_total",
    "Bytes read and written by a container inside an app's machine.",
    ["container", "direction"],
    (of) =>
      inside(of, ({ disk }) =>
        disk === undefined
          ? []
          : [
              [["read"], Number(disk.readBytes) * mib],
              [["write"], Number(disk.writeBytes) * mib],
            ],
      ),
    { attributes: ["k8s.container.name", "disk.io.direction"] },
  ),
];

function inside(
  { metric }: AppWords,
  read: (of: metrics.appContainerMetric) => readonly Reading[],
): Reading[] {
  return each(metric?.container ?? [], containersMax, (it) =>
    read(it).map(([labels, value]): Reading => [[nameOf(it.appContainerName), ...labels], value]),
  );
}

export const appFigures: readonly Figure<AppWords>[] = [...machine, ...containers, ...inner];
