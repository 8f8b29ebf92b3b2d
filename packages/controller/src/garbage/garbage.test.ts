import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { instant, SeededRandom } from "@selvedge/base";
import {
  allKinds,
  type ConfigMap,
  configMapKind,
  type Deployment,
  deploymentKind,
  type EdgeNode,
  type Event,
  edgeNodeKind,
  eventKind,
  type Namespace,
  namespaceKind,
  nodeKind,
  type Pod,
  podKind,
  replicaSetKind,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import { ManualClock } from "../../test/manual-clock.ts";
import { ObjectWorld } from "../../test/object-world.ts";
import { ensureStandardObjects } from "../standard-objects.ts";
import { type PodPlace, planRemoval } from "./pod-remover.ts";
import { outdatedEvents, surplusPods } from "./sweeper.ts";

const uid = "u1";
function pod(metadata: Partial<Pod["metadata"]>, nodeName?: string, phase?: "Running" | "Failed"): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", uid, ...metadata } },
    spec: { containers: [{ name: "c", image: "i" }], ...(nodeName && { nodeName }) },
    ...(phase && { status: { phase } }),
  };
}

const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const place = (apps: readonly string[] | undefined, configHash = "h", nodeExists = true): PodPlace => ({
  nodeExists,
  apps: apps && { apps: new Set(apps), configHash },
  renderedHash: "h",
});

describe("a Pod's object", () => {
  const rows: readonly (readonly [string, Pod, PodPlace, string])[] = [
    ["stays while it is wanted", pod({}, "a", "Running"), place([uid]), "keep"],
    ["goes when it never had a node", pod(going), place(undefined), "remove"],
    ["stays while its app is stopping", pod(going, "a", "Running"), place([uid]), "keep"],
    ["goes when its app has ended", pod(going, "a", "Failed"), place([uid]), "remove"],
    ["goes when the node, told so, does not have it", pod(going, "a", "Running"), place([]), "remove"],
    ["stays until the node was told", pod(going, "a", "Running"), place([], "older"), "keep"],
    ["stays while nothing is known of the node", pod(going, "a"), place(undefined), "keep"],
    ["goes with its node", pod(going, "a", "Running"), place(undefined, "", false), "remove"],
    ["waits for a node that may come", pod({}, "a"), place(undefined, "", false), "keep-for-a-moment"],
  ];
  for (const [name, what, where, expected] of rows) {
    it(name, () => assert.equal(planRemoval(what, where), expected));
  }
});

describe("sweeping", () => {
  const [created, later, now] = ["2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z", "2026-01-01T01:00:01Z"];
  const rows: readonly (readonly [what: string, event: Partial<Event>, written: string, gone: boolean])[] = [
    ["removes one that is an hour old", { lastTimestamp: created }, created, true],
    ["keeps one for an hour after it was told again", { lastTimestamp: later }, later, false],
    [
      "keeps one for an hour that is about days ago",
      { eventTime: "2025-12-25T00:00:00.000000Z" },
      later,
      false,
    ],
    ["removes one that is about days to come", { lastTimestamp: "2036-01-01T00:00:00Z" }, created, true],
  ];
  for (const [what, said, time, gone] of rows)
    it(what, () => {
      const managedFields = [{ manager: "m", operation: "Update" as const, time }];
      const event: Event = {
        ...{ apiVersion: "v1", kind: "Event", involvedObject: {}, ...said },
        metadata: { name: "e", namespace: "d", creationTimestamp: created, managedFields },
      };
      assert.equal(outdatedEvents([event], instant(Date.parse(now))).length, gone ? 1 : 0);
    });

  it("keeps the newest five ended Pods of an owner", () => {
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "r", controller: true };
    const pods = Array.from({ length: 7 }, (_, index) =>
      pod(
        { name: `p${index}`, creationTimestamp: `2026-01-01T00:00:0${index}Z`, ownerReferences: [owner] },
        "a",
        "Failed",
      ),
    );
    assert.deepEqual(
      surplusPods(pods).map(({ metadata }) => metadata.name),
      ["p0", "p1"],
    );
  });
});

const deployment: Deployment = {
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "web:1" }] },
    },
  },
};

async function names(world: ObjectWorld, kind: Parameters<typeof world.objects.list>[0]): Promise<number> {
  return (await world.objects.list(kind)).items.length;
}

describe("deleting an owner", () => {
  it("in the background takes its dependents after it", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(deploymentKind, deployment);
    await world.converge();
    await world.objects.delete(deploymentKind, "web", "default", { propagationPolicy: "Background" });
    await world.converge();
    assert.deepEqual([await names(world, replicaSetKind), await names(world, podKind)], [0, 0]);
  });

  it("in the foreground waits until they are gone", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(deploymentKind, deployment);
    await world.converge();
    node.online = false;
    await world.objects.delete(deploymentKind, "web", "default", { propagationPolicy: "Foreground" });
    await world.settle();
    const held = await world.objects.get(deploymentKind, "web", "default");
    assert.deepEqual(held.metadata.finalizers, ["foregroundDeletion"]);
    assert.equal(await names(world, podKind), 2, "Pods wait for their node");
    node.online = true;
    await world.converge();
    assert.deepEqual(
      [await names(world, deploymentKind), await names(world, replicaSetKind), await names(world, podKind)],
      [0, 0, 0],
    );
  });

  it("can leave them behind, for a successor to adopt", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(deploymentKind, deployment);
    await world.converge();
    const before = [...node.apps.keys()].sort();
    await world.objects.delete(deploymentKind, "web", "default", { propagationPolicy: "Orphan" });
    await world.converge();
    const [left] = (await world.objects.list(replicaSetKind)).items;
    assert.deepEqual([left?.metadata.ownerReferences, await names(world, podKind)], [undefined, 2]);
    await world.create(deploymentKind, deployment);
    await world.converge();
    assert.deepEqual([...node.apps.keys()].sort(), before, "the same apps, never restarted");
    assert.equal(await names(world, replicaSetKind), 1);
  });
});

describe("deleting a namespace", () => {
  it("empties it, then it is gone", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(namespaceKind, {
      ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
    } as Namespace);
    await world.create(deploymentKind, { ...deployment, metadata: { name: "web", namespace: "shop" } });
    await world.create(configMapKind, {
      ...{
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "c", namespace: "shop" },
        data: { a: "1" },
      },
    } as ConfigMap);
    await world.create(serviceKind, {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    } as Service);
    await world.converge();
    await world.objects.delete(namespaceKind, "shop");
    await world.converge();
    await world.pass(10);
    await assert.rejects(world.objects.get(namespaceKind, "shop"), { reason: "NotFound" });
    for (const kind of [podKind, serviceKind, configMapKind]) {
      assert.deepEqual((await world.objects.list(kind, { namespace: "shop" })).items, []);
    }
    assert.equal((await world.objects.list<Event>(eventKind, { namespace: "shop" })).items.length, 0);
  });
});

describe("deleting a namespace of many objects", () => {
  it("takes a page of them at a time, and some of it at once, however little the log keeps", async () => {
    const clock = new ManualClock();
    const store = new SqliteStore(":memory:", "", 20);
    const registry = new ObjectRegistry(allKinds, store, clock, new SeededRandom(1));
    await using world = new ObjectWorld(1, registry, clock);
    await ensureStandardObjects(world.objects);
    await world.run();
    const [namespace, count] = ["crowd", 300];
    const made = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
    await world.create(namespaceKind, made as Namespace);
    for (let one = 0; one < count; one++) {
      const metadata = { name: `c-${one}`, namespace };
      await world.create(configMapKind, { apiVersion: "v1", kind: "ConfigMap", metadata } as ConfigMap);
    }
    const { objects } = world;
    const [list, remove] = [objects.list.bind(objects), objects.delete.bind(objects)];
    const pages: number[] = [];
    let [running, most, deleted] = [0, 0, 0];
    objects.list = async (kind, options) => {
      const page = await list(kind, options);
      if (kind.plural === configMapKind.plural && options?.namespace === namespace)
        pages.push(page.items.length);
      return page as never;
    };
    objects.delete = async (kind, ...rest) => {
      most = Math.max(most, ++running);
      await remove(kind, ...rest);
      running--;
      if (kind.plural === configMapKind.plural) deleted++;
    };
    await world.objects.delete(namespaceKind, namespace);
    await world.converge();
    await world.pass(10);
    await assert.rejects(world.objects.get(namespaceKind, namespace), { reason: "NotFound" });
    assert.deepEqual([pages.slice(0, 3), deleted, most], [[250, count - 250, 0], count, 16]);
    assert.deepEqual(world.warnings, []);
    await store.close();
  });
});

describe("deleting a namespace in order", () => {
  it("Ordered Namespace Deletion", async () => {
    await using world = await ObjectWorld.start();
    await world.create(namespaceKind, {
      ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
    } as Namespace);
    const held = pod({ name: "held" });
    await world.create(podKind, {
      ...held,
      metadata: { ...held.metadata, namespace: "shop", finalizers: ["lab.example/wait"] },
    });
    const metadata = { name: "c", namespace: "shop" };
    await world.create(configMapKind, { ...{ apiVersion: "v1", kind: "ConfigMap" }, metadata } as ConfigMap);
    await world.objects.delete(namespaceKind, "shop");
    await world.converge();
    await world.pass(10);
    const kept = await world.objects.get<ConfigMap>(configMapKind, "c", "shop");
    assert.equal(kept.metadata.deletionTimestamp, undefined, "a Pod still needs what is beside it");
    const { status } = await world.objects.get<Namespace>(namespaceKind, "shop");
    const remaining = status?.conditions?.find(({ type }) => type === "NamespaceContentRemaining");
    assert.equal(remaining?.message, "Some resources are remaining: pods. has 1 resource instances");
    const waiting = await world.objects.get<Pod>(podKind, "held", "shop");
    const { finalizers: _gone, ...free } = waiting.metadata;
    await world.objects.update(podKind, { ...waiting, metadata: free });
    await world.converge();
    await world.pass(10);
    await assert.rejects(world.objects.get(namespaceKind, "shop"), { reason: "NotFound" });
  });
});

describe("deleting an EdgeNode", () => {
  it("removes its Node and its Pods, though the box does not answer", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(podKind, pod({ name: "alone" }));
    await world.converge();
    node.online = false;
    await world.objects.delete(edgeNodeKind, "a");
    await world.pass(60);
    assert.deepEqual([await names(world, nodeKind), await names(world, podKind)], [0, 0]);
    assert.equal(world.running.configs.current(node.id), undefined);
  });

  it("and a new one of the same name begins anew", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.objects.delete(edgeNodeKind, "a");
    await world.settle();
    world.nodes.clear();
    await world.addNode("a");
    const [edgeNode] = (await world.objects.list<EdgeNode>(edgeNodeKind)).items;
    assert.equal(edgeNode?.status?.phase, "Ready");
    assert.equal(await names(world, nodeKind), 1);
  });
});
