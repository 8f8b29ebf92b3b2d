import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type EndpointSlice,
  type Endpoints,
  endpointSliceKind,
  endpointsKind,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { ensureApiService } from "./api-service.ts";

const metadata = { name: "plc", namespace: "default" };
const service: Service = {
  ...{ apiVersion: "v1", kind: "Service", metadata },
  spec: { ports: [{ name: "modbus", port: 502 }] },
};
function endpoints(ips: string[], more: Partial<Endpoints["metadata"]> = {}): Endpoints {
  const [addresses, notReadyAddresses] = [ips.map((ip) => ({ ip })), [{ ip: "192.168.1.9" }]];
  return {
    ...{ apiVersion: "v1", kind: "Endpoints", metadata: { ...metadata, ...more } },
    subsets: [{ addresses, notReadyAddresses, ports: [{ name: "modbus", port: 1502, protocol: "TCP" }] }],
  };
}

/** In a line a slice. */
async function slices(world: ObjectWorld): Promise<string[]> {
  await world.converge();
  const { items } = await world.objects.list<EndpointSlice>(endpointSliceKind, { namespace: "default" });
  return items
    .filter(({ metadata: { labels } }) => labels?.["kubernetes.io/service-name"] === "plc")
    .map(({ addressType, ports, endpoints: places }) => {
      const shown = places?.map(({ addresses, conditions }) => `${addresses[0]}=${conditions?.ready}`);
      return `${addressType} ${ports?.map(({ port }) => port)} ${shown?.join(" ")}`;
    })
    .sort();
}

describe("Endpoints that somebody wrote", () => {
  it("are mirrored while their Service selects nothing, by family, and go with it", async () => {
    await using world = await ObjectWorld.start();
    await world.create(endpointsKind, endpoints(["192.168.1.5", "fd00::5"]));
    assert.deepEqual(await slices(world), [], "without a Service they are nobody's");
    await world.create(serviceKind, service);
    const both = ["IPv4 1502 192.168.1.5=true 192.168.1.9=false", "IPv6 1502 fd00::5=true"];
    assert.deepEqual(await slices(world), both);
    await world.restart();
    assert.deepEqual(await slices(world), both);
    await world.objects.patch(endpointsKind, "plc", "default", "merge", endpoints(["192.168.1.6"]));
    assert.deepEqual(await slices(world), ["IPv4 1502 192.168.1.6=true 192.168.1.9=false"]);
    const selector = { app: "plc" };
    await world.objects.patch(serviceKind, "plc", "default", "merge", { spec: { selector } });
    assert.deepEqual(await slices(world), ["IPv4 undefined "], "one that selects Pods has theirs");
    await world.objects.patch(serviceKind, "plc", "default", "merge", { spec: { selector: null } });
    await world.objects.patch(endpointsKind, "plc", "default", "merge", endpoints(["192.168.1.7"]));
    assert.deepEqual(await slices(world), ["IPv4 1502 192.168.1.7=true 192.168.1.9=false"]);
    await world.objects.delete(serviceKind, "plc", "default");
    assert.deepEqual(await slices(world), []);
  });

  for (const [what, more] of [
    ["their label says so", { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } }],
    ["they are an election", { annotations: { "control-plane.alpha.kubernetes.io/leader": "{}" } }],
  ] as const)
    it(`are not when ${what}`, async () => {
      await using world = await ObjectWorld.start();
      await world.create(serviceKind, service);
      await world.create(endpointsKind, endpoints(["192.168.1.5"], more));
      assert.deepEqual(await slices(world), []);
    });
});

describe("the API as a Service", () => {
  it("is where clients look for it, and follows where it is", async () => {
    await using world = await ObjectWorld.start();
    const at = async (host: string, port: number): Promise<unknown[]> => {
      await ensureApiService(world.objects, { host, port });
      await world.settle();
      const { spec } = await world.objects.get<Service>(serviceKind, "kubernetes", "default");
      const { subsets } = await world.objects.get<Endpoints>(endpointsKind, "kubernetes", "default");
      const slice = await world.objects.get<EndpointSlice>(endpointSliceKind, "kubernetes", "default");
      const places = slice.endpoints?.map(({ addresses }) => addresses[0]);
      return [spec.clusterIP, spec.ports?.[0]?.targetPort, subsets?.[0]?.addresses?.[0]?.ip, places];
    };
    assert.deepEqual(await at("192.0.2.1", 6443), ["10.96.0.1", 6443, "192.0.2.1", ["192.0.2.1"]]);
    assert.deepEqual(await at("192.0.2.1", 6443), ["10.96.0.1", 6443, "192.0.2.1", ["192.0.2.1"]]);
    assert.deepEqual(await at("192.0.2.2", 443), ["10.96.0.1", 443, "192.0.2.2", ["192.0.2.2"]]);
    assert.deepEqual(await at("127.0.0.1", 443), ["10.96.0.1", 443, undefined, []], "where others cannot go");
  });
});
