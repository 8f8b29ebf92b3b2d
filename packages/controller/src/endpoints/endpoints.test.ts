import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Deployment,
  deploymentKind,
  type EndpointSlice,
  type Endpoints,
  endpointSliceKind,
  endpointsKind,
  type Pod,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { slicesOf } from "./endpoints-plan.ts";

const service: Service = {
  ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "default", uid: "s" } },
  spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
};

function deployment(replicas: number): Deployment {
  const ports = [{ name: "http", containerPort: 8080 }];
  const containers = [{ name: "main", image: "web:1", ports }];
  return {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
    spec: {
      ...{ replicas, selector: { matchLabels: { app: "web" } } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { terminationGracePeriodSeconds: 1, containers },
      },
    },
  };
}

const slices = async (world: ObjectWorld): Promise<EndpointSlice[]> =>
  (await world.objects.list<EndpointSlice>(endpointSliceKind, { namespace: "default" })).items;

describe("a Service's endpoints", () => {
  it("are its ready Pods, in both forms, and go with it", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    await world.create(serviceKind, service);
    await world.converge();
    assert.deepEqual(
      (await slices(world)).map(({ endpoints }) => endpoints),
      [[]],
    );
    await world.create(deploymentKind, deployment(2));
    await world.converge();
    const [slice] = await slices(world);
    assert.match(slice?.metadata.name ?? "", /^web-[a-z0-9]{5}$/);
    assert.deepEqual(slice?.ports, [{ name: "http", protocol: "TCP", port: 8080 }]);
    assert.deepEqual(slice?.endpoints?.map(({ nodeName }) => nodeName).sort(), ["a", "b"]);
    assert.deepEqual(slice?.endpoints?.[0]?.conditions, { ready: true, serving: true, terminating: false });
    const older = await world.objects.get<Endpoints>(endpointsKind, "web", "default");
    assert.deepEqual(
      [older.subsets?.[0]?.addresses?.length, older.subsets?.[0]?.ports?.[0]?.port],
      [2, 8080],
    );
    await world.objects.patch(deploymentKind, "web", "default", "merge", { spec: { replicas: 1 } });
    await world.converge();
    assert.equal((await slices(world))[0]?.endpoints?.length, 1);
    await world.objects.delete(serviceKind, "web", "default");
    await world.converge();
    assert.deepEqual(
      [(await slices(world)).length, (await world.objects.list(endpointsKind)).items.length],
      [0, 0],
    );
  });

  it("are in slices of a hundred, those that do not serve marked", () => {
    const pods = Array.from({ length: 250 }, (_, at): Pod => {
      const ready = at === 0 ? "False" : "True";
      return {
        ...{ apiVersion: "v1", kind: "Pod", metadata: { name: `p${`${at}`.padStart(3, "0")}` } },
        spec: { containers: [{ name: "main", image: "i", ports: [{ name: "http", containerPort: 80 }] }] },
        status: { phase: "Running", podIP: "10.0.0.1", conditions: [{ type: "Ready", status: ready }] },
      };
    });
    const made = slicesOf(service, pods);
    assert.deepEqual(
      made.map(({ endpoints = [] }) => endpoints.length),
      [100, 100, 50],
    );
    assert.deepEqual(made[0]?.endpoints?.[0]?.conditions, {
      ready: false,
      serving: false,
      terminating: false,
    });
  });
});
