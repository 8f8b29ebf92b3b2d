/** Owners and what belongs to them, of kinds in memory and of others. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject, OwnerReference } from "@selvedge/apimachinery";
import { ObjectRegistry } from "@selvedge/apiserver";
import type { KindRef } from "@selvedge/client";
import {
  allKinds,
  configMapKind,
  horizontalPodAutoscalerKind,
  type Namespace,
  namespaceKind,
  type Pod,
  podKind,
  podTemplateKind,
  replicationControllerKind,
} from "@selvedge/kinds";
import { ManualClock } from "../../test/manual-clock.ts";
import { ObjectWorld } from "../../test/object-world.ts";
import { ensureStandardObjects } from "../standard-objects.ts";

const gadget: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: true, custom: true, columns: [], schema: { type: "object" } },
};

function mapOf(name: string, ...owners: KubeObject[]): KubeObject {
  return owned({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } }, ...owners);
}

function owned(object: KubeObject, ...owners: KubeObject[]): KubeObject {
  const ownerReferences = owners.map(
    ({ apiVersion, kind, metadata }): OwnerReference => ({
      apiVersion,
      kind,
      name: metadata.name,
      uid: metadata.uid ?? "",
      blockOwnerDeletion: true,
    }),
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

async function namesOf(world: ObjectWorld, kind: KindRef): Promise<string[]> {
  const { items } = await world.objects.list(kind, { namespace: "default" });
  return items.map(({ metadata }) => metadata.name).sort();
}

/** Copies of kinds that no reconciler keeps follow in the background. */
async function until<T>(world: ObjectWorld, read: () => Promise<T>, wanted: T): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    await world.settle();
    if (JSON.stringify(await read()) === JSON.stringify(wanted)) return;
  }
  assert.deepEqual(await read(), wanted);
}

describe("owners", () => {
  it("that go while nobody looks are looked at once all that they own is known", async () => {
    await using world = await ObjectWorld.start();
    const owner = await world.create(configMapKind, mapOf("a-owner"));
    await world.create(configMapKind, mapOf("map", owner));
    const metadata = { name: "template", namespace: "default" };
    const template = { spec: { containers: [{ name: "main", image: "i" }] } };
    await world.create(
      podTemplateKind,
      owned({ apiVersion: "v1", kind: "PodTemplate", metadata, template }, owner),
    );
    await world.settle();
    await world.stop();
    await world.objects.delete(configMapKind, "a-owner", "default", { propagationPolicy: "Orphan" });
    await world.run();
    await until(world, () => namesOf(world, configMapKind), ["map"]);
    assert.deepEqual(await namesOf(world, podTemplateKind), ["template"]);
    for (const [kind, name] of [[configMapKind, "map"] as const, [podTemplateKind, "template"] as const])
      assert.equal((await world.objects.get(kind, name, "default")).metadata.ownerReferences, undefined);
  });

  it("in a circle do not hold each other", async () => {
    await using world = await ObjectWorld.start();
    const made = await Promise.all(["a", "b", "c"].map((name) => world.create(configMapKind, mapOf(name))));
    const [a, b, c] = made as [KubeObject, KubeObject, KubeObject];
    for (const [object, owner] of [
      [a, c],
      [b, a],
      [c, b],
    ] as const)
      await world.objects.update(configMapKind, owned(object, owner));
    await world.settle();
    await world.objects.delete(configMapKind, "a", "default", { propagationPolicy: "Foreground" });
    await until(world, () => namesOf(world, configMapKind), []);
  });

  it("that stay keep what others that go also own", async () => {
    await using world = await ObjectWorld.start();
    const [stays, goes] = [
      await world.create(configMapKind, mapOf("stays")),
      await world.create(configMapKind, mapOf("goes")),
    ];
    await world.create(configMapKind, mapOf("shared", stays, goes));
    await world.create(configMapKind, mapOf("own", goes));
    await world.settle();
    await world.objects.delete(configMapKind, "goes", "default", { propagationPolicy: "Foreground" });
    await until(world, () => namesOf(world, configMapKind), ["shared", "stays"]);
    const shared = await world.objects.get(configMapKind, "shared", "default");
    assert.deepEqual(
      shared.metadata.ownerReferences?.map(({ name }) => name),
      ["stays"],
    );
  });

  it("may be of any kind, also one that users bring, as may what they own", async () => {
    const clock = new ManualClock();
    const base = new ObjectWorld();
    const registry = new ObjectRegistry(allKinds, base.store, clock, base.random);
    await using world = new ObjectWorld(1, registry, clock);
    await ensureStandardObjects(world.objects);
    await world.run();
    registry.table.serve([gadget]);
    const owner = await world.create(gadget, {
      apiVersion: "lab.example/v1",
      kind: "Gadget",
      metadata: { name: "g", namespace: "default" },
    });
    await world.create(configMapKind, mapOf("of-gadget", owner));
    const template = { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "t", namespace: "default" } };
    const containers = [{ name: "main", image: "i" }];
    const middle = await world.create(
      podTemplateKind,
      owned({ ...template, template: { spec: { containers } } }, owner),
    );
    await world.create(
      gadget,
      owned({ ...owner, metadata: { name: "below", namespace: "default" } }, middle),
    );
    await until(world, () => namesOf(world, gadget), ["below", "g"]);
    await world.objects.delete(gadget, "g", "default");
    await until(world, () => namesOf(world, gadget), []);
    await until(world, () => namesOf(world, podTemplateKind), []);
    await until(world, () => namesOf(world, configMapKind), []);
    base.store.close();
  });

  it("may be meant in another version than they are kept in, if that is served", async () => {
    await using world = await ObjectWorld.start();
    const scaler = await world.create(horizontalPodAutoscalerKind, {
      ...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
      metadata: { name: "scaler", namespace: "default" },
      spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "none" } },
    });
    for (const version of ["v1", "v2", "v0"])
      await world.create(configMapKind, mapOf(version, { ...scaler, apiVersion: `autoscaling/${version}` }));
    await world.settle();
    await world.objects.delete(horizontalPodAutoscalerKind, "scaler", "default");
    await until(world, () => namesOf(world, configMapKind), ["v0"]);
  });

  it("let go of what they leave behind, of a kind that users bring too", async () => {
    await using world = await ObjectWorld.start();
    world.registry.table.serve([gadget]);
    const metadata = { name: "g", namespace: "default" };
    const made = { apiVersion: "lab.example/v1", kind: "Gadget", metadata };
    const owner = await world.create(gadget, made);
    await world.create(gadget, owned({ ...made, metadata: { ...metadata, name: "below" } }, owner));
    await until(world, () => namesOf(world, gadget), ["below", "g"]);
    await world.objects.delete(gadget, "g", "default", { propagationPolicy: "Orphan" });
    await until(world, () => namesOf(world, gadget), ["below"]);
    const left = await world.objects.get(gadget, "below", "default");
    assert.equal(left.metadata.ownerReferences, undefined);
  });

  it("let go of many at a time, also of who comes, changes or goes meanwhile", async () => {
    await using world = await ObjectWorld.start();
    const owner = await world.create(configMapKind, mapOf("owner"));
    const many = Array.from({ length: 40 }, (_, index) => `m${index}`);
    for (const name of many) await world.create(configMapKind, mapOf(name, owner));
    await world.settle();
    const update = world.objects.update.bind(world.objects);
    let [underWay, most, writes] = [0, 0, 0];
    world.objects.update = async (kind, object, options) => {
      most = Math.max(most, ++underWay);
      writes += 1;
      if (writes === 1) await world.create(configMapKind, mapOf("late", owner));
      if (writes === 2) await world.objects.delete(configMapKind, object.metadata.name, "default");
      if (writes === 3) {
        const labels = { changed: "meanwhile" };
        await world.objects.patch(configMapKind, object.metadata.name, "default", "merge", {
          metadata: { labels },
        });
      }
      return await update(kind, object, options).finally(() => underWay--);
    };
    await world.objects.delete(configMapKind, "owner", "default", { propagationPolicy: "Orphan" });
    await until(world, async () => (await namesOf(world, configMapKind)).includes("owner"), false);
    const { items } = await world.objects.list(configMapKind, { namespace: "default" });
    assert.equal(items.length, many.length);
    assert.deepEqual(
      items.filter(({ metadata }) => metadata.ownerReferences !== undefined),
      [],
    );
    assert.equal(items.filter(({ metadata }) => metadata.labels?.["changed"] === "meanwhile").length, 1);
    assert.equal(most, 16);
  });

  it("go with their namespace, of every kind, and it says what holds it", async () => {
    await using world = await ObjectWorld.start();
    world.registry.table.serve([gadget]);
    await world.create(namespaceKind, { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } });
    const held = { name: "g", namespace: "n", finalizers: ["lab.example/held"] };
    await world.create(gadget, { apiVersion: "lab.example/v1", kind: "Gadget", metadata: held });
    await world.objects.delete(namespaceKind, "n");
    await world.settle();
    const { status } = await world.objects.get<Namespace>(namespaceKind, "n");
    const says = (status?.conditions ?? [])
      .filter((one) => one.status === "True")
      .map(({ message }) => message);
    assert.deepEqual(says, [
      "Some resources are remaining: gadgets.lab.example has 1 resource instances",
      "Some content in the namespace has finalizers remaining: lab.example/held in 1 resource instances",
    ]);
    await world.objects.patch(gadget, "g", "n", "merge", { metadata: { finalizers: null } });
    await world.pass(10);
    await assert.rejects(world.objects.get(namespaceKind, "n"), { reason: "NotFound" });
  });
});

describe("a ReplicationController", () => {
  it("keeps so many Pods, and goes before or after them as it is told", async () => {
    for (const propagationPolicy of ["Background", "Foreground", "Orphan"] as const) {
      await using world = await ObjectWorld.start();
      await world.addNode("box");
      const metadata = { labels: { app: "web" } };
      const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: "i:1" }] };
      await world.create(replicationControllerKind, {
        ...{
          apiVersion: "v1",
          kind: "ReplicationController",
          metadata: { name: "rc", namespace: "default" },
        },
        spec: { replicas: 3, template: { metadata, spec } },
      } as KubeObject);
      await world.converge();
      const pods = async (): Promise<number> => (await world.objects.list<Pod>(podKind)).items.length;
      const made = await world.objects.get(replicationControllerKind, "rc", "default");
      const { readyReplicas, availableReplicas } = made["status"] as Record<string, number>;
      assert.deepEqual([await pods(), readyReplicas, availableReplicas], [3, 3, 3]);
      await world.objects.delete(replicationControllerKind, "rc", "default", { propagationPolicy });
      await world.converge();
      assert.equal(await pods(), propagationPolicy === "Orphan" ? 3 : 0);
      await assert.rejects(world.objects.get(replicationControllerKind, "rc", "default"), {
        reason: "NotFound",
      });
    }
  });
});
