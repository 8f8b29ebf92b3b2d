import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { limitRangeKind, type Pod, podKind, type ResourceQuota, resourceQuotaKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

const metadata = { name: "a", namespace: "default" };
const pod = {
  ...{ apiVersion: "v1", kind: "Pod", metadata },
  spec: { containers: [{ name: "main", image: "i:1", resources: { requests: { cpu: "200m" } } }] },
} as Pod;
const quota = {
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata,
  spec: { hard: { "requests.cpu": "500m" } },
};
const max = [{ type: "Container", max: { cpu: "300m" }, default: { cpu: "300m" } }];
const range = { apiVersion: "v1", kind: "LimitRange", metadata, spec: { limits: max } };

async function resize(world: ObjectWorld, resources: object): Promise<string> {
  const spec = { containers: [{ name: "main", resources }] };
  const options = { subresource: "resize" };
  return await world.objects.patch<Pod>(podKind, "a", "default", "strategic", { spec }, options).then(
    (done) => `${done.spec.containers[0]?.resources?.requests?.["cpu"]}, ${done.metadata.generation}`,
    (error: Error) => error.message,
  );
}

describe("a resize", () => {
  it("takes of the namespace's quota what is more", async () => {
    await using world = await ObjectWorld.start();
    await world.create(resourceQuotaKind, quota);
    await world.converge();
    await world.create(podKind, structuredClone(pod));
    assert.equal(await resize(world, { requests: { cpu: "400m" } }), "400m, 2");
    const text = "exceeded quota: a, requested: requests.cpu=200m, used: requests.cpu=400m";
    const refused = `pods "a" is forbidden: ${text}, limited: requests.cpu=500m`;
    assert.equal(await resize(world, { requests: { cpu: "600m" } }), refused);
    const { status } = await world.objects.get<ResourceQuota>(resourceQuotaKind, "a", "default");
    assert.equal(status?.used?.["requests.cpu"], "400m");
    assert.equal(await resize(world, { requests: { cpu: "100m" } }), "100m, 3");
    await world.converge();
    const after = await world.objects.get<ResourceQuota>(resourceQuotaKind, "a", "default");
    assert.equal(after.status?.used?.["requests.cpu"], "100m");
  });

  it("keeps to the namespace's limits", async () => {
    await using world = await ObjectWorld.start();
    await world.create(limitRangeKind, range);
    await world.settle();
    await world.create(podKind, structuredClone(pod));
    assert.equal(await resize(world, { requests: { cpu: "250m" } }), "250m, 2");
    const text = "maximum cpu usage per Container is 300m, but limit is 400m";
    assert.equal(await resize(world, { limits: { cpu: "400m" } }), `pods "a" is forbidden: ${text}`);
  });
});
