/** What is shown of a node, from its newest ZMetricMsg. */
import { metrics } from "@selvedge/eve-api";
import type { NodeUsage } from "../../ingest/usage.ts";
import { each, type Figure, figuresOf, nameOf, one, type Reading, timeOf, ways } from "./figure.ts";
import { throughFigures, throughOf } from "./network-words.ts";

export interface NodeWords {
  readonly usage: NodeUsage;
  /** Empty where only its use is known. */
  readonly device: metrics.deviceMetric;
  readonly networks: readonly metrics.ZMetricNetworkInstance[];
  readonly volumes: readonly metrics.ZMetricVolume[];
  readonly processes: readonly metrics.ZMetricProcess[];
}

/** More than a box has of each. */
export const portsMax = 32;
const [disksMax, agentsMax, poolsMax, processesMax] = [32, 32, 8, 64];
/** Of networks and volumes: as many as its configuration may have. */
const [networksMax, volumesMax] = [64, 128];

const mib = 2 ** 20;
const node = figuresOf<NodeWords>("node");

const machine: readonly Figure<NodeWords>[] = [
  node("cpu_cores", "Cores a node uses.", [], ({ usage }) => one(usage.cpuMillis, 1e-3), {
    ...{ name: "k8s.node.cpu.usage", unit: "{cpu}" },
  }),
  node("cpu_seconds_total", "CPU time a node has used.", [], ({ usage }) => one(usage.cpuNanos, 1e-9), {
    name: "k8s.node.cpu.time",
  }),
  node("memory_bytes", "Memory a node uses.", [], ({ usage }) => one(usage.memoryBytes), {
    name: "k8s.node.memory.usage",
  }),
  node(
    "memory_size_bytes",
    "Memory a node has.",
    [],
    ({ device }) => one(device.deviceMemory?.memoryMB || undefined, mib),
    { name: "system.memory.limit", adds: true },
  ),
  node("memory_allocated_bytes", "Memory set aside for apps, and for the engine.", ["for"], ({ device }) =>
    device.deviceMemory === undefined
      ? []
      : [
          [["apps"], device.deviceMemory.allocatedAppsMB * mib],
          [["engine"], device.deviceMemory.allocatedEveMB * mib],
        ],
  ),
  node(
    "uptime_seconds",
    "How long a node has run since it started.",
    [],
    ({ device }) => timeOf(device.cpuMetric?.upTime),
    { name: "k8s.node.uptime" },
  ),
  node("access_rules", "Rules in the access lists of a node's apps.", [], ({ device }) =>
    one(device.acl?.totalRuleCount),
  ),
  node("goroutines", "Goroutines of the agents of a box of EVE.", [], ({ device }) =>
    one(device.zedbox?.numGoRoutines),
  ),
  node("config_received_timestamp_seconds", "When a node last got a configuration.", [], ({ device }) =>
    timeOf(device.lastReceivedConfig),
  ),
  node("config_processed_timestamp_seconds", "When a node last took one over.", [], ({ device }) =>
    timeOf(device.lastProcessedConfig),
  ),
];

const ports: readonly Figure<NodeWords>[] = throughFigures.map((shown) =>
  node(
    `port_${shown.name}`,
    `${shown.help} through a node's port.`,
    ["port", ...shown.labels],
    ({ device }) =>
      each(device.network, portsMax, (metric) => shown.read(throughOf(metric.alias || metric.iName, metric))),
    { name: `system.network.${shown.convention}`, unit: shown.unit },
  ),
);

const wireless: readonly Figure<NodeWords>[] = [
  ...(["rssi", "rsrp", "rsrq", "snr"] as const).map((figure) =>
    node(
      `modem_${figure}_${figure.startsWith("rss") || figure === "rsrp" ? "dbm" : "db"}`,
      `How a node's modem hears its network: ${figure.toUpperCase()}.`,
      ["port"],
      ({ usage }) =>
        (usage.modems ?? []).flatMap(({ port, figures }) =>
          figures.filter(([name]) => name === figure).map(([, value]): Reading => [[port], value]),
        ),
    ),
  ),
  node("modem_bytes_total", "Bytes through a node's modem.", ["port", "direction"], ({ usage }) =>
    (usage.modems ?? []).flatMap(({ port, rxBytes, txBytes }) =>
      ways([port], BigInt(rxBytes), BigInt(txBytes)),
    ),
  ),
  node(
    "port_authentication_frames_total",
    "EAPOL frames of a port that proves who it is.",
    ["port", "direction"],
    ({ device }) =>
      each(device.pnacMetrics, portsMax, (it) =>
        ways([nameOf(it.logicallabel)], it.eapolFramesRx, it.eapolFramesTx),
      ),
  ),
  node(
    "port_authentication_bad_frames_total",
    "EAPOL frames that nobody could read.",
    ["port"],
    ({ device }) =>
      each(device.pnacMetrics, portsMax, (it) => [
        [[nameOf(it.logicallabel)], Number(it.invalidEapolFramesRx + it.eapLengthErrorFramesRx)],
      ]),
  ),
  node(
    "bond_link_failures_total",
    "How often a member of a bond lost its link.",
    ["port", "member"],
    ({ device }) =>
      each(device.bondMetrics, portsMax, ({ logicallabel, members }) =>
        each(members, portsMax, (it) => [
          [[nameOf(logicallabel), nameOf(it.logicallabel)], Number(it.linkFailureCount)],
        ]),
      ),
  ),
];

const disk = { read: ["read"], write: ["write"] } as const;
const diskAttributes = ["system.device", "disk.io.direction"];
const placeAttributes = ["system.device", "system.filesystem.mountpoint"];

const disks: readonly Figure<NodeWords>[] = [
  node(
    "disk_bytes_total",
    "Bytes read from a disk and written to it.",
    ["disk", "direction"],
    ({ device }) =>
      each(device.disk, disksMax, (it) =>
        it.disk === ""
          ? []
          : [
              [[nameOf(it.disk), ...disk.read], Number(it.readBytes) * mib],
              [[nameOf(it.disk), ...disk.write], Number(it.writeBytes) * mib],
            ],
      ),
    { name: "system.disk.io", attributes: diskAttributes },
  ),
  node(
    "disk_operations_total",
    "Reads and writes of a disk.",
    ["disk", "direction"],
    ({ device }) =>
      each(device.disk, disksMax, (it) =>
        it.disk === ""
          ? []
          : [
              [[nameOf(it.disk), ...disk.read], Number(it.readCount)],
              [[nameOf(it.disk), ...disk.write], Number(it.writeCount)],
            ],
      ),
    { name: "system.disk.operations", unit: "{operation}", attributes: diskAttributes },
  ),
  node(
    "filesystem_size_bytes",
    "Size of a disk, a part of one, or what is mounted.",
    ["disk", "mount"],
    ({ device }) =>
      each(device.disk, disksMax, (it) => [
        [[nameOf(it.disk), nameOf(it.mountPath)], Number(it.total) * mib],
      ]),
    { name: "system.filesystem.limit", attributes: placeAttributes, adds: true },
  ),
  node(
    "filesystem_usage_bytes",
    "Of what is mounted, what is used and what is free.",
    ["disk", "mount", "state"],
    ({ device }) =>
      each(device.disk, disksMax, (it) =>
        it.mountPath === ""
          ? []
          : [
              [[nameOf(it.disk), nameOf(it.mountPath), "used"], Number(it.used) * mib],
              [[nameOf(it.disk), nameOf(it.mountPath), "free"], Number(it.free) * mib],
            ],
      ),
    {
      ...{ name: "system.filesystem.usage", adds: true },
      attributes: [...placeAttributes, "system.filesystem.state"],
    },
  ),
  node("storage_bytes", "What apps, and the engine itself, keep on a node.", ["of"], ({ device }) =>
    device.disk.length === 0
      ? []
      : [
          [["apps"], Number(device.appRunTimeStorageMB) * mib],
          [["engine"], Number(device.runtimeStorageOverheadMB) * mib],
        ],
  ),
  node("pool_size_bytes", "Size of a storage pool.", ["pool"], ({ device }) =>
    pools(device, (it) => [[[], it.total]]),
  ),
  node("pool_allocated_bytes", "What of a storage pool is used.", ["pool"], ({ device }) =>
    pools(device, (it) => [[[], it.alloc]]),
  ),
  node(
    "pool_bytes_total",
    "Bytes read from a storage pool and written to it.",
    ["pool", "direction"],
    ({ device }) =>
      pools(device, (it) => [
        [disk.read, it.bytesRead],
        [disk.write, it.bytesWrite],
      ]),
    { attributes: ["selvedge.pool", "disk.io.direction"] },
  ),
  node("pool_errors_total", "Errors of a storage pool.", ["pool", "kind"], ({ device }) =>
    pools(device, (it) => [
      [["read"], it.readErrors],
      [["write"], it.writeErrors],
      [["checksum"], it.checksumErrors],
    ]),
  ),
];

function pools(
  { storageMetrics }: metrics.deviceMetric,
  read: (of: metrics.StorageVDevMetrics) => readonly (readonly [labels: readonly string[], value: bigint])[],
): Reading[] {
  return each(storageMetrics, poolsMax, ({ poolName, zpoolMetrics }) =>
    zpoolMetrics === undefined
      ? []
      : read(zpoolMetrics).map(([labels, value]): Reading => [[nameOf(poolName), ...labels], Number(value)]),
  );
}

const secrets: readonly Figure<NodeWords>[] = [
  node("decryptions_total", "Secrets a node opened, or could not.", ["agent", "outcome"], ({ device }) =>
    each(device.cipher, agentsMax, (it) => [
      [[nameOf(it.agentName), "opened"], Number(it.successCount)],
      [[nameOf(it.agentName), "failed"], Number(it.failureCount)],
    ]),
  ),
  node("decryption_errors_total", "Why secrets could not be opened.", ["agent", "error"], ({ device }) =>
    each(device.cipher, agentsMax, ({ agentName, tc }) =>
      each(tc, errorsMax, ({ errorCode, count }) => [
        [[nameOf(agentName), errorName(errorCode)], Number(count)],
      ]),
    ),
  ),
];
function errorName(code: metrics.CipherError): string {
  const found = Object.entries(metrics.CipherError).find(([, value]) => value === code);
  return found?.[0].toLowerCase() ?? "other";
}

/** The schema has eight. */
const errorsMax = 16;

const networks: readonly Figure<NodeWords>[] = [
  node("network_up", "Whether a network of a node is up.", ["network"], (of) =>
    each(of.networks, networksMax, (it) => [[[networkName(it)], it.activated ? 1 : 0]]),
  ),
  ...throughFigures.map((shown) =>
    node(
      `network_${shown.name}`,
      `${shown.help} between a network and its apps, as the apps see it.`,
      ["network", ...shown.labels],
      (of) =>
        each(of.networks, networksMax, (it) =>
          each(it.network, 1, (metric) => shown.read(throughOf(networkName(it), metric))),
        ),
      { unit: shown.unit },
    ),
  ),
  node(
    "network_probe_up",
    "Whether somebody answers by way of a port: the gateway, the one beyond it.",
    ["network", "destination", "port", "asked"],
    (of) =>
      probes(of, (it) => [
        [["gateway"], it.gatewayUP ? 1 : 0],
        [["remote"], it.remoteHostUP ? 1 : 0],
      ]),
  ),
  node(
    "network_probe_latency_seconds",
    "How long the one beyond the gateway took to answer.",
    ["network", "destination", "port"],
    (of) => probes(of, (it) => [[[], it.remoteProbeLatency / 1000]]),
  ),
];

function networkName({ displayname, networkID }: metrics.ZMetricNetworkInstance): string {
  return nameOf(displayname || networkID);
}

type Probed = metrics.ZProbeNIMetrics["intfMetric"][number];

function probes({ networks: all }: NodeWords, read: (of: Probed) => readonly Reading[]): Reading[] {
  return each(all, networksMax, (network) =>
    each(network.probeMetrics, portsMax, ({ dstNetwork, intfMetric }) =>
      each(intfMetric, portsMax, (it) =>
        read(it).map(([labels, value]): Reading => {
          const where = [networkName(network), nameOf(dstNetwork), nameOf(it.intfName)];
          return [[...where, ...labels], value];
        }),
      ),
    ),
  );
}

const volumes: readonly Figure<NodeWords>[] = [
  node(
    "volume_bytes_total",
    "Bytes read from a volume and written to it.",
    ["volume", "direction"],
    (of) =>
      each(of.volumes, volumesMax, (it) => [
        [[volumeName(it), ...disk.read], Number(it.readBytes)],
        [[volumeName(it), ...disk.write], Number(it.writeBytes)],
      ]),
    { attributes: ["k8s.volume.name", "disk.io.direction"] },
  ),
  node(
    "volume_operations_total",
    "Reads and writes of a volume.",
    ["volume", "direction"],
    (of) =>
      each(of.volumes, volumesMax, (it) => [
        [[volumeName(it), ...disk.read], Number(it.readCount)],
        [[volumeName(it), ...disk.write], Number(it.writeCount)],
      ]),
    { unit: "{operation}", attributes: ["k8s.volume.name", "disk.io.direction"] },
  ),
  node("volume_size_bytes", "How large a volume may grow.", ["volume"], (of) =>
    each(of.volumes, volumesMax, (it) => [[[volumeName(it)], Number(it.totalBytes)]]),
  ),
  node("volume_used_bytes", "What of a volume is used.", ["volume"], (of) =>
    each(of.volumes, volumesMax, (it) => [[[volumeName(it)], Number(it.usedBytes)]]),
  ),
  node("volume_free_bytes", "What of a volume is free.", ["volume"], (of) =>
    each(of.volumes, volumesMax, (it) => [[[volumeName(it)], Number(it.freeBytes)]]),
  ),
];

function volumeName({ displayName, uuid }: metrics.ZMetricVolume): string {
  return nameOf(displayName || uuid);
}

const processes: readonly Figure<NodeWords>[] = [
  process("process_cpu_seconds_total", "CPU time", "process.cpu.time", (it) => it.userTime + it.systemTime),
  process("process_memory_bytes", "Memory", "process.memory.usage", (it) => Number(it.rssBytes)),
  process("process_virtual_memory_bytes", "Address space", "process.memory.virtual", (it) =>
    Number(it.vmBytes),
  ),
  process("process_open_files", "Open files", "process.unix.file_descriptor.count", (it) => it.numFds),
  process("process_threads", "Threads", "process.thread.count", (it) => it.numThreads),
];

/** By name, since numbers come and go: those of one name are told as one. */
function process(
  name: string,
  what: string,
  convention: string,
  read: (of: metrics.ZMetricProcess) => number,
): Figure<NodeWords> {
  const help = `${what} of a node's own processes, and of its apps' machines, by name.`;
  const sums = ({ processes: all }: NodeWords): Reading[] => {
    const found = new Map<string, number>();
    for (const one of all) {
      const key = nameOf(one.name);
      if (!found.has(key) && found.size >= processesMax) continue;
      found.set(key, (found.get(key) ?? 0) + read(one));
    }
    return [...found].map(([key, value]): Reading => [[key], value]);
  };
  return node(name, help, ["process"], sums, { name: convention, adds: !name.endsWith("_total") });
}

export const machineFigures: readonly Figure<NodeWords>[] = [
  ...machine,
  ...ports,
  ...wireless,
  ...disks,
  ...secrets,
];
export const partFigures: readonly Figure<NodeWords>[] = [...networks, ...volumes, ...processes];
