/** The node in words for people, and in numbers for Prometheus. Pure. */
import type { DesiredState } from "../desired.ts";
import type { LinkCounters, NetworkStatus } from "../observed.ts";

export interface NodeFacts {
  readonly engineVersion: string;
  readonly controller: string;
  readonly desired: DesiredState | undefined;
  readonly networks: ReadonlyMap<string, NetworkStatus>;
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly upSeconds: number;
}

export function diagnosis(facts: NodeFacts): string {
  const { desired, networks, addresses } = facts;
  const cards = [...addresses].map(
    ([card, own]) => `INFO: port ${card}: ${own.join(", ") || "no IPv4 address"}`,
  );
  const states = (desired?.networks ?? []).map(({ id, name }) => {
    const status = networks.get(id);
    if (status?.phase === "ready") return `INFO: network ${name}: up on ${status.bridge}`;
    return `ERROR: network ${name}: ${status?.reason ?? "not looked at yet"}`;
  });
  return [
    `INFO: node ${desired?.nodeName ?? "without a configuration"} (${desired?.nodeId ?? "no UUID"})`,
    `INFO: selvedge engine ${facts.engineVersion}, up ${Math.floor(facts.upSeconds)} s`,
    `INFO: controller ${facts.controller}`,
    desired === undefined
      ? "WARNING: no configuration accepted"
      : `INFO: configuration ${desired.configHash}`,
    ...cards,
    ...states,
    "",
  ].join("\n");
}

export interface NodeNumbers {
  readonly cpuNanos: bigint;
  readonly memoryBytes: number;
  readonly memoryUsedBytes: number;
  readonly diskBytes: number;
  readonly diskFreeBytes: number;
  readonly bootedAtSeconds: number;
  readonly cards: ReadonlyMap<string, LinkCounters>;
}

/** Named as node_exporter names them, which dashboards know. */
export function nodeMetrics(it: NodeNumbers): string {
  const lines: string[] = [];
  const family = (
    name: string,
    type: "gauge" | "counter",
    help: string,
    rows: readonly [string, number][],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of rows) lines.push(`${name}${labels} ${value}`);
  };
  const one = (value: number): [string, number][] => [["", value]];
  const cards = (of: (counters: LinkCounters) => bigint): [string, number][] =>
    [...it.cards].map(([name, counters]) => [`{device="${name}"}`, Number(of(counters))]);
  family("node_cpu_seconds_total", "counter", "Seconds the processors worked.", [
    ['{cpu="all",mode="busy"}', Number(it.cpuNanos) / 1e9],
  ]);
  family("node_memory_MemTotal_bytes", "gauge", "Memory of the node.", one(it.memoryBytes));
  family(
    "node_memory_MemAvailable_bytes",
    "gauge",
    "Memory nobody uses.",
    one(it.memoryBytes - it.memoryUsedBytes),
  );
  family("node_filesystem_size_bytes", "gauge", "Size of the disk.", one(it.diskBytes));
  family("node_filesystem_avail_bytes", "gauge", "Room on the disk.", one(it.diskFreeBytes));
  family("node_boot_time_seconds", "gauge", "When the node started.", one(it.bootedAtSeconds));
  family(
    "node_network_receive_bytes_total",
    "counter",
    "Bytes received.",
    cards(({ rxBytes }) => rxBytes),
  );
  family(
    "node_network_transmit_bytes_total",
    "counter",
    "Bytes sent.",
    cards(({ txBytes }) => txBytes),
  );
  return `${lines.join("\n")}\n`;
}
