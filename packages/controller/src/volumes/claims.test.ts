import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { storage } from "@selvedge/eve-api";
import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

const claim: PersistentVolumeClaim = {
  ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data", namespace: "default" } },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "2Gi" } } },
};

function podOf(name: string, nodeName?: string): Pod {
  const container = { name: "main", image: "i:1", volumeMounts: [{ name: "d", mountPath: "/data" }] };
  const nodeSelector = nodeName && { "kubernetes.io/hostname": nodeName };
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: {
      ...{ terminationGracePeriodSeconds: 1, containers: [container] },
      volumes: [{ name: "d", persistentVolumeClaim: { claimName: "data" } }],
      ...(nodeSelector && { nodeSelector }),
    },
  };
}

const here = { key: "kubernetes.io/hostname", operator: "In" as const, values: ["a"] };
const onlyHere = { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } };

const readClaim = (world: ObjectWorld): Promise<PersistentVolumeClaim> =>
  world.objects.get<PersistentVolumeClaim>(persistentVolumeClaimKind, "data", "default");
const readPod = (world: ObjectWorld, name: string): Promise<Pod> =>
  world.objects.get<Pod>(podKind, name, "default");
const volumesOf = async (world: ObjectWorld): Promise<PersistentVolume[]> =>
  (await world.objects.list<PersistentVolume>(persistentVolumeKind)).items;

describe("a claim", () => {
  it("waits for a Pod, then has a volume on its node, which other Pods follow and which outlives them", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    await world.create(persistentVolumeClaimKind, claim);
    await world.converge();
    const waiting = await readClaim(world);
    assert.deepEqual(
      [waiting.status?.phase, waiting.spec.storageClassName, waiting.metadata.finalizers],
      ["Pending", "selvedge-local", ["kubernetes.io/pvc-protection"]],
    );
    await world.create(podKind, podOf("first", "b"));
    await world.converge();
    const bound = await readClaim(world);
    assert.deepEqual([bound.status?.phase, bound.status?.capacity], ["Bound", { storage: "2Gi" }]);
    const [volume] = await volumesOf(world);
    assert.deepEqual([volume?.metadata.name, volume?.status?.phase], [bound.spec.volumeName, "Bound"]);
    assert.equal((await readPod(world, "first")).status?.phase, "Running");
    const sent = world.nodes.get("b")?.config;
    const own = sent?.volumes.find(({ uuid }) => uuid === volume?.metadata.uid);
    assert.deepEqual(
      [own?.origin?.type, own?.maxsizebytes],
      [storage.VolumeContentOriginType.VCOT_BLANK, 2n << 30n],
    );
    assert.equal(sent?.apps[0]?.volumeRefList.at(-1)?.mountDir, "/data");

    await world.create(podKind, podOf("second"));
    await world.create(podKind, podOf("elsewhere", "a"));
    await world.converge();
    assert.equal((await readPod(world, "second")).spec.nodeName, "b");
    const refused = (await readPod(world, "elsewhere")).status?.conditions?.find(
      ({ type }) => type === "PodScheduled",
    );
    assert.match(refused?.message ?? "", /1 node\(s\) had volume node affinity conflict/);

    for (const name of ["first", "second", "elsewhere"]) await world.objects.delete(podKind, name, "default");
    await world.converge();
    assert.equal(world.nodes.get("b")?.config?.volumes.length, 1);
    await world.objects.delete(persistentVolumeClaimKind, "data", "default");
    await world.converge();
    assert.deepEqual([await volumesOf(world), world.nodes.get("b")?.config?.volumes], [[], []]);
  });

  it("stays while a Pod has it, and a Pod waits for one that is not there", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(podKind, podOf("first"));
    await world.converge();
    const message = (await readPod(world, "first")).status?.conditions?.[0]?.message;
    assert.equal(message, '0/1 nodes are available: persistentvolumeclaim "data" not found.');
    await world.create(persistentVolumeClaimKind, claim);
    await world.converge();
    assert.equal((await readPod(world, "first")).status?.phase, "Running");
    await world.objects.delete(persistentVolumeClaimKind, "data", "default");
    await world.converge();
    assert.ok((await readClaim(world)).metadata.deletionTimestamp);
    await world.objects.delete(podKind, "first", "default");
    await world.converge();
    await assert.rejects(readClaim(world), { reason: "NotFound" });
  });

  it("of no class takes a volume that somebody made", async () => {
    await using world = await ObjectWorld.start();
    const volume: PersistentVolume = {
      ...{ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "mine" } },
      spec: {
        ...{ capacity: { storage: "5Gi" }, accessModes: ["ReadWriteOnce"], local: { path: "/x" } },
        nodeAffinity: onlyHere,
      },
    };
    await world.create(persistentVolumeKind, volume);
    await world.converge();
    assert.equal((await volumesOf(world))[0]?.status?.phase, "Available");
    await world.create(persistentVolumeClaimKind, {
      ...claim,
      spec: { ...claim.spec, storageClassName: "" },
    });
    await world.converge();
    assert.equal((await readClaim(world)).spec.volumeName, "mine");
    await world.objects.delete(persistentVolumeClaimKind, "data", "default");
    await world.converge();
    assert.equal((await volumesOf(world))[0]?.status?.phase, "Released");
  });

  it("takes the volume that is kept for it by name, which waits for it", async () => {
    await using world = await ObjectWorld.start();
    const keep = (name: string, size: string): PersistentVolume => ({
      ...{ apiVersion: "v1", kind: "PersistentVolume", metadata: { name } },
      spec: {
        ...{ capacity: { storage: size }, accessModes: ["ReadWriteOnce"], local: { path: "/x" } },
        ...{ persistentVolumeReclaimPolicy: "Delete", storageClassName: "any", nodeAffinity: onlyHere },
        claimRef: { name: "data", namespace: "default" },
      },
    });
    await world.create(persistentVolumeKind, keep("small", "1Gi"));
    await world.create(persistentVolumeKind, keep("mine", "5Gi"));
    await world.converge();
    const phases = async (): Promise<unknown> =>
      (await volumesOf(world)).map(({ metadata, status }) => [metadata.name, status?.phase]);
    assert.deepEqual(await phases(), [
      ["mine", "Available"],
      ["small", "Available"],
    ]);
    await world.create(persistentVolumeClaimKind, claim);
    await world.converge();
    assert.equal((await readClaim(world)).spec.volumeName, "mine");
    assert.deepEqual(await phases(), [
      ["mine", "Bound"],
      ["small", "Available"],
    ]);
  });

  it("keeps its volume while it is there", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(persistentVolumeClaimKind, claim);
    await world.create(podKind, podOf("first"));
    await world.converge();
    const name = (await readClaim(world)).spec.volumeName ?? "";
    await world.objects.delete(persistentVolumeKind, name);
    await world.converge();
    const [kept] = await volumesOf(world);
    assert.deepEqual(
      [kept?.status?.phase, kept?.metadata.finalizers, kept?.metadata.deletionTimestamp !== undefined],
      ["Bound", ["kubernetes.io/pv-protection"], true],
    );
    await world.objects.delete(podKind, "first", "default");
    await world.objects.delete(persistentVolumeClaimKind, "data", "default");
    await world.converge();
    assert.deepEqual(await volumesOf(world), []);
  });

  it("that is not there holds no volume", async () => {
    await using world = await ObjectWorld.start();
    for (const local of [{ local: { path: "/x" }, nodeAffinity: onlyHere }, { hostPath: { path: "/x" } }]) {
      const spec = { capacity: { storage: "5Gi" }, accessModes: ["ReadWriteOnce" as const], ...local };
      const volume = { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "mine" }, spec };
      await world.create(persistentVolumeKind, volume);
      await world.converge();
      await world.objects.delete(persistentVolumeKind, "mine");
      await world.converge();
      assert.deepEqual(await volumesOf(world), []);
    }
  });
});
