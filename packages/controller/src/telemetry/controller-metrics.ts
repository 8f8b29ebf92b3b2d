import type { Clock, MetricRegistry } from "@selvedge/base";
import type { FlowBook } from "../ingest/flow-book.ts";
import type { ModemUsage } from "../ingest/usage.ts";
import type { UsageBook } from "../ingest/usage-book.ts";
import { type Caches, nodeNameOf } from "../objects/caches.ts";

export interface ControllerMetricsDeps {
  readonly caches: Pick<Caches, "edgeNodes" | "pods">;
  readonly links: { readonly size: number };
  readonly usages: UsageBook;
  readonly flows: FlowBook;
  readonly clock: Clock;
}

/** Figures of the fleet. Those of single nodes and apps end where a family's bound is. */
export function fleetMetrics(metrics: MetricRegistry, deps: ControllerMetricsDeps): void {
  const { caches, links, usages, flows, clock } = deps;
  metrics.gauge("selvedge_links", "Nodes whose link is up.", [], () => [[[], links.size]]);
  metrics.gauge("selvedge_nodes", "EdgeNodes by phase.", ["phase"], () => {
    const phases = new Map<string, number>();
    for (const { status } of caches.edgeNodes.list()) {
      const phase = status?.phase ?? "Unseen";
      phases.set(phase, (phases.get(phase) ?? 0) + 1);
    }
    return [...phases].map(([phase, count]) => [[phase], count] as const);
  });
  metrics.counted("selvedge_flow_records_total", "Flows and name lookups nodes told of.", [], () => [
    [[], flows.received],
  ]);
  const ofNodes = function* (read: "cpuMillis" | "memoryBytes", unit: number): Readings {
    const now = clock.now();
    for (const edgeNode of caches.edgeNodes.list()) {
      const id = edgeNode.status?.nodeID;
      const value = id === undefined ? undefined : usages.node(id, now)?.[read];
      if (value !== undefined) yield [[nodeNameOf(edgeNode)], value / unit] as const;
    }
  };
  const ofApps = function* (read: "cpuMillis" | "memoryBytes", unit: number): Readings {
    const now = clock.now();
    for (const { metadata } of caches.pods.list()) {
      const value = usages.app(metadata.uid ?? "", now)?.[read];
      if (value !== undefined) yield [[metadata.namespace ?? "", metadata.name], value / unit] as const;
    }
  };
  const ofModems = function* (read: (modem: ModemUsage) => readonly (readonly [string, number])[]): Readings {
    const now = clock.now();
    for (const edgeNode of caches.edgeNodes.list()) {
      const id = edgeNode.status?.nodeID;
      const modems = (id === undefined ? undefined : usages.node(id, now)?.modems) ?? [];
      for (const modem of modems)
        for (const [name, value] of read(modem)) yield [[nodeNameOf(edgeNode), modem.port, name], value];
    }
  };
  metrics.gauge(
    "selvedge_node_modem_signal",
    "How a node's modem hears its network, in dBm (rssi, rsrp) and dB (rsrq, snr).",
    ["node", "port", "figure"],
    () => ofModems(({ figures }) => figures),
  );
  metrics.counted(
    "selvedge_node_modem_bytes_total",
    "What went through a node's modem.",
    ["node", "port", "direction"],
    () =>
      ofModems(({ rxBytes, txBytes }) => [
        ["received", rxBytes],
        ["sent", txBytes],
      ]),
  );
  const app = ["namespace", "pod"];
  metrics.gauge("selvedge_node_cpu_cores", "Cores a node uses.", ["node"], () => ofNodes("cpuMillis", 1000));
  metrics.gauge("selvedge_node_memory_bytes", "Memory a node uses.", ["node"], () =>
    ofNodes("memoryBytes", 1),
  );
  metrics.gauge("selvedge_app_cpu_cores", "Cores an app uses.", app, () => ofApps("cpuMillis", 1000));
  metrics.gauge("selvedge_app_memory_bytes", "Memory an app uses.", app, () => ofApps("memoryBytes", 1));
}

type Readings = Generator<readonly [labels: readonly string[], value: number]>;
