import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import type { KindRef } from "@selvedge/client";
import {
  configMapKind,
  type LimitRange,
  limitRangeKind,
  type Pod,
  persistentVolumeClaimKind,
  podKind,
  priorityClassKind,
  type ResourceQuota,
  replicaSetKind,
  replicationControllerKind,
  resourceQuotaKind,
  secretKind,
  serviceKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

type Resources = Record<string, Record<string, string>>;

function podOf(name: string, resources: Resources = {}, spec: object = {}): Pod {
  const containers = [{ name: "main", image: "i:1", resources }];
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: { terminationGracePeriodSeconds: 1, containers, ...spec },
  };
}

function quotaOf(hard: Record<string, string>, more: object = {}): ResourceQuota {
  const metadata = { name: "q", namespace: "default" };
  return { apiVersion: "v1", kind: "ResourceQuota", metadata, spec: { hard, ...more } };
}

const readQuota = (world: ObjectWorld): Promise<ResourceQuota> =>
  world.objects.get<ResourceQuota>(resourceQuotaKind, "q", "default");

/** Makes an object, and says what came of it. */
async function tryTo(world: ObjectWorld, kind: KindRef, object: KubeObject): Promise<string> {
  try {
    await world.create(kind, object);
    return "made";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a quota", () => {
  it("lets in what fits, refuses the rest, and counts what goes", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("box");
    await world.create(
      resourceQuotaKind,
      quotaOf({ pods: "2", "requests.cpu": "1", "count/configmaps": "1" }),
    );
    await world.converge();
    assert.deepEqual((await readQuota(world)).status?.used, {
      pods: "0",
      "requests.cpu": "0",
      "count/configmaps": "0",
    });
    const cpu = (amount: string): Resources => ({ requests: { cpu: amount } });
    assert.equal(await tryTo(world, podKind, podOf("a", cpu("600m"))), "made");
    assert.equal(
      await tryTo(world, podKind, podOf("b", cpu("600m"))),
      'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, ' +
        "limited: requests.cpu=1",
    );
    assert.equal(
      await tryTo(world, podKind, podOf("c")),
      'pods "c" is forbidden: failed quota: q: must specify requests.cpu for: main',
    );
    assert.equal(await tryTo(world, podKind, podOf("d", cpu("400m"))), "made");
    assert.deepEqual((await readQuota(world)).status?.used, {
      pods: "2",
      "requests.cpu": "1",
      "count/configmaps": "0",
    });
    await world.objects.delete(podKind, "a", "default");
    await world.converge();
    assert.equal((await readQuota(world)).status?.used?.["requests.cpu"], "400m");
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "default" } };
    assert.equal(await tryTo(world, configMapKind, map), "made");
    const second = { ...map, metadata: { ...map.metadata, name: "n" } };
    assert.match(
      await tryTo(world, configMapKind, second),
      /requested: count\/configmaps=1, used: count\/configmaps=1/,
    );
    await world.objects.delete(configMapKind, "m", "default");
    await world.converge();
    assert.equal((await readQuota(world)).status?.used?.["count/configmaps"], "0");
    assert.equal(await tryTo(world, configMapKind, second), "made");
  });

  it("counts what only some nodes have, and asks it of nobody", async () => {
    await using world = await ObjectWorld.start();
    const dongles = "requests.example.com/dongle";
    await world.create(resourceQuotaKind, quotaOf({ [dongles]: "3" }));
    await world.converge();
    const asks = (amount: string): Resources => ({
      ...{ requests: { "example.com/dongle": amount }, limits: { "example.com/dongle": amount } },
    });
    assert.equal(await tryTo(world, podKind, podOf("a", asks("2"))), "made");
    assert.equal(await tryTo(world, podKind, podOf("b")), "made");
    assert.match(
      await tryTo(world, podKind, podOf("c", asks("2"))),
      /exceeded quota: q, .* limited: requests/,
    );
    assert.deepEqual((await readQuota(world)).status?.used, { [dongles]: "2" });
  });

  it("lets no more in when many come at once", async () => {
    await using world = await ObjectWorld.start();
    await world.create(resourceQuotaKind, quotaOf({ pods: "3" }));
    await world.settle();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, at) => tryTo(world, podKind, podOf(`p${at}`))),
    );
    assert.equal(outcomes.filter((one) => one === "made").length, 3);
  });

  it("is about Pods of its scope, and about Services and claims", async () => {
    await using world = await ObjectWorld.start();
    await world.create(resourceQuotaKind, quotaOf({ pods: "1" }, { scopes: ["Terminating"] }));
    await world.settle();
    assert.equal(await tryTo(world, podKind, podOf("a")), "made");
    assert.equal(await tryTo(world, podKind, podOf("b", {}, { activeDeadlineSeconds: 5 })), "made");
    assert.match(await tryTo(world, podKind, podOf("c", {}, { activeDeadlineSeconds: 5 })), /exceeded quota/);
    await world.objects.delete(resourceQuotaKind, "q", "default");
    await world.create(resourceQuotaKind, quotaOf({ "services.nodeports": "1", "requests.storage": "1Gi" }));
    await world.settle();
    const metadata = { name: "s", namespace: "default" };
    const ports = [
      { port: 80, name: "a" },
      { port: 81, name: "b" },
    ];
    const service = { apiVersion: "v1", kind: "Service", metadata, spec: { type: "NodePort", ports } };
    assert.match(
      await tryTo(world, serviceKind, service),
      /requested: services.nodeports=2, used: services.nodeports=0/,
    );
    const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "2Gi" } } };
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, spec };
    assert.match(
      await tryTo(world, persistentVolumeClaimKind, claim),
      /requested: requests.storage=2Gi, used: requests.storage=0/,
    );
  });
});

describe("a quota of objects", () => {
  const pod = { spec: { containers: [{ name: "main", image: "i:1" }] }, metadata: { labels: { app: "a" } } };
  const rows: readonly (readonly [string, KindRef, KubeObject, string])[] = [
    [
      "ResourceQuota, object count quota, replicaSet",
      replicaSetKind,
      {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: { name: "o" },
        spec: { replicas: 0, selector: { matchLabels: { app: "a" } }, template: pod },
      } as KubeObject,
      "count/replicasets.apps",
    ],
    [
      "ResourceQuota, object count quota, replicationController",
      replicationControllerKind,
      {
        apiVersion: "v1",
        kind: "ReplicationController",
        metadata: { name: "o" },
        spec: { replicas: 0, template: pod },
      } as KubeObject,
      "replicationcontrollers",
    ],
    [
      "ResourceQuota, object count quota, secret",
      secretKind,
      { apiVersion: "v1", kind: "Secret", metadata: { name: "o" } },
      "secrets",
    ],
  ];
  for (const [name, kind, object, counted] of rows) {
    it(name, async () => {
      await using world = await ObjectWorld.start();
      await world.create(resourceQuotaKind, quotaOf({ [counted]: "1" }));
      await world.converge();
      const made = { ...object, metadata: { ...object.metadata, namespace: "default" } };
      const used = async (): Promise<string | undefined> => (await readQuota(world)).status?.used?.[counted];
      assert.deepEqual([await used(), await tryTo(world, kind, made), await used()], ["0", "made", "1"]);
      const second = { ...made, metadata: { ...made.metadata, name: "p" } };
      assert.match(await tryTo(world, kind, second), /exceeded quota: q/);
      await world.objects.delete(kind, "o", "default");
      await world.pass(5);
      assert.equal(await used(), "0");
    });
  }

  it("ResourceQuota, quota scope, BestEffort and NotBestEffort scope", async () => {
    await using world = await ObjectWorld.start();
    for (const scope of ["BestEffort", "NotBestEffort"]) {
      const metadata = { name: scope.toLowerCase(), namespace: "default" };
      await world.create(resourceQuotaKind, { ...quotaOf({ pods: "5" }, { scopes: [scope] }), metadata });
    }
    await world.converge();
    const used = (name: string): Promise<string | undefined> =>
      world.objects
        .get<ResourceQuota>(resourceQuotaKind, name, "default")
        .then(({ status }) => status?.used?.["pods"]);
    await world.create(podKind, podOf("best"));
    assert.deepEqual([await used("besteffort"), await used("notbesteffort")], ["1", "0"]);
    await world.create(podKind, podOf("better", { requests: { cpu: "1m" }, limits: { memory: "64Mi" } }));
    assert.deepEqual([await used("besteffort"), await used("notbesteffort")], ["1", "1"]);
    await world.objects.delete(podKind, "best", "default");
    await world.pass(5);
    assert.deepEqual([await used("besteffort"), await used("notbesteffort")], ["0", "1"]);
  });
});

describe("a LimitRange", () => {
  const range: LimitRange = {
    ...{ apiVersion: "v1", kind: "LimitRange", metadata: { name: "l", namespace: "default" } },
    spec: {
      limits: [
        {
          ...{ type: "Container", default: { cpu: "500m" }, defaultRequest: { cpu: "100m" } },
          ...{ max: { cpu: "1" }, min: { cpu: "50m" }, maxLimitRequestRatio: { cpu: "5" } },
        },
      ],
    },
  };
  it("gives what is not said, and refuses what is too much", async () => {
    await using world = await ObjectWorld.start();
    await world.create(limitRangeKind, range);
    await world.settle();
    await world.create(podKind, podOf("a"));
    const made = await world.objects.get<Pod>(podKind, "a", "default");
    assert.deepEqual(made.spec.containers[0]?.resources, {
      limits: { cpu: "500m" },
      requests: { cpu: "100m" },
    });
    assert.equal(
      made.metadata.annotations?.["kubernetes.io/limit-ranger"],
      "LimitRanger plugin set: cpu request for container main; cpu limit for container main",
    );
    const says = (limits: object, requests: object): Promise<string> =>
      tryTo(world, podKind, podOf("b", { limits, requests } as Resources));
    assert.equal(
      await says({ cpu: "2" }, { cpu: "500m" }),
      'pods "b" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    );
    assert.equal(
      await says({ cpu: "1" }, { cpu: "10m" }),
      'pods "b" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, ' +
        "cpu max limit to request ratio per Container is 5, but provided ratio is 100.000000]",
    );
  });
});

describe("a PriorityClass", () => {
  it("says how important its Pods are", async () => {
    await using world = await ObjectWorld.start();
    const classOf = (name: string, value: number, globalDefault = false): KubeObject =>
      ({
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: { name },
        value,
        globalDefault,
      }) as KubeObject;
    await world.create(priorityClassKind, classOf("high", 1000));
    await world.create(priorityClassKind, classOf("usual", 10, true));
    await world.settle();
    for (const [name, spec, priority] of [
      ["a", { priorityClassName: "high" }, 1000],
      ["b", {}, 10],
      ["c", { priorityClassName: "system-node-critical" }, 2_000_001_000],
    ] as const) {
      const made = await world.objects.create<Pod>(podKind, podOf(name, {}, spec));
      assert.deepEqual([made.spec.priority, made.spec.preemptionPolicy], [priority, "PreemptLowerPriority"]);
    }
    assert.equal(
      await tryTo(world, podKind, podOf("d", {}, { priorityClassName: "none" })),
      'pods "d" is forbidden: no PriorityClass with name none was found',
    );
    assert.match(
      await tryTo(world, podKind, podOf("e", {}, { priority: 5 })),
      /integer value of priority \(5\) must not be provided/,
    );
    assert.match(
      await tryTo(world, priorityClassKind, classOf("other", 5, true)),
      /usual is already marked as default/,
    );
    assert.match(
      await world.objects.delete(priorityClassKind, "system-node-critical").catch(({ message }) => message),
      /"system-node-critical" is forbidden: this is a system priority class and cannot be deleted$/,
    );
    assert.match(
      await tryTo(world, priorityClassKind, classOf("system-x", 5)),
      /reserved for system use only/,
    );
  });
});
