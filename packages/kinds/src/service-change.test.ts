import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../test/admit.ts";
import { serviceKind } from "./service.ts";
import type { Service, ServiceSpec } from "./service-types.ts";

const ports = [{ name: "http", port: 80 }];
const address = { clusterIP: "10.96.3.1", clusterIPs: ["10.96.3.1"] };
const families = { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" };

function stored(spec: ServiceSpec): Service {
  const { object, errors } = admit(serviceKind, { spec: { ports, ...spec } });
  assert.deepEqual(errors, []);
  return object as Service;
}

/** What is left of a Service that was read, changed and put back. */
function change(
  old: Service,
  by: ServiceSpec,
): { readonly spec: ServiceSpec; readonly errors: readonly string[] } {
  const { object, errors } = admit(serviceKind, { ...old, spec: { ...old.spec, ...by } }, old);
  return { spec: (object as Service).spec, errors };
}

describe("a Service of another type", () => {
  const name = { type: "ExternalName", externalName: "shop.example" } as const;
  const rows: readonly (readonly [
    was: ServiceSpec,
    is: ServiceSpec,
    gone: readonly (keyof ServiceSpec)[],
  ])[] = [
    [
      { type: "ClusterIP", ...address, ...families },
      name,
      ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"],
    ],
    [{ type: "NodePort", ...address }, name, ["clusterIP", "clusterIPs", "externalTrafficPolicy"]],
    [{ type: "NodePort", ...address }, { type: "ClusterIP" }, ["externalTrafficPolicy"]],
    [
      { type: "LoadBalancer", ...address, externalTrafficPolicy: "Local", healthCheckNodePort: 31_000 },
      { type: "NodePort" },
      ["allocateLoadBalancerNodePorts", "healthCheckNodePort"],
    ],
    [{ type: "LoadBalancer", loadBalancerClass: "a/b" }, { type: "ClusterIP" }, ["loadBalancerClass"]],
  ];
  for (const [was, is, gone] of rows)
    it(`${was.type} to ${is.type} loses ${gone.join(", ")}`, () => {
      const old = stored(was);
      for (const member of gone) assert.notEqual(old.spec[member], undefined, member);
      const { spec, errors } = change(old, is);
      assert.deepEqual(errors, []);
      for (const member of gone) assert.equal(spec[member], undefined, member);
      const hasPorts = is.type === "NodePort";
      assert.equal(spec.ports?.[0]?.nodePort !== undefined, hasPorts, "a port of the nodes");
      if (hasPorts) assert.deepEqual(spec.ports, old.spec.ports);
    });

  for (const clusterIP of ["10.96.3.2", "None"])
    it(`is not given ${clusterIP} as its address, which is all it hears`, () => {
      const { errors } = change(stored({ ...address }), { clusterIP });
      assert.deepEqual(errors, [
        `spec.clusterIPs[0]: Invalid value: ["${clusterIP}"]: may not change once set`,
      ]);
    });

  it("is refused what it newly says and cannot have", () => {
    const old = stored({ type: "NodePort" });
    assert.deepEqual(
      change(old, { type: "ClusterIP", ports: [{ ...ports[0], port: 80, nodePort: 30_001 }] }).errors,
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    );
    assert.deepEqual(change(old, { type: "ClusterIP", externalTrafficPolicy: "Local" }).errors, [
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ]);
    assert.deepEqual(change(old, { ...name, ...address }).errors, [
      "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
    ]);
  });
});

describe("what a Service was given", () => {
  it("is kept by an update that does not say it", () => {
    const old = stored({
      type: "NodePort",
      ...address,
      ports: [{ name: "http", port: 80, nodePort: 30_500 }],
    });
    const bare = { type: "NodePort", ports: [{ name: "http", port: 81 }] };
    const { object, errors } = admit(serviceKind, { metadata: old.metadata, spec: bare }, old);
    assert.deepEqual(errors, []);
    const { clusterIP, clusterIPs, ports: now } = (object as Service).spec;
    assert.deepEqual({ clusterIP, clusterIPs }, address);
    assert.deepEqual(
      now?.map(({ port, nodePort }) => [port, nodePort]),
      [[81, 30_500]],
    );
  });

  it("goes to no port that another has by now", () => {
    const old = stored({ type: "NodePort", ports: [{ name: "a", port: 80, nodePort: 30_500 }] });
    const both = [
      { name: "a", port: 80 },
      { name: "b", port: 81, nodePort: 30_500 },
    ];
    const given = change(old, { ports: both }).spec.ports?.map(({ nodePort }) => nodePort) ?? [];
    assert.equal(given[1], 30_500);
    assert.equal(new Set(given).size, 2);
  });

  it("is one port of the nodes for one port of two protocols", () => {
    const { spec } = stored({
      type: "NodePort",
      ports: [
        { name: "tcp", port: 53, protocol: "TCP" },
        { name: "udp", port: 53, protocol: "UDP" },
      ],
    });
    const [tcp, udp] = spec.ports ?? [];
    assert.equal(tcp?.nodePort, udp?.nodePort);
  });

  it("is no balancer's any more: what one said is forgotten", () => {
    const old = stored({ type: "LoadBalancer" });
    old.status = { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } };
    const { object } = admit(serviceKind, { ...old, spec: { ...old.spec, type: "ClusterIP" } }, old);
    assert.deepEqual((object as Service).status, { loadBalancer: {} });
  });
});
