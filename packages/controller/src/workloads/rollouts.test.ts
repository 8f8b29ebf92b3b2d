import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type DaemonSet,
  type Deployment,
  daemonSetKind,
  deploymentKind,
  type Event,
  eventKind,
  type Node,
  nodeKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

const template = (image: string): DaemonSet["spec"]["template"] => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", image }] },
});

function daemonSet(image: string): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "web", namespace: "default" },
    spec: { selector: { matchLabels: { app: "web" } }, template: template(image) },
  };
}

function deployment(image: string, replicas: number): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
    spec: { replicas, selector: { matchLabels: { app: "web" } }, template: template(image) },
  };
}

async function pods(world: ObjectWorld): Promise<Pod[]> {
  return (await world.objects.list<Pod>(podKind)).items;
}

async function images(world: ObjectWorld): Promise<string[]> {
  return (await pods(world)).map(({ spec }) => spec.containers[0]?.image ?? "").sort();
}

describe("a DaemonSet", () => {
  it("has one Pod on each node, and on one that comes later", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.addNode("b");
    await world.create(daemonSetKind, daemonSet("web:1"));
    await world.converge();
    assert.deepEqual((await pods(world)).map(({ spec }) => spec.nodeName).sort(), ["a", "b"]);
    await world.addNode("c");
    await world.converge();
    const set = await world.objects.get<DaemonSet>(daemonSetKind, "web", "default");
    assert.deepEqual((await pods(world)).map(({ spec }) => spec.nodeName).sort(), ["a", "b", "c"]);
    assert.equal(set.status?.numberReady, 3);
    assert.equal(set.status?.desiredNumberScheduled, 3);
    assert.equal(set.status?.updatedNumberScheduled, 3);
    assert.equal(set.status?.observedGeneration, 1);
    assert.deepEqual(world.warnings, []);
  });

  for (const [phase, told] of [
    ["Failed", "Warning FailedDaemonPod Found failed daemon pod default/NAME on node a, will try to kill it"],
    [
      "Succeeded",
      "Normal SucceededDaemonPod Found succeeded daemon pod default/NAME on node a, will try to delete it",
    ],
  ] as const)
    it(`tells of a Pod that is ${phase}, and makes another`, async () => {
      await using world = await ObjectWorld.start();
      await world.addNode("a");
      await world.create(daemonSetKind, daemonSet("web:1"));
      await world.converge();
      const [pod] = await pods(world);
      assert.ok(pod);
      await world.objects.updateStatus(podKind, { ...pod, status: { ...pod.status, phase } });
      await world.pass(120);
      assert.ok((await pods(world)).every(({ metadata }) => metadata.uid !== pod.metadata.uid));
      const events = (await world.objects.list<Event>(eventKind)).items;
      const texts = events.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
      assert.ok(texts.includes(told.replace("NAME", pod.metadata.name)), texts.join("\n"));
    });

  it("rolls one node after another to a new image, and back by its revision", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b", "c"]) await world.addNode(name);
    await world.create(daemonSetKind, daemonSet("web:1"));
    await world.converge();
    const patch = { spec: { template: template("web:2") } };
    await world.objects.patch(daemonSetKind, "web", "default", "merge", patch);
    await world.settle();
    const going = (await pods(world)).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    assert.equal(going.length, 1, "one at a time");
    await world.converge();
    assert.deepEqual(await images(world), ["web:2", "web:2", "web:2"]);
    const set = await world.objects.get<DaemonSet>(daemonSetKind, "web", "default");
    assert.deepEqual([set.status?.updatedNumberScheduled, set.status?.numberAvailable], [3, 3]);
    const revisions = world.running.caches.revisions.list();
    assert.deepEqual(revisions.map(({ revision }) => revision).sort(), [1, 2]);
    const first = revisions.find(({ revision }) => revision === 1);
    await world.objects.patch(daemonSetKind, "web", "default", "strategic", first?.data);
    await world.converge();
    assert.deepEqual(await images(world), ["web:1", "web:1", "web:1"]);
    assert.deepEqual(
      world.running.caches.revisions
        .list()
        .map(({ revision }) => revision)
        .sort(),
      [2, 3],
    );
  });

  it("leaves a silent node alone and finishes when it comes back", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    await world.create(daemonSetKind, daemonSet("web:1"));
    await world.converge();
    const b = world.nodes.get("b");
    assert.ok(b);
    b.online = false;
    const before = new Map([...b.apps].map(([uid, { starts }]) => [uid, starts]));
    await world.pass(400);
    const node = await world.objects.get<Node>(nodeKind, "b");
    const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
    assert.equal(ready?.status, "Unknown");
    assert.match(ready?.message ?? "", /not been heard since 2026-01-01T00:00:00Z/);
    const pod = (await pods(world)).find(({ spec }) => spec.nodeName === "b");
    assert.equal(pod?.status?.phase, "Running");
    assert.equal(pod?.status?.conditions?.find(({ type }) => type === "Ready")?.reason, "NodeUnreachable");
    assert.deepEqual(new Map([...b.apps].map(([uid, { starts }]) => [uid, starts])), before);
    await world.objects.patch(daemonSetKind, "web", "default", "merge", {
      spec: { template: template("web:2") },
    });
    await world.converge();
    b.online = true;
    await world.converge();
    assert.deepEqual(await images(world), ["web:2", "web:2"]);
    const back = await world.objects.get<Node>(nodeKind, "b");
    assert.equal(back.status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
    assert.equal(back.spec.taints, undefined);
  });

  it("follows node labels", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a", { zone: "north" });
    await world.addNode("b");
    const set = daemonSet("web:1");
    set.spec.template.spec.nodeSelector = { zone: "north" };
    await world.create(daemonSetKind, set);
    await world.converge();
    assert.deepEqual(
      (await pods(world)).map(({ spec }) => spec.nodeName),
      ["a"],
    );
    await world.objects.patch(nodeKind, "b", undefined, "merge", { metadata: { labels: { zone: "north" } } });
    await world.converge();
    assert.equal((await pods(world)).length, 2);
  });
});

describe("a Deployment", () => {
  it("spreads its Pods, rolls, keeps history, rolls back, scales and goes", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    await world.create(deploymentKind, deployment("web:1", 4));
    await world.converge();
    const spread = Map.groupBy(await pods(world), ({ spec }) => spec.nodeName);
    assert.deepEqual([...spread].map(([name, list]) => [name, list.length]).sort(), [
      ["a", 2],
      ["b", 2],
    ]);
    const set = (image: string): Promise<Deployment> =>
      world.objects.patch(deploymentKind, "web", "default", "merge", { spec: { template: template(image) } });
    await set("web:2");
    await world.converge();
    assert.deepEqual(await images(world), ["web:2", "web:2", "web:2", "web:2"]);
    let now = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    assert.equal(now.metadata.annotations?.["deployment.kubernetes.io/revision"], "2");
    assert.equal(
      now.status?.conditions?.find(({ type }) => type === "Progressing")?.reason,
      "NewReplicaSetAvailable",
    );
    assert.deepEqual([now.status?.updatedReplicas, now.status?.availableReplicas], [4, 4]);
    await set("web:1");
    await world.converge();
    assert.equal(world.running.caches.replicaSets.size, 2);
    now = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    assert.equal(now.metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
    const histories = world.running.caches.replicaSets
      .list()
      .map(({ metadata }) => metadata.annotations?.["deployment.kubernetes.io/revision-history"]);
    assert.deepEqual(histories.sort(), ["1", undefined]);
    await world.objects.patch(deploymentKind, "web", "default", "merge", { spec: { replicas: 1 } });
    await world.converge();
    assert.equal((await pods(world)).length, 1);
    await world.objects.delete(deploymentKind, "web", "default");
    await world.converge();
    assert.deepEqual(await pods(world), []);
    assert.equal(world.running.caches.replicaSets.size, 0);
    for (const node of world.nodes.values()) assert.equal(node.apps.size, 0);
    assert.deepEqual(world.warnings, []);
  });

  it("never has fewer available than it may while an image does not work", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) (await world.addNode(name)).broken.set("web:bad", "never-ready");
    await world.create(deploymentKind, deployment("web:1", 4));
    await world.converge();
    await world.objects.patch(deploymentKind, "web", "default", "merge", {
      spec: { template: template("web:bad") },
    });
    await world.converge();
    const stuck = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    assert.equal(stuck.status?.availableReplicas, 3);
    await world.pass(700);
    const late = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    const progressing = late.status?.conditions?.find(({ type }) => type === "Progressing");
    assert.deepEqual([progressing?.status, progressing?.reason], ["False", "ProgressDeadlineExceeded"]);
    await world.objects.patch(deploymentKind, "web", "default", "merge", {
      spec: { template: template("web:3") },
    });
    await world.converge();
    assert.deepEqual(await images(world), ["web:3", "web:3", "web:3", "web:3"]);
  });

  it("does not move while it is paused, and recreates when told to", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    const made = deployment("web:1", 2);
    made.spec.strategy = { type: "Recreate" };
    await world.create(deploymentKind, made);
    await world.converge();
    const change = { spec: { paused: true, template: template("web:2") } };
    await world.objects.patch(deploymentKind, "web", "default", "merge", change);
    await world.converge();
    assert.deepEqual(await images(world), ["web:1", "web:1"]);
    await world.objects.patch(deploymentKind, "web", "default", "merge", { spec: { paused: false } });
    await world.settle();
    assert.deepEqual(await images(world), ["web:1", "web:1"], "old ones go before new ones come");
    await world.converge();
    assert.deepEqual(await images(world), ["web:2", "web:2"]);
  });

  it("tells of a ReplicaSet that it makes when it has Pods", async () => {
    await using world = await ObjectWorld.start();
    await world.create(deploymentKind, deployment("web:1", 0));
    await world.converge();
    const told = async (): Promise<string[]> =>
      (await world.objects.list<Event>(eventKind)).items
        .filter(({ reason }) => reason === "ScalingReplicaSet")
        .map(({ message }) => (message ?? "").replace(/web-\w+/, "SET"));
    assert.deepEqual(await told(), []);
    await world.objects.patch(deploymentKind, "web", "default", "merge", { spec: { replicas: 2 } });
    await world.settle();
    assert.deepEqual(await told(), ["Scaled up replica set SET from 0 to 2"]);
  });

  it("takes the later of two changes in flight", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await using world = await ObjectWorld.start(seed);
      for (const name of ["a", "b", "c"]) await world.addNode(name);
      await world.create(deploymentKind, deployment("web:1", 3));
      await world.converge();
      const set = (image: string): Promise<Deployment> =>
        world.objects.patch(deploymentKind, "web", "default", "merge", {
          spec: { template: template(image) },
        });
      await set("web:2");
      for (let turn = 0; turn < seed; turn++) await new Promise((resolve) => setImmediate(resolve));
      await set("web:3");
      await world.converge();
      assert.deepEqual(await images(world), ["web:3", "web:3", "web:3"], `seed ${seed}`);
    }
  });

  it("converges when the controller stops at any moment of a rollout", async () => {
    for (let turns = 0; turns < 24; turns += 3) {
      await using world = await ObjectWorld.start(turns + 1);
      for (const name of ["a", "b"]) await world.addNode(name);
      await world.create(deploymentKind, deployment("web:1", 3));
      await world.create(daemonSetKind, {
        ...daemonSet("ds:1"),
        spec: {
          selector: { matchLabels: { app: "ds" } },
          template: {
            metadata: { labels: { app: "ds" } },
            spec: { containers: [{ name: "ds", image: "ds:1" }] },
          },
        },
      });
      await world.converge();
      await world.objects.patch(deploymentKind, "web", "default", "merge", {
        spec: { template: template("web:2") },
      });
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await world.restart();
      for (const node of world.nodes.values()) await node.act();
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await world.restart();
      await world.pass(60);
      assert.deepEqual(await images(world), ["ds:1", "ds:1", "web:2", "web:2", "web:2"], `after ${turns}`);
    }
  });
});
