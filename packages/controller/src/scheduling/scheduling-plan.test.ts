import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Node, Pod, PodSpec, Taint } from "@selvedge/kinds";
import type { Amounts } from "./resources.ts";
import { type Placement, placePod, type TakenView } from "./scheduling-plan.ts";

function node(
  name: string,
  more: {
    labels?: Record<string, string>;
    taints?: Taint[];
    cordoned?: boolean;
    memory?: string;
    cpu?: string;
    pods?: string;
    devices?: string[];
  } = {},
): Node {
  const {
    labels = {},
    taints,
    cordoned = false,
    memory = "1Gi",
    cpu = "2",
    pods = "10",
    devices = [],
  } = more;
  const lent = Object.fromEntries(devices.map((group) => [`selvedge.dev/${group}`, "1"]));
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/arch": "amd64", ...labels } },
    spec: { ...(taints && { taints }), ...(cordoned && { unschedulable: true }) },
    status: { allocatable: { cpu, memory, pods, "ephemeral-storage": "10Gi", ...lent } },
  };
}

function pod(spec: Partial<PodSpec> = {}): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "d" } },
    spec: { containers: [{ name: "c", image: "i" }], ...spec },
  };
}

const sized = (cpu: string, memory: string): Partial<PodSpec> => ({
  containers: [{ name: "c", image: "i", resources: { requests: { cpu, memory } } }],
});

const gpu = pod({
  containers: [{ name: "c", image: "i", resources: { limits: { "selvedge.dev/gpu": "1" } } }],
});

function taken(of: Record<string, Partial<Amounts>> = {}, ports: readonly string[] = []): TakenView {
  return {
    of: (name) => ({
      ...{ cpu: 0, memory: 0, storage: 0, pods: 0, ...of[name] },
      part: (port) => (ports.includes(`${name} ${port}`) ? 1 : 0),
    }),
  };
}

const on = (nodeName: string): Placement => ({ type: "place", nodeName });
const not = (message: string): Placement => ({ type: "unschedulable", message });
const affinity = (key: string, values: string[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "In", values }] }],
      },
    },
  },
});
const silent: Taint = { key: "node.kubernetes.io/unreachable", effect: "NoSchedule" };

const rows: readonly (readonly [string, Pod, readonly Node[], TakenView, Placement])[] = [
  ["no node at all", pod(), [], taken(), not("no nodes available to schedule pods")],
  ["the first of equals", pod(), [node("b"), node("a")], taken(), on("a")],
  ["the one with the most left", pod(), [node("a"), node("b")], taken({ a: { memory: 2 ** 29 } }), on("b")],
  [
    "the one it selects",
    pod({ nodeSelector: { zone: "n" } }),
    [node("a"), node("b", { labels: { zone: "n" } })],
    taken(),
    on("b"),
  ],
  [
    "the one of its affinity",
    pod(affinity("zone", ["n", "s"])),
    [node("a"), node("b", { labels: { zone: "s" } })],
    taken(),
    on("b"),
  ],
  [
    "the one it prefers, even if fuller",
    pod({
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 5, preference: { matchExpressions: [{ key: "ssd", operator: "Exists" }] } },
          ],
        },
      },
    }),
    [node("a"), node("b", { labels: { ssd: "" } })],
    taken({ b: { memory: 2 ** 28 } }),
    on("b"),
  ],
  [
    "not one with another architecture",
    pod({ nodeSelector: { "kubernetes.io/arch": "arm64" } }),
    [node("a")],
    taken(),
    not("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
  ],
  [
    "one whose taint it tolerates",
    pod({ tolerations: [{ key: "gpu", operator: "Exists" }] }),
    [node("a", { taints: [{ key: "gpu", value: "x", effect: "NoSchedule" }] })],
    taken(),
    on("a"),
  ],
  [
    "and says why of each",
    pod(sized("1", "900Mi")),
    [
      node("a", { taints: [silent] }),
      node("b", { cordoned: true }),
      node("c", { memory: "500Mi" }),
      node("d", { memory: "500Mi", cpu: "500m" }),
    ],
    taken(),
    not(
      "0/4 nodes are available: 1 Insufficient cpu, " +
        "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, " +
        "1 node(s) were unschedulable, 2 Insufficient memory.",
    ),
  ],
  [
    "counting what the guest itself takes",
    pod(sized("1", "1000Mi")),
    [node("a")],
    taken(),
    not("0/1 nodes are available: 1 Insufficient memory."),
  ],
  [
    "with a free port",
    pod({ containers: [{ name: "c", image: "i", ports: [{ containerPort: 8080, hostPort: 80 }] }] }),
    [node("a"), node("b")],
    taken({}, ["a TCP/80"]),
    on("b"),
  ],
  [
    "with the port free at its address: others' are elsewhere, or of all",
    pod({
      containers: [
        { name: "c", image: "i", ports: [{ containerPort: 8080, hostPort: 80, hostIP: "192.0.2.1" }] },
      ],
    }),
    [node("a"), node("b"), node("c")],
    taken({}, ["a TCP/80", "b TCP/80@192.0.2.1", "b TCP/80@", "c TCP/80@192.0.2.9", "c TCP/80@"]),
    on("c"),
  ],
  [
    "with a port that nobody has at any address",
    pod({ containers: [{ name: "c", image: "i", ports: [{ containerPort: 8080, hostPort: 80 }] }] }),
    [node("a"), node("b")],
    taken({}, ["a TCP/80@192.0.2.1", "a TCP/80@"]),
    on("b"),
  ],
  [
    "with devices that are free",
    gpu,
    [node("a", { devices: ["gpu"] }), node("b"), node("c", { devices: ["gpu"] })],
    taken({}, ["a selvedge.dev/gpu"]),
    on("c"),
  ],
  [
    "with devices at all",
    gpu,
    [node("a", { devices: ["gpu"] }), node("b")],
    taken({}, ["a selvedge.dev/gpu"]),
    not("0/2 nodes are available: 2 Insufficient selvedge.dev/gpu."),
  ],
  [
    "with a free place",
    pod(),
    [node("a", { pods: "1" })],
    taken({ a: { pods: 1 } }),
    not("0/1 nodes are available: 1 Too many pods."),
  ],
  [
    "rather one without a soft taint",
    pod(),
    [node("a", { taints: [{ key: "old", effect: "PreferNoSchedule" }] }), node("b")],
    taken({ b: { memory: 2 ** 29 } }),
    on("b"),
  ],
];

describe("a Pod is placed on", () => {
  for (const [name, what, nodes, view, expected] of rows) {
    it(name, () => assert.deepEqual(placePod(what, nodes, view), expected));
  }
});
