import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import {
  eventKind,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimKind,
  podKind,
  resourceQuotaKind,
  type StatefulSet,
  type StatefulSetSpec,
  statefulSetKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../../test/object-world.ts";
import { revisionOf } from "./stateful-pods.ts";

function setOf(spec: Partial<StatefulSetSpec> = {}, image = "db:1"): StatefulSet {
  return {
    ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "db", namespace: "default" } },
    spec: {
      ...{ replicas: 3, serviceName: "db", selector: { matchLabels: { app: "db" } } },
      template: templateOf(image),
      ...spec,
    },
  };
}

function templateOf(image: string): StatefulSetSpec["template"] {
  return {
    metadata: { labels: { app: "db" } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image }] },
  };
}

async function worldOf(set: StatefulSet): Promise<ObjectWorld> {
  const world = await ObjectWorld.start();
  const node = await world.addNode("box");
  node.broken.set("broken", "never-ready");
  await world.create(statefulSetKind, set);
  return world;
}

const podsOf = async (world: ObjectWorld): Promise<Pod[]> =>
  (await world.objects.list<Pod>(podKind)).items.sort((left, right) =>
    left.metadata.name < right.metadata.name ? -1 : 1,
  );
const names = async (world: ObjectWorld): Promise<string[]> =>
  (await podsOf(world)).map(({ metadata }) => metadata.name);
const images = async (world: ObjectWorld): Promise<string[]> =>
  (await podsOf(world)).map(({ spec }) => spec.containers[0]?.image ?? "");
const read = (world: ObjectWorld): Promise<StatefulSet> =>
  world.objects.get<StatefulSet>(statefulSetKind, "db", "default");
const change = (world: ObjectWorld, spec: object): Promise<unknown> =>
  world.objects.patch(statefulSetKind, "db", "default", "merge", { spec });

/** Lets the controller act, with the nodes in turn, until so many Pods are there. */
async function seeOrder(world: ObjectWorld): Promise<string[]> {
  const seen: string[] = [];
  for (let turn = 0; turn < 20; turn++) {
    await world.settle();
    const now = (await names(world)).join(" ");
    if (seen.at(-1) !== now) seen.push(now);
    for (const node of world.nodes.values()) await node.act();
  }
  return seen;
}

describe("a StatefulSet", () => {
  it("says why it has no Pods when a quota allows no claims", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("box");
    const hard = { persistentvolumeclaims: "0" };
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "default" } };
    await world.create(resourceQuotaKind, { ...quota, spec: { hard } } as KubeObject);
    await world.settle();
    const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
    const data = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: claim };
    await world.create(statefulSetKind, setOf({ volumeClaimTemplates: [data as PersistentVolumeClaim] }));
    await world.settle();
    const events = (await world.objects.list<KubeObject & { message?: string }>(eventKind)).items;
    const of = "Pod db-0 in StatefulSet db";
    for (const what of [
      `create Claim data-db-0 for ${of} failed error: `,
      `create ${of} failed error: failed to create PVC data-db-0: `,
    ])
      assert.ok(
        events.some(({ message }) => message?.startsWith(`${what}persistentvolumeclaims "data-db-0"`)),
      );
  });

  it("makes its Pods one after another, and ends them from the last", async () => {
    await using world = await worldOf(setOf());
    assert.deepEqual(await seeOrder(world), ["db-0", "db-0 db-1", "db-0 db-1 db-2"]);
    const [first] = await podsOf(world);
    assert.deepEqual([first?.spec.hostname, first?.spec.subdomain], ["db-0", "db"]);
    assert.equal(first?.metadata.labels?.["apps.kubernetes.io/pod-index"], "0");
    await change(world, { replicas: 1 });
    assert.deepEqual(await seeOrder(world), ["db-0 db-1 db-2", "db-0 db-1", "db-0"]);
    const { status } = await read(world);
    assert.deepEqual([status?.replicas, status?.readyReplicas, status?.availableReplicas], [1, 1, 1]);
  });

  it("waits for one that does not serve, unless they may go in parallel", async () => {
    await using world = await worldOf(setOf({}, "broken"));
    await world.converge();
    assert.deepEqual(await names(world), ["db-0"]);
    await using other = await worldOf(
      setOf({ podManagementPolicy: "Parallel", ordinals: { start: 5 } }, "broken"),
    );
    await other.converge();
    assert.deepEqual(await names(other), ["db-5", "db-6", "db-7"]);
  });

  it("rolls from the last to the first, as far as its partition", async () => {
    await using world = await worldOf(setOf({ updateStrategy: { rollingUpdate: { partition: 1 } } }));
    await world.converge();
    const before = await read(world);
    await change(world, { template: templateOf("db:2") });
    const seen: string[] = [];
    for (let turn = 0; turn < 30; turn++) {
      await world.settle();
      const now = (await images(world)).join(" ");
      if (seen.at(-1) !== now) seen.push(now);
      for (const node of world.nodes.values()) await node.act();
    }
    assert.deepEqual(
      seen.filter((one) => one.split(" ").length === 3),
      ["db:1 db:1 db:1", "db:1 db:1 db:2", "db:1 db:2 db:2"],
    );
    const { status } = await read(world);
    assert.deepEqual(
      [status?.currentRevision, status?.updatedReplicas, status?.currentReplicas],
      [before.status?.currentRevision, 2, 1],
    );
    // One below the partition that is lost comes back as it was.
    await world.objects.delete(podKind, "db-0", "default");
    await world.converge();
    assert.deepEqual(await images(world), ["db:1", "db:2", "db:2"]);
    await change(world, { updateStrategy: { rollingUpdate: { partition: 0 } } });
    await world.converge();
    const done = await read(world);
    assert.deepEqual(await images(world), ["db:2", "db:2", "db:2"]);
    assert.equal(done.status?.currentRevision, done.status?.updateRevision);
    for (const pod of await podsOf(world)) assert.equal(revisionOf(pod), done.status?.updateRevision);
  });

  it("leaves a change to the user who says OnDelete", async () => {
    await using world = await worldOf(setOf({ updateStrategy: { type: "OnDelete" } }));
    await world.converge();
    await change(world, { template: templateOf("db:2") });
    await world.converge();
    await world.objects.delete(podKind, "db-1", "default");
    await world.converge();
    assert.deepEqual(await images(world), ["db:1", "db:2", "db:1"]);
  });

  it("gives each Pod claims that stay its own, and go as its policy says", async () => {
    const claim: PersistentVolumeClaim = {
      ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" } },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    };
    const policy = { whenDeleted: "Delete", whenScaled: "Delete" } as const;
    for (const persistentVolumeClaimRetentionPolicy of [undefined, policy]) {
      const more = persistentVolumeClaimRetentionPolicy && { persistentVolumeClaimRetentionPolicy };
      await using world = await worldOf(setOf({ replicas: 2, volumeClaimTemplates: [claim], ...more }));
      const claims = async (): Promise<string[]> =>
        (await world.objects.list(persistentVolumeClaimKind)).items
          .map(({ metadata }) => metadata.name)
          .sort();
      await world.converge();
      assert.deepEqual(await claims(), ["data-db-0", "data-db-1"]);
      assert.deepEqual((await podsOf(world))[1]?.spec.volumes, [
        { name: "data", persistentVolumeClaim: { claimName: "data-db-1" } },
      ]);
      await change(world, { replicas: 1 });
      await world.converge();
      const kept = more === undefined;
      assert.deepEqual(await claims(), kept ? ["data-db-0", "data-db-1"] : ["data-db-0"]);
      await world.objects.delete(statefulSetKind, "db", "default", { propagationPolicy: "Background" });
      await world.converge();
      assert.deepEqual(await claims(), kept ? ["data-db-0", "data-db-1"] : []);
    }
  });
});
