/** metrics.k8s.io from the newest figures of nodes and apps. */
import type { ComputedKind } from "@selvedge/apiserver";
import { type Clock, type Instant, toRfc3339 } from "@selvedge/base";
import {
  type Amounts,
  type Node,
  type NodeMetrics,
  nodeMetricsKind,
  type Pod,
  type PodMetrics,
  podMetricsKind,
} from "@selvedge/kinds";
import type { AppUsage, Usage } from "../ingest/usage.ts";
import type { UsageBook } from "../ingest/usage-book.ts";
import type { Caches } from "../objects/caches.ts";

export function usageApi(
  caches: Pick<Caches, "pods" | "nodes" | "edgeNodes">,
  usages: UsageBook,
  clock: Clock,
): ComputedKind[] {
  const ofPod = (pod: Pod, now: Instant): PodMetrics[] => {
    const usage = usages.app(pod.metadata.uid ?? "", now);
    const shown = usage === undefined ? undefined : podMetricsOf(pod, usage);
    return shown === undefined ? [] : [shown];
  };
  const ofNode = (node: Node, now: Instant): NodeMetrics[] => {
    const id = caches.edgeNodes.by("node", node.metadata.name)[0]?.status?.nodeID;
    const usage = id === undefined ? undefined : usages.node(id, now);
    const shown = usage === undefined ? undefined : nodeMetricsOf(node, usage);
    return shown === undefined ? [] : [shown];
  };
  return [
    {
      kind: podMetricsKind,
      get: (name, namespace) => {
        const pod = caches.pods.get(name, namespace);
        return pod === undefined ? undefined : ofPod(pod, clock.now())[0];
      },
      list: (namespace) => {
        const pods = namespace === undefined ? caches.pods.list() : caches.pods.by("namespace", namespace);
        return pods.flatMap((pod) => ofPod(pod, clock.now()));
      },
    },
    {
      kind: nodeMetricsKind,
      get: (name) => {
        const node = caches.nodes.get(name);
        return node === undefined ? undefined : ofNode(node, clock.now())[0];
      },
      list: () => caches.nodes.list().flatMap((node) => ofNode(node, clock.now())),
    },
  ];
}

/** Undefined for what does not run, and while nothing can be said of its CPU. */
export function podMetricsOf(pod: Pod, usage: AppUsage): PodMetrics | undefined {
  if (pod.status?.phase !== "Running" || usage.cpuMillis === undefined) return undefined;
  const { name, namespace = "", labels } = pod.metadata;
  const containers = pod.spec.containers.flatMap((container, index) => {
    const own = usage.containers.find((one) => one.name === container.name);
    if (own?.cpuMillis !== undefined) {
      return [{ name: container.name, usage: amounts(own.cpuMillis, own.memoryBytes) }];
    }
    // A box that only speaks EVE does not know containers, and runs one in each app.
    if (usage.containers.length > 0 || index > 0) return [];
    return [{ name: container.name, usage: amounts(usage.cpuMillis ?? 0, usage.memoryBytes) }];
  });
  if (containers.length === 0) return undefined;
  return {
    ...{ apiVersion: "metrics.k8s.io/v1beta1", kind: "PodMetrics" },
    metadata: { name, namespace, creationTimestamp: toRfc3339(usage.at), ...(labels && { labels }) },
    ...measured(usage),
    containers,
  };
}

function nodeMetricsOf(node: Node, usage: Usage): NodeMetrics | undefined {
  if (usage.cpuMillis === undefined) return undefined;
  const { name, labels } = node.metadata;
  return {
    ...{ apiVersion: "metrics.k8s.io/v1beta1", kind: "NodeMetrics" },
    metadata: { name, creationTimestamp: toRfc3339(usage.at), ...(labels && { labels }) },
    ...measured(usage),
    usage: amounts(usage.cpuMillis, usage.memoryBytes),
  };
}

function measured({ at, window }: Usage): { timestamp: string; window: string } {
  return { timestamp: toRfc3339(at), window: `${Math.round(window / 1000)}s` };
}

function amounts(cpuMillis: number, memoryBytes: number): Amounts {
  return { cpu: `${cpuMillis}m`, memory: `${Math.round(memoryBytes / 1024)}Ki` };
}
