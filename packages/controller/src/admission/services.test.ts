import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { jobKind, type Service, type ServiceSpec, serviceKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

function service(name: string, spec: ServiceSpec = {}): Service {
  const metadata = { name, namespace: "default" };
  return { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ port: 80 }], ...spec } };
}

async function read(world: ObjectWorld, name: string): Promise<ServiceSpec> {
  await world.settle();
  return (await world.objects.get<Service>(serviceKind, name, "default")).spec;
}

describe("a Service's address", () => {
  it("is its own, follows from its name, and is kept", async () => {
    await using world = await ObjectWorld.start();
    const made = await world.create(serviceKind, service("web"));
    const { clusterIP = "", clusterIPs, ipFamilies, ipFamilyPolicy } = made.spec;
    assert.match(clusterIP, /^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/);
    assert.deepEqual([clusterIPs, ipFamilies, ipFamilyPolicy], [[clusterIP], ["IPv4"], "SingleStack"]);
    await world.objects.update(serviceKind, {
      ...service("web", { ports: [{ port: 81 }] }),
      metadata: { ...made.metadata },
    });
    assert.equal((await read(world, "web")).clusterIP, clusterIP, "an update that does not say it keeps it");
    await assert.rejects(
      world.objects.patch(serviceKind, "web", "default", "merge", { spec: { clusterIP: "10.96.9.9" } }),
      /may not change once set/,
    );
    await world.objects.delete(serviceKind, "web", "default");
    await world.settle();
    await world.create(serviceKind, service("web"));
    assert.equal((await read(world, "web")).clusterIP, clusterIP, "made again, it has the same");
  });

  it("is nobody else's: the next that is free is given, one that is taken refused", async () => {
    await using world = await ObjectWorld.start();
    await world.create(serviceKind, service("web"));
    const { clusterIP = "" } = await read(world, "web");
    await world.objects.delete(serviceKind, "web", "default");
    await world.create(serviceKind, service("other", { clusterIP }));
    await world.settle();
    await world.create(serviceKind, service("web"));
    const given = (await read(world, "web")).clusterIP ?? "";
    assert.equal(Number(given.split(".")[3]), (Number(clusterIP.split(".")[3]) + 1) % 256);
    await assert.rejects(
      world.create(serviceKind, service("third", { clusterIP })),
      /spec\.clusterIPs: Invalid value: .* provided IP is already allocated/,
    );
    await assert.rejects(
      world.create(serviceKind, service("third", { clusterIP: "10.0.0.1" })),
      /failed to allocate IP 10\.0\.0\.1: .* not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/12/,
    );
  });

  it("is none of a headless one, and given back by one that becomes another's name", async () => {
    await using world = await ObjectWorld.start();
    await world.create(serviceKind, service("headless", { clusterIP: "None" }));
    assert.deepEqual((await read(world, "headless")).clusterIPs, ["None"]);
    await world.create(serviceKind, service("web"));
    const named = { type: "ExternalName", externalName: "example.com" } as const;
    await world.objects.patch(serviceKind, "web", "default", "merge", { spec: named });
    const { clusterIP, clusterIPs } = await read(world, "web");
    assert.deepEqual([clusterIP, clusterIPs], [undefined, undefined]);
    const born = await world.create(serviceKind, service("born", named));
    assert.deepEqual([born.spec.clusterIP, born.spec.ipFamilies], [undefined, undefined]);
  });
});

describe("what a new object is given besides its defaults", () => {
  const container = { name: "c", image: "i" };
  const template = { spec: { containers: [container], restartPolicy: "Never" } };
  for (const [what, kind, object, managed] of [
    [
      "a Service's addresses",
      serviceKind,
      service("web"),
      /^f:(internalTrafficPolicy|ports|selector|sessionAffinity|type)$/,
    ],
    [
      "a Job's selector",
      jobKind,
      {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "j", namespace: "default" },
        spec: { template },
      },
      /^f:(backoffLimit|completion(s|Mode)|manualSelector|parallelism|podReplacementPolicy|suspend|template)$/,
    ],
  ] as const) {
    it(`is nobody's to manage: ${what}`, async () => {
      await using world = await ObjectWorld.start();
      const { metadata } = await world.create<KubeObject>(kind, structuredClone(object) as KubeObject);
      const [entry, ...others] = metadata.managedFields ?? [];
      const { "f:spec": spec, ...more } = (entry?.fieldsV1 ?? {}) as Record<string, object>;
      assert.deepEqual([others, more], [[], {}]);
      for (const field of Object.keys(spec ?? {})) assert.match(field, managed);
    });
  }
});
