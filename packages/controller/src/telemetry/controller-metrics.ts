import type { Clock, MetricRegistry } from "@selvedge/base";
import type { FlowBook } from "../ingest/flow-book.ts";
import type { StateBook } from "../ingest/state-book.ts";
import type { UsageBook } from "../ingest/usage-book.ts";
import type { Caches } from "../objects/caches.ts";
import { FleetFigures } from "./figures/fleet-figures.ts";

export interface ControllerMetricsDeps {
  readonly caches: Pick<Caches, "edgeNodes" | "pods">;
  readonly links: { readonly size: number };
  readonly flows: FlowBook;
  readonly usages: UsageBook;
  readonly states: Pick<StateBook, "figures">;
  readonly clock: Clock;
}

/** Figures of the fleet as a whole, and what its nodes measure, which is returned. */
export function fleetMetrics(metrics: MetricRegistry, deps: ControllerMetricsDeps): FleetFigures {
  const { caches, links, flows, usages, states, clock } = deps;
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
  const figures = new FleetFigures({ caches, usages, clock, said: (node) => states.figures(node) });
  metrics.include(figures);
  return figures;
}
