/** A few boxes, the apps on them, and what is decided for one that is more important. */
import type { Node, Pod, PodDisruptionBudget, PodSpec, PodStatus, Taint } from "@selvedge/kinds";
import { Taken } from "../src/scheduling/allocations.ts";
import { neighboursOf } from "../src/scheduling/neighbours.ts";
import { planPreemption } from "../src/scheduling/preemption-plan.ts";

export const zone: string = "topology.kubernetes.io/zone";
export const gpu: string = "selvedge.dev/gpu";

export interface Box {
  readonly labels?: Record<string, string>;
  readonly taints?: Taint[];
  readonly cordoned?: boolean;
  readonly ready?: "True" | "False" | "Unknown";
}

/** A box with room for three processors. */
export function box(
  name: string,
  { labels = {}, taints = [], cordoned = false, ready = "True" }: Box = {},
): Node {
  return {
    ...{ apiVersion: "v1", kind: "Node", metadata: { name, labels: { host: name, ...labels } } },
    spec: { taints, ...(cordoned && { unschedulable: true }) },
    status: {
      allocatable: { cpu: "3", memory: "8Gi", pods: "10", [gpu]: "1", "example.com/dongle": "3" },
      conditions: [{ type: "Ready", status: ready }],
    },
  };
}

export interface App {
  readonly cpu?: number;
  readonly spec?: Partial<PodSpec>;
  readonly status?: Partial<PodStatus>;
  readonly labels?: Record<string, string>;
  readonly going?: boolean;
  readonly limits?: Record<string, string>;
  readonly port?: number;
}

export function app(name: string, priority: number, more: App = {}): Pod {
  const { cpu = 1, spec = {}, status = {}, labels = { app: name }, going = false, limits, port } = more;
  const requests = { cpu: String(cpu), memory: "1Mi", ...limits };
  const resources = { requests, ...(limits && { limits }) };
  const ports = port === undefined ? {} : { ports: [{ containerPort: 80, hostPort: port }] };
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: {
      ...{ name, namespace: "d", uid: name, labels },
      ...(going && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    spec: { priority, containers: [{ name: "c", image: "i", resources, ...ports }], ...spec },
    status: { phase: "Running", ...status },
  };
}

/** One that is there, on a node. */
export function on(nodeName: string, name: string, priority: number, more: App = {}): Pod {
  return app(name, priority, { ...more, spec: { nodeName, ...more.spec } });
}

export function budget(
  of: string,
  disruptionsAllowed: number,
  disrupted: readonly string[] = [],
): PodDisruptionBudget {
  const disruptedPods = Object.fromEntries(disrupted.map((name) => [name, "2026-01-01T00:00:00Z"]));
  const counts = { currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 };
  return {
    ...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: of, namespace: "d" } },
    spec: { selector: { matchLabels: { app: of } } },
    status: { disruptionsAllowed, disruptedPods, ...counts },
  };
}

export interface World {
  readonly pod?: Pod;
  readonly nodes?: readonly Node[];
  readonly there?: readonly Pod[];
  readonly budgets?: readonly PodDisruptionBudget[];
  readonly nominated?: readonly Pod[];
  /** Names of those in maintenance. */
  readonly maintained?: readonly string[];
  readonly nodesOfVolumes?: readonly string[];
}

export function decide(world: World): string {
  const { pod = app("p", 100, { cpu: 2 }), nodes = [box("a"), box("b")], there = [], budgets = [] } = world;
  const { nominated = [], nodesOfVolumes } = world;
  const onNode = (name: string): Pod[] => there.filter(({ spec }) => spec.nodeName === name);
  const placed = [
    ...there,
    ...nominated.map((one) => ({
      ...one,
      spec: { ...one.spec, nodeName: one.status?.nominatedNodeName ?? "" },
    })),
  ];
  const neighbours = neighboursOf(pod, nodes, {
    inNamespace: () => placed,
    wary: () => placed,
    namespaces: () => [],
    node: (name) => nodes.find(({ metadata }) => metadata.name === name),
  });
  const plan = planPreemption({
    ...{ pod, nodes, nodeCount: nodes.length, neighbours },
    occupants: {
      on: onNode,
      nominated: (name) => nominated.filter(({ status }) => status?.nominatedNodeName === name),
      startsApps: (name) => !(world.maintained ?? []).includes(name),
      taken: (name) => {
        const taken = new Taken();
        for (const one of onNode(name)) taken.add(one);
        return taken;
      },
    },
    needs: nodesOfVolumes === undefined ? {} : { nodes: new Set(nodesOfVolumes) },
    budgets: () => budgets,
    allowed: ({ status }) => status?.disruptionsAllowed ?? 0,
  });
  if (plan.type === "none") return plan.why;
  return [`${plan.nodeName}:`, ...plan.victims.map(({ metadata }) => metadata.name)].join(" ");
}
