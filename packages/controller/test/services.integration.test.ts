/**
 * Services that become another type, and one port of two protocols, over HTTP as Kubernetes' conformance tests of
 * the same names have it: read, changed, put back. What apps may then ask is what their node is told.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ext, getExtension } from "@selvedge/eve-api";
import { type Pod, podKind, type Service, type ServiceSpec } from "@selvedge/kinds";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "../../apiserver/test/api-world.ts";
import { ManualClock } from "./manual-clock.ts";
import { ObjectWorld } from "./object-world.ts";

const folder = "/api/v1/namespaces/default/services";
const selector = { app: "web" };
const port = { name: "http", port: 80, protocol: "TCP", targetPort: 9376 } as const;
const other = { type: "ExternalName", externalName: "web.example.com" } as const;

describe("a Service over HTTP", { skip: opensslMissing() }, () => {
  let api: ApiWorld;
  let world: ObjectWorld;
  before(async () => {
    api = await new ApiWorld().start();
    world = new ObjectWorld(1, api.objects, new ManualClock(Date.now()));
    await world.run();
    await world.addNode("box");
    await world.create(podKind, {
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name: "web", namespace: "default", labels: selector },
      spec: { nodeName: "box", containers: [{ name: "main", image: "web:1" }] },
    } as Pod);
    await world.converge();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  const ask = async (path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> => {
    const reply = await api.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  };
  const make = async (name: string, spec: ServiceSpec): Promise<Service> => {
    const service = { apiVersion: "v1", kind: "Service", metadata: { name }, spec };
    return (await ask(folder, 201, { method: "POST", body: JSON.stringify(service) })) as Service;
  };
  /** As a client does: everything it read is in what it puts back. */
  const change = async (name: string, by: ServiceSpec): Promise<ServiceSpec> => {
    const read = (await ask(`${folder}/${name}`, 200)) as Service;
    const body = JSON.stringify({ ...read, spec: { ...read.spec, ...by } });
    const put = (await ask(`${folder}/${name}`, 200, { method: "PUT", body })) as Service;
    await world.converge();
    return put.spec;
  };
  const slices = async (name: string): Promise<Reply["json"][]> => {
    const all = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    return (await ask(`${all}?labelSelector=kubernetes.io%2Fservice-name%3D${name}`, 200)).items;
  };
  /** By protocol and port, where the node leads what is said to it; undefined: the node knows no such Service. */
  const led = (name: string): readonly string[] | undefined => {
    const node = world.nodes.get("box")?.config;
    const told = node && getExtension(node, ext.NodeExtensionSchema)?.services;
    const found = told?.find((one) => one.name === `${name}.default.svc.cluster.local`);
    if (found?.externalName) return [`is ${found.externalName}`];
    return found?.ports.flatMap(({ protocol, port: number, targets }) =>
      targets.map((target) => `${protocol} ${found.address}:${number} to ${target.port}`),
    );
  };

  const becoming: readonly (readonly [name: string, at: string, ServiceSpec["type"]])[] = [
    ["Service, change type, ExternalName to ClusterIP", "to-cluster-ip", "ClusterIP"],
    ["Service, change type, ExternalName to NodePort", "to-node-port", "NodePort"],
  ];
  for (const [what, name, type] of becoming) {
    it(what, async () => {
      const made = await make(name, { ...other, selector });
      assert.deepEqual([made.spec.clusterIP, made.spec.ports], [undefined, undefined]);
      await world.converge();
      assert.deepEqual(led(name), ["is web.example.com"]);
      const spec = await change(name, { type, externalName: "", ports: [{ ...port }] } as ServiceSpec);
      const { clusterIP = "", clusterIPs, ports } = spec;
      assert.match(clusterIP, /^10\./);
      assert.deepEqual(clusterIPs, [clusterIP]);
      assert.equal(ports?.[0]?.nodePort !== undefined, type === "NodePort");
      assert.deepEqual(led(name), [`tcp ${clusterIP}:80 to 9376`]);
      const [slice] = await slices(name);
      assert.deepEqual([slice.ports[0].port, slice.endpoints[0].targetRef.name], [9376, "web"]);
    });
  }

  const leaving: readonly (readonly [name: string, at: string, ServiceSpec["type"]])[] = [
    ["Service, change type, ClusterIP to ExternalName", "from-cluster-ip", "ClusterIP"],
    ["Service, change type, NodePort to ExternalName", "from-node-port", "NodePort"],
  ];
  for (const [what, name, type] of leaving) {
    it(what, async () => {
      const made = await make(name, { type, selector, ports: [{ ...port }] } as ServiceSpec);
      await world.converge();
      assert.deepEqual(led(name), [`tcp ${made.spec.clusterIP}:80 to 9376`]);
      const spec = await change(name, other);
      const { clusterIP, clusterIPs, ports, externalTrafficPolicy } = spec;
      assert.deepEqual([clusterIP, clusterIPs, externalTrafficPolicy], [undefined, undefined, undefined]);
      assert.deepEqual(ports, [port], "its ports stay, without one of the nodes");
      assert.deepEqual(led(name), ["is web.example.com"]);
      assert.deepEqual(await slices(name), []);
    });
  }

  it("Service, should serve endpoints on same port and different protocols.", async () => {
    const tcp = { name: "tcp-port", port: 80, protocol: "TCP", targetPort: 80 } as const;
    const udp = { name: "udp-port", port: 80, protocol: "UDP", targetPort: 80 } as const;
    const { clusterIP } = (await make("multiprotocol", { selector, ports: [tcp, udp] } as ServiceSpec)).spec;
    await world.converge();
    const told = (protocols: readonly string[]): string[] =>
      protocols.map((protocol) => `${protocol.toLowerCase()} ${clusterIP}:80 to 80`);
    const steps = [[tcp, udp], [tcp], [udp], [udp, tcp]];
    for (const ports of steps) {
      const wanted = ports.map(({ protocol }) => protocol);
      if (ports !== steps[0]) await change("multiprotocol", { ports } as ServiceSpec);
      assert.deepEqual(led("multiprotocol"), told(wanted));
      const found = await slices("multiprotocol");
      assert.equal(found.length, 1);
      const [slice] = found;
      assert.deepEqual(
        slice.ports.map((one: Reply["json"]) => one.protocol),
        wanted,
      );
      const older = await ask("/api/v1/namespaces/default/endpoints/multiprotocol", 200);
      assert.deepEqual(
        older.subsets[0].ports.map((one: Reply["json"]) => `${one.name} ${one.port}/${one.protocol}`),
        ports.map((one) => `${one.name} 80/${one.protocol}`),
      );
    }
    const merge = { "content-type": "application/strategic-merge-patch+json" };
    const body = JSON.stringify({ spec: { ports: [{ port: 80, protocol: "UDP", targetPort: 81 }] } });
    await ask(`${folder}/multiprotocol`, 200, { method: "PATCH", headers: merge, body });
    await world.converge();
    assert.deepEqual(led("multiprotocol")?.toSorted(), [
      `tcp ${clusterIP}:80 to 80`,
      `udp ${clusterIP}:80 to 81`,
    ]);
  });
});
