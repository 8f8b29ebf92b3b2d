import type { Clock, Log, MetricRegistry, Random } from "@selvedge/base";
import type { LogLine } from "../logs/log-bundle.ts";
import { type Caches, nodeNameOf } from "../objects/caches.ts";
import type { FleetFigures } from "./figures/fleet-figures.ts";
import { NewFigures } from "./figures/new-figures.ts";
import { OtlpExporter, type OtlpPost } from "./otlp-exporter.ts";
import type { Resource } from "./otlp-messages.ts";

/** What an export takes from a controller. */
export interface TelemetrySource {
  readonly metrics: MetricRegistry;
  readonly logs: { onLines(listener: (owner: string, lines: readonly LogLine[]) => void): () => void };
  readonly caches: Pick<Caches, "pods" | "edgeNodes">;
  readonly figures: FleetFigures;
}

export interface ExportPorts {
  readonly post: OtlpPost;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Sends a controller's figures, and the logs of its nodes and apps, until it is disposed of. */
export function exportTelemetry(source: TelemetrySource, ports: ExportPorts): AsyncDisposable {
  const { metrics, logs, caches } = source;
  const owner = (id: string): Resource => resourceOf(id, caches);
  const figures = new NewFigures(source.figures, caches, owner);
  const exporter = new OtlpExporter({ ...ports, metrics, figures, resourceOf: owner });
  const stop = logs.onLines((whose, lines) => exporter.lines(whose, lines));
  exporter.start();
  return {
    async [Symbol.asyncDispose]() {
      stop();
      await exporter[Symbol.asyncDispose]();
    },
  };
}

/** Whose log it is: a Pod's by its UID, else a node's by its own. */
function resourceOf(owner: string, caches: TelemetrySource["caches"]): Resource {
  const [pod] = caches.pods.by("uid", owner);
  if (pod !== undefined) {
    const { name, namespace = "" } = pod.metadata;
    return {
      ...{ "service.name": name, "k8s.pod.name": name, "k8s.namespace.name": namespace },
      ...{ "k8s.pod.uid": owner, "k8s.node.name": pod.spec.nodeName ?? "" },
    };
  }
  const [edgeNode] = caches.edgeNodes.by("id", owner);
  if (edgeNode === undefined) return { "service.name": "unknown", "k8s.pod.uid": owner };
  return { "service.name": "selvedge-engine", "k8s.node.name": nodeNameOf(edgeNode), "host.id": owner };
}
