import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import { doubtsOf, gapsOf, kindsWithGaps } from "./gaps.ts";
import { allKinds, podKind } from "./index.ts";

const pod = { containers: [{ name: "a", image: "a:1" }], hostNetwork: true };
const labels = { app: "a" };
const never = { metadata: { labels }, spec: { ...pod, restartPolicy: "Never" } };
const workload = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } };
const gap = "not supported by Selvedge: an app is never in the box's network; use hostPort";

const rows: Readonly<Record<string, readonly [object: object, gap: string]>> = {
  Pod: [{ spec: pod }, `spec.hostNetwork: ${gap}`],
  PodTemplate: [{ template: { metadata: { labels }, spec: pod } }, `template.spec.hostNetwork: ${gap}`],
  DaemonSet: [{ spec: workload }, `spec.template.spec.hostNetwork: ${gap}`],
  Deployment: [{ spec: workload }, `spec.template.spec.hostNetwork: ${gap}`],
  ReplicaSet: [{ spec: workload }, `spec.template.spec.hostNetwork: ${gap}`],
  ReplicationController: [
    { spec: { ...workload, selector: labels } },
    `spec.template.spec.hostNetwork: ${gap}`,
  ],
  StatefulSet: [{ spec: { ...workload, serviceName: "a" } }, `spec.template.spec.hostNetwork: ${gap}`],
  Job: [
    { spec: { manualSelector: true, selector: { matchLabels: labels }, template: never } },
    `spec.template.spec.hostNetwork: ${gap}`,
  ],
  CronJob: [
    { spec: { schedule: "* * * * *", jobTemplate: { spec: { template: never } } } },
    `spec.jobTemplate.spec.template.spec.hostNetwork: ${gap}`,
  ],
  PersistentVolume: [
    { spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/a" } } },
    "spec.hostPath: not supported by Selvedge: volumes live on nodes; say local, or claim one",
  ],
};

describe("what no node does is written, and can be told", () => {
  for (const [name, [object, expected]] of Object.entries(rows)) {
    it(name, () => {
      const kind = allKinds.find((one) => one.kind === name) as KindDefinition;
      const { object: made, errors } = admit(kind, object);
      assert.deepEqual(errors, []);
      assert.deepEqual(gapsOf(made), [expected]);
    });
  }

  it("of every kind that has Pods in it", () => {
    assert.deepEqual([...kindsWithGaps].sort(), Object.keys(rows).sort());
    const withPods = allKinds.filter((kind) =>
      JSON.stringify(kind.schema).includes('"terminationGracePeriodSeconds"'),
    );
    assert.deepEqual(
      withPods.map(({ kind }) => kind).filter((kind) => !kindsWithGaps.has(kind)),
      [],
    );
  });
});

describe("ports that are named twice", () => {
  const rows: readonly (readonly [what: string, ports: readonly object[], ...doubts: string[]])[] = [
    ["are said", [{ containerPort: 80 }], "duplicate port definition with spec.containers[0].ports[0]"],
    ["are two by another protocol", [{ containerPort: 80, protocol: "UDP" }]],
    [
      "overlap when one is the node's as well",
      [{ containerPort: 80, hostPort: 8080 }],
      "overlapping port definition with spec.containers[0].ports[0]",
    ],
    ["are two on the node", [{ containerPort: 81, hostPort: 81 }, { containerPort: 82 }]],
  ];
  for (const [what, ports, ...doubts] of rows)
    it(what, () => {
      const containers = [
        { name: "a", image: "a:1", ports: [{ containerPort: 80 }] },
        { name: "b", image: "b:1", ports },
      ];
      const { object } = admit(podKind, { spec: { containers } });
      assert.deepEqual(
        doubtsOf(object),
        doubts.map((doubt) => `spec.containers[1].ports[0]: ${doubt}`),
      );
    });
});

describe("what no box has by itself", () => {
  it("is said, and devices of a box are not", () => {
    const limits = { cpu: "1", "nvidia.com/gpu": "1", "selvedge.dev/gpu": "1" };
    const { object } = admit(podKind, {
      spec: { containers: [{ name: "a", image: "a:1", resources: { limits } }] },
    });
    assert.deepEqual(gapsOf(object), []);
    const [said, ...others] = doubtsOf(object);
    assert.match(
      said ?? "",
      /^spec\.containers\[0\]\.resources\.limits\[nvidia\.com\/gpu\]: no box has it by itself/,
    );
    assert.deepEqual(others, []);
  });
});
