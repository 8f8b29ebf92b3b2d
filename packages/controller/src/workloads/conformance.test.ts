/** What Kubernetes' conformance tests ask of workload controllers and no other test here says, by their names. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import type { KindRef } from "@selvedge/client";
import {
  type Deployment,
  jobKind,
  nodeKind,
  type Pod,
  podKind,
  type ReplicaSet,
  type ReplicationController,
  replicaSetKind,
  replicationControllerKind,
  resourceQuotaKind,
  type StatefulSet,
  statefulSetKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { planDeployment } from "./deployment-plan.ts";
import { viewOf } from "./deployment-sets.ts";

const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: "i:1" }] };
const template = { metadata: { labels: { app: "web" } }, spec };
const selector = { matchLabels: { app: "web" } };
const metadata = { name: "w", namespace: "default" };

const podsOf = async (world: ObjectWorld): Promise<Pod[]> => (await world.objects.list<Pod>(podKind)).items;

describe("owners of Pods", () => {
  const rows: readonly (readonly [string, KindRef, KubeObject])[] = [
    [
      "Replica Set, adopt matching pods and release non matching pods",
      replicaSetKind,
      {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata,
        spec: { replicas: 2, selector, template },
      } as KubeObject,
    ],
    [
      "Replication Controller, adopt matching pods; Replication Controller, release pods",
      replicationControllerKind,
      {
        apiVersion: "v1",
        kind: "ReplicationController",
        metadata,
        spec: { replicas: 2, template },
      } as KubeObject,
    ],
    [
      "Jobs, orphan pods, re-adoption",
      jobKind,
      {
        ...{ apiVersion: "batch/v1", kind: "Job", metadata },
        spec: {
          ...{ parallelism: 2, completions: 2, manualSelector: true, selector },
          template: { ...template, spec: { ...spec, restartPolicy: "Never" } },
        },
      } as KubeObject,
    ],
  ];
  for (const [name, kind, owner] of rows) {
    it(name, async () => {
      await using world = await ObjectWorld.start();
      await world.addNode("box");
      const alone = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "alone", namespace: "default", labels: { app: "web" } },
      };
      await world.create(podKind, {
        ...alone,
        spec: { ...spec, restartPolicy: kind === jobKind ? "Never" : "Always" },
      } as Pod);
      const made = await world.create(kind, owner);
      await world.converge();
      const pods = await podsOf(world);
      assert.equal(pods.length, 2);
      for (const pod of pods) assert.equal(pod.metadata.ownerReferences?.[0]?.uid, made.metadata.uid);
      await world.objects.patch(podKind, "alone", "default", "merge", {
        metadata: { labels: { app: "other" } },
      });
      await world.converge();
      const released = await world.objects.get<Pod>(podKind, "alone", "default");
      assert.deepEqual([released.metadata.ownerReferences ?? [], (await podsOf(world)).length], [[], 3]);
    });
  }

  it("Replication Controller, check for issues like exceeding allocated quota", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("box");
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "q", namespace: "default" },
      spec: { hard: { pods: "2" } },
    };
    await world.create(resourceQuotaKind, quota);
    await world.settle();
    await world.create(replicationControllerKind, {
      ...{ apiVersion: "v1", kind: "ReplicationController", metadata, spec: { replicas: 3, template } },
    } as ReplicationController);
    await world.converge();
    const conditions = async (): Promise<unknown[]> => {
      const { status } = await world.objects.get<ReplicationController>(
        replicationControllerKind,
        "w",
        "default",
      );
      return (status?.conditions ?? []).map(({ type, status: is, reason }) => [type, is, reason]);
    };
    assert.deepEqual(await conditions(), [["ReplicaFailure", "True", "FailedCreate"]]);
    await world.objects.patch(replicationControllerKind, "w", "default", "merge", { spec: { replicas: 2 } });
    await world.converge();
    assert.deepEqual([await conditions(), (await podsOf(world)).length], [[], 2]);
  });

  it("StatefulSet, Recreate Failed Pod", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("box");
    await world.create(statefulSetKind, {
      ...{
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        metadata,
        spec: { serviceName: "w", selector, template },
      },
    } as StatefulSet);
    node.broken.set("i:1", "fails");
    await world.settle();
    await node.act();
    const [first] = await podsOf(world);
    node.broken.clear();
    await world.converge();
    const [second] = await podsOf(world);
    assert.deepEqual([second?.metadata.name, second?.status?.phase], ["w-0", "Running"]);
    assert.notEqual(second?.metadata.uid, first?.metadata.uid);
  });

  it("Taint, Pod Eviction on taint removal", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("box");
    const tolerations = [
      { key: "k", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 },
    ] as const;
    await world.create(podKind, {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: { ...spec, tolerations: [...tolerations] },
    } as Pod);
    await world.converge();
    const taint = (taints: object[]): Promise<unknown> =>
      world.objects.patch(nodeKind, "box", undefined, "merge", { spec: { taints } });
    await taint([{ key: "k", effect: "NoExecute" }]);
    await world.pass(30);
    await taint([]);
    await world.pass(120);
    assert.deepEqual(
      (await podsOf(world)).map(({ metadata: { name } }) => name),
      ["w"],
    );
  });
});

describe("a Deployment in the middle of a rollout", () => {
  it("Deployment Proportional Scaling", () => {
    const sized = (name: string, replicas: number, created: string, image: string): ReplicaSet =>
      ({
        ...{ apiVersion: "apps/v1", kind: "ReplicaSet" },
        metadata: {
          ...{ name, namespace: "default", uid: name, creationTimestamp: created },
          annotations: {
            "deployment.kubernetes.io/desired-replicas": "10",
            "deployment.kubernetes.io/max-replicas": "13",
          },
        },
        spec: {
          replicas,
          selector,
          template: { ...template, spec: { ...spec, containers: [{ name: "main", image }] } },
        },
        status: { replicas },
      }) as ReplicaSet;
    const deployment: Deployment = {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata },
      spec: {
        ...{
          replicas: 30,
          selector,
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
        },
        template: { ...template, spec: { ...spec, containers: [{ name: "main", image: "i:broken" }] } },
      },
    };
    const sets = [
      sized("first", 8, "2026-01-01T00:00:00Z", "i:1"),
      sized("second", 5, "2026-01-01T00:01:00Z", "i:broken"),
    ];
    const steps = planDeployment(viewOf(deployment, sets, []));
    const sizes = steps.flatMap((step) =>
      step.type === "scale" ? [[step.set.metadata.name, step.replicas]] : [],
    );
    assert.deepEqual(Object.fromEntries(sizes), { first: 20, second: 13 });
  });
});
