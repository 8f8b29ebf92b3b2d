import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod, Service } from "@selvedge/kinds";
import { serviceVariables } from "./service-variables.ts";

const pod = (spec: object = {}, namespace = "shop"): Pod =>
  ({ metadata: { name: "a", namespace }, spec: { containers: [], ...spec } }) as unknown as Pod;
const service = (name: string, spec: object = {}, namespace = "shop", age = "1"): Service =>
  ({
    metadata: { name, namespace, creationTimestamp: age },
    spec: { clusterIP: "10.96.1.2", ports: [{ port: 80, protocol: "TCP" }], ...spec },
  }) as unknown as Service;

const token = { name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } };

describe("variables of Services", () => {
  const rows: [string, Pod, Service[], Record<string, string>][] = [
    [
      "say where each is, and by which ports",
      pod(),
      [service("web-1", { ports: [{ port: 80 }, { name: "dns-x", port: 53, protocol: "UDP" }] })],
      {
        WEB_1_SERVICE_HOST: "10.96.1.2",
        WEB_1_SERVICE_PORT: "80",
        WEB_1_SERVICE_PORT_DNS_X: "53",
        WEB_1_PORT: "tcp://10.96.1.2:80",
        WEB_1_PORT_80_TCP: "tcp://10.96.1.2:80",
        WEB_1_PORT_80_TCP_PROTO: "tcp",
        WEB_1_PORT_80_TCP_PORT: "80",
        WEB_1_PORT_80_TCP_ADDR: "10.96.1.2",
        WEB_1_PORT_53_UDP: "udp://10.96.1.2:53",
        WEB_1_PORT_53_UDP_PROTO: "udp",
        WEB_1_PORT_53_UDP_PORT: "53",
        WEB_1_PORT_53_UDP_ADDR: "10.96.1.2",
      },
    ],
    ["are of the Pod's own namespace", pod(), [service("web", {}, "other")], {}],
    ["are of Services with an address", pod(), [service("web", { clusterIP: "None" })], {}],
    ["can be done without", pod({ enableServiceLinks: false }), [service("web")], {}],
    ["do not lead to the API", pod({}, "default"), [service("kubernetes", {}, "default")], {}],
    [
      "lead to the API, where there is a token for it",
      pod({ enableServiceLinks: false, volumes: [token] }),
      [service("kubernetes", { clusterIP: "10.96.0.1", ports: [{ name: "https", port: 443 }] }, "default")],
      {
        KUBERNETES_SERVICE_HOST: "10.96.0.1",
        KUBERNETES_SERVICE_PORT: "443",
        KUBERNETES_SERVICE_PORT_HTTPS: "443",
        KUBERNETES_PORT: "tcp://10.96.0.1:443",
        KUBERNETES_PORT_443_TCP: "tcp://10.96.0.1:443",
        KUBERNETES_PORT_443_TCP_PROTO: "tcp",
        KUBERNETES_PORT_443_TCP_PORT: "443",
        KUBERNETES_PORT_443_TCP_ADDR: "10.96.0.1",
      },
    ],
  ];
  for (const [what, of, services, expected] of rows)
    it(what, () =>
      assert.deepEqual(Object.fromEntries(serviceVariables(of, { services, node: undefined })), expected),
    );

  it("are of the oldest Services, as many as there is room for", () => {
    const many = Array.from({ length: 99 }, (_, at) => service(`s${at}`, {}, "shop", `${9999 - at}`));
    const found = serviceVariables(pod(), { services: many, node: undefined });
    assert.ok(found.has("S98_PORT"));
    assert.ok(!found.has("S0_PORT"));
    assert.ok(found.size <= 256);
  });
});
