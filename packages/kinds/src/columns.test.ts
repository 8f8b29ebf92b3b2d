import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { instant } from "@selvedge/base";
import { humanDuration } from "./columns.ts";
import {
  daemonSetKind,
  deploymentKind,
  edgeNodeKind,
  eventKind,
  ingressClassKind,
  ingressKind,
  nodeKind,
  podKind,
  secretKind,
  serviceKind,
} from "./index.ts";

const now = instant(Date.parse("2026-03-01T12:00:00Z"));
const created = "2026-03-01T11:00:00Z";

/** What `kubectl get -o wide` shows: the cells by the name of their column. */
function cells(kind: KindDefinition, object: object): Record<string, unknown> {
  const metadata = {
    name: "a",
    namespace: "default",
    creationTimestamp: created,
    ...Object(object).metadata,
  };
  const whole = { apiVersion: "", kind: kind.kind, ...object, metadata };
  return Object.fromEntries(kind.columns.map((column) => [column.name, column.value(whole, now)]));
}

describe("lengths of time", () => {
  for (const [seconds, text] of [
    [-5, "<invalid>"],
    [-1, "0s"],
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [125, "2m5s"],
    [600, "10m"],
    [3600 * 3 - 1, "179m"],
    [3600 * 3, "3h"],
    [3600 * 7 + 60, "7h1m"],
    [3600 * 47, "47h"],
    [3600 * 50, "2d2h"],
    [86400 * 8, "8d"],
    [86400 * 729, "729d"],
    [86400 * 731, "2y1d"],
    [86400 * 365 * 9, "9y"],
  ] as const) {
    it(`of ${seconds} s are ${text}`, () => assert.equal(humanDuration(seconds), text));
  }
});

const terminated = (reason: string | undefined, exitCode = 1, signal?: number): object => ({
  terminated: {
    exitCode,
    ...(reason === undefined ? {} : { reason }),
    ...(signal === undefined ? {} : { signal }),
  },
});
const waiting = (reason: string): object => ({ waiting: { reason } });
const running = { running: { startedAt: created } };
const one = (state: object, more: object = {}): object => ({
  ...{ name: "web", ready: false, restartCount: 0, image: "", imageID: "" },
  state,
  ...more,
});
const lastEnd = { lastState: { terminated: { exitCode: 1, finishedAt: "2026-03-01T11:59:57Z" } } };

describe("a Pod's row", () => {
  const rows: readonly (readonly [
    what: string,
    status: object,
    ready: string,
    word: string,
    restarts: string,
  ])[] = [
    ["is new", { phase: "Pending" }, "0/1", "Pending", "0"],
    [
      "runs",
      { phase: "Running", containerStatuses: [one(running, { ready: true })] },
      ...(["1/1", "Running", "0"] as const),
    ],
    [
      "crashes",
      {
        phase: "Running",
        containerStatuses: [one(waiting("CrashLoopBackOff"), { restartCount: 3, ...lastEnd })],
      },
      ...(["0/1", "CrashLoopBackOff", "3 (3s ago)"] as const),
    ],
    [
      "cannot pull",
      { phase: "Pending", containerStatuses: [one(waiting("ImagePullBackOff"))] },
      ...(["0/1", "ImagePullBackOff", "0"] as const),
    ],
    [
      "is done",
      { phase: "Succeeded", containerStatuses: [one(terminated("Completed", 0))] },
      ...(["0/1", "Completed", "0"] as const),
    ],
    ["was killed", { containerStatuses: [one(terminated(undefined, 137, 9))] }, "0/1", "Signal:9", "0"],
    ["failed", { containerStatuses: [one(terminated(undefined, 2))] }, "0/1", "ExitCode:2", "0"],
    [
      "initializes",
      { phase: "Pending", initContainerStatuses: [one(running)] },
      ...(["0/1", "Init:0/1", "0"] as const),
    ],
    [
      "cannot initialize",
      { phase: "Pending", initContainerStatuses: [one(terminated("Error"), { restartCount: 2 })] },
      ...(["0/1", "Init:Error", "2"] as const),
    ],
    [
      "pulls an init container's image",
      { phase: "Pending", initContainerStatuses: [one(waiting("ErrImagePull"))] },
      ...(["0/1", "Init:ErrImagePull", "0"] as const),
    ],
    [
      "has initialized after restarts",
      {
        phase: "Running",
        initContainerStatuses: [one(terminated("Completed", 0), { restartCount: 5 })],
        containerStatuses: [one(running, { ready: true })],
      },
      ...(["1/1", "Running", "0"] as const),
    ],
    ["was refused by its node", { phase: "Failed", reason: "OutOfmemory" }, "0/1", "OutOfmemory", "0"],
    [
      "waits for a gate",
      { conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] },
      ...(["0/1", "SchedulingGated", "0"] as const),
    ],
  ];
  for (const [what, status, ready, word, restarts] of rows) {
    it(`${what}: ${ready} ${word} ${restarts}`, () => {
      const init = "initContainerStatuses" in status ? [{ name: "web" }] : [];
      const spec = { containers: [{ name: "web" }], initContainers: init };
      const row = cells(podKind, { spec, status });
      assert.deepEqual(
        [row["Ready"], row["Status"], row["Restarts"], row["Age"]],
        [ready, word, restarts, "60m"],
      );
    });
  }

  it("says that it is going", () => {
    const metadata = { deletionTimestamp: created };
    const spec = { nodeName: "node-1", containers: [{ name: "web" }] };
    assert.equal(cells(podKind, { metadata, spec, status: { phase: "Running" } })["Status"], "Terminating");
    assert.equal(cells(podKind, { metadata, spec, status: { phase: "Failed" } })["Status"], "Failed");
    assert.equal(cells(podKind, { metadata, spec, status: { reason: "NodeLost" } })["Status"], "Unknown");
  });

  it("says where it is with -o wide", () => {
    const spec = { nodeName: "node-1", containers: [{ name: "web" }] };
    const row = cells(podKind, { spec, status: { podIPs: [{ ip: "10.77.0.10" }] } });
    assert.deepEqual(
      [row["IP"], row["Node"], row["Nominated Node"], row["Readiness Gates"]],
      ["10.77.0.10", "node-1", "<none>", "<none>"],
    );
    const hidden = podKind.columns.filter(({ priority }) => priority === 1).map(({ name }) => name);
    assert.deepEqual(hidden, ["IP", "Node", "Nominated Node", "Readiness Gates"]);
  });
});

describe("rows of other kinds", () => {
  it("a Node", () => {
    const row = cells(nodeKind, {
      metadata: { labels: { "node-role.kubernetes.io/edge": "", "node-role.kubernetes.io/a": "" } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: "Ready", status: "Unknown" }],
        addresses: [{ type: "InternalIP", address: "10.0.0.2" }],
        nodeInfo: {
          kubeletVersion: "v0.1.0",
          osImage: "Debian",
          kernelVersion: "6.1",
          containerRuntimeVersion: "qemu://7",
        },
      },
    });
    assert.deepEqual(Object.values(row), [
      ...["a", "NotReady,SchedulingDisabled", "a,edge", "60m", "v0.1.0"],
      ...["10.0.0.2", "<none>", "Debian", "6.1", "qemu://7"],
    ]);
    assert.equal(cells(nodeKind, { spec: {} })["Status"], "Unknown");
  });

  it("a Deployment and a DaemonSet", () => {
    const template = {
      spec: { nodeSelector: { b: "2", a: "1" }, containers: [{ name: "x", image: "x:1" }, { name: "y" }] },
    };
    const selector = { matchLabels: { app: "web" }, matchExpressions: [{ key: "a", operator: "Exists" }] };
    const deployment = cells(deploymentKind, {
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 1, updatedReplicas: 2 },
    });
    assert.deepEqual(Object.values(deployment), ["a", "1/3", 2, 0, "60m", "x,y", "x:1,", "a,app=web"]);
    const daemonSet = cells(daemonSetKind, {
      spec: { selector, template },
      status: { desiredNumberScheduled: 2 },
    });
    assert.deepEqual(Object.values(daemonSet), [
      "a",
      2,
      0,
      0,
      0,
      0,
      "a=1,b=2",
      "60m",
      "x,y",
      "x:1,",
      "a,app=web",
    ]);
  });

  it("an Event", () => {
    const event = {
      involvedObject: { kind: "Pod", name: "web", fieldPath: "spec.containers{web}" },
      ...{ type: "Warning", reason: "BackOff", message: " it crashed\n", count: 4 },
      ...{ firstTimestamp: "2026-03-01T11:58:00Z", lastTimestamp: "2026-03-01T11:59:30Z" },
      source: { component: "engine", host: "node-1" },
    };
    assert.deepEqual(Object.values(cells(eventKind, event)), [
      ...["30s", "Warning", "BackOff", "pod/web", "spec.containers{web}", "engine, node-1", "it crashed"],
      ...["2m", 4, "a"],
    ]);
    const series = { eventTime: created, series: { count: 9, lastObservedTime: "2026-03-01T11:59:59Z" } };
    const row = cells(eventKind, { involvedObject: {}, ...series });
    assert.deepEqual([row["Last Seen"], row["First Seen"], row["Count"]], ["1s", "60m", 9]);
  });

  it("a Service and a Secret", () => {
    const ports = [
      { port: 80, nodePort: 30080, protocol: "TCP" },
      { port: 53, protocol: "UDP" },
    ];
    const service = cells(serviceKind, { spec: { type: "NodePort", selector: { app: "web" }, ports } });
    assert.deepEqual(Object.values(service), [
      ...["a", "NodePort", "<none>", "<none>", "80:30080/TCP,53/UDP", "60m", "app=web"],
    ]);
    assert.deepEqual(Object.values(cells(secretKind, { type: "Opaque", data: { a: "", b: "" } })), [
      "a",
      "Opaque",
      2,
      "60m",
    ]);
  });

  it("an Ingress and its class", () => {
    const rules = ["a", "b", "c", "d", "e"].map((host) => ({ host }));
    const spec = { ingressClassName: "out", rules, tls: [{}] };
    const status = { loadBalancer: { ingress: [{ hostname: "x" }, { ip: "10.0.0.1" }, { hostname: "x" }] } };
    assert.deepEqual(Object.values(cells(ingressKind, { spec, status })), [
      ...["a", "out", "a,b,c + 2 more...", "10.0.0.1,x", "80, 443", "60m"],
    ]);
    const bare = cells(ingressKind, { spec: { rules: [{}] } });
    assert.deepEqual(Object.values(bare), ["a", "<none>", "*", "", "80", "60m"]);
    const parameters = { apiGroup: "lab.example", kind: "Router", name: "r" };
    const row = cells(ingressClassKind, { spec: { controller: "lab.example/router", parameters } });
    assert.deepEqual(Object.values(row), ["a", "lab.example/router", "Router.lab.example/r", "60m"]);
  });

  it("an EdgeNode", () => {
    const unseen = cells(edgeNodeKind, { spec: { serial: "42" } });
    assert.deepEqual(Object.values(unseen), ["a", "42", "Unseen", "<none>", "<never>", "60m", "", "", ""]);
    const seen = cells(edgeNodeKind, {
      spec: {},
      status: {
        ...{ serial: "42", phase: "Ready", engineVersion: "0.1.0", identityStore: "tpm" },
        ...{ linkConnectedAt: "2026-03-01T11:50:00Z", lastSeen: "2026-03-01T11:59:55Z" },
        configHash: { rendered: "b", applied: "a" },
      },
    });
    assert.deepEqual(Object.values(seen), [
      "a",
      "42",
      "Ready",
      "10m",
      "now",
      "60m",
      "0.1.0",
      "tpm",
      "Pending",
    ]);
    const polls = cells(edgeNodeKind, { spec: {}, status: { lastSeen: "2026-03-01T11:59:55Z" } });
    assert.equal(Object.values(polls)[4], "5s");
  });
});
