/** What went through a card, a plug or a network, in the same figures wherever it is. */
import type { metrics } from "@selvedge/eve-api";
import { nameOf, type Reading, ways } from "./figure.ts";

export interface Through {
  readonly name: string;
  readonly metric: metrics.networkMetric;
}

interface Shown {
  /** The end of its name. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** What OpenTelemetry calls it below `system.network` and `k8s.pod.network`. */
  readonly convention: string;
  readonly unit: string;
  readonly read: (through: Through) => readonly Reading[];
}

export const throughFigures: readonly Shown[] = [
  {
    ...{ name: "bytes_total", help: "Bytes", labels: ["direction"], convention: "io", unit: "By" },
    read: ({ name, metric }) => ways([name], metric.rxBytes, metric.txBytes),
  },
  {
    ...{ name: "packets_total", help: "Packets", labels: ["direction"] },
    ...{ convention: "packet.count", unit: "{packet}" },
    read: ({ name, metric }) => ways([name], metric.rxPkts, metric.txPkts),
  },
  {
    ...{ name: "errors_total", help: "Packets in error", labels: ["direction"] },
    ...{ convention: "errors", unit: "{error}" },
    read: ({ name, metric }) => ways([name], metric.rxErrors, metric.txErrors),
  },
  {
    ...{ name: "dropped_packets_total", labels: ["reason", "direction"] },
    help: "Packets dropped (for a full queue, by an access list, by its rate)",
    ...{ convention: "packet.dropped", unit: "{packet}" },
    read: ({ name, metric: it }) => [
      ...ways([name, "queue"], it.rxDrops, it.txDrops),
      ...ways([name, "denied"], it.rxAclDrops, it.txAclDrops),
      ...ways([name, "limited"], it.rxAclRateLimitDrops, it.txAclRateLimitDrops),
    ],
  },
];

export function throughOf(name: string, metric: metrics.networkMetric): Through {
  return { name: nameOf(name), metric };
}
