import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ext, getExtension } from "@selvedge/eve-api";
import type { EndpointSlice, Pod, Service, ServiceSpec } from "@selvedge/kinds";
import { one, pod, render } from "../../test/render-one.ts";
import { servicesMax } from "./services.ts";

const uid = "11111111-0000-4000-8000-000000000000";
const container = one({ ports: [{ name: "http", containerPort: 8080 }] });
const web = (more: Partial<Pod["metadata"]> = {}, spec: object = {}): Pod =>
  pod({ ...container, ...spec }, { labels: { app: "web" }, ...more });

function service(spec: ServiceSpec, name = "web"): Service {
  const metadata = { name, namespace: "shop", uid: name };
  return { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: "10.96.1.1", ...spec } };
}
const selector = { app: "web" };
const http = { name: "http", port: 80, targetPort: "http" };
const slice: EndpointSlice = {
  ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
  metadata: { name: "plc-1", namespace: "shop" },
  ports: [{ name: "http", port: 502, protocol: "TCP" }],
  endpoints: [{ addresses: ["192.168.1.5"] }, { addresses: ["192.168.1.6"], conditions: { ready: false } }],
};

/** What a node is told, in a line a service. */
function told(
  services: readonly Service[],
  pods: readonly Pod[] = [web()],
  slices: EndpointSlice[] = [],
): string[] {
  const { config } = render(pods, { services, slices: () => slices });
  const extension = getExtension(config, ext.NodeExtensionSchema);
  return (extension?.services ?? []).map((one) => {
    const { name, address, ports, members, sticky, unready, externalName } = one;
    const where = (it: ext.ServiceTarget): string =>
      `${it.hostname && `${it.hostname}=`}${it.appId.slice(0, 4) || it.address}${it.port ? `:${it.port}` : ""}`;
    const led = ports.map((it) => {
      const at = `${it.protocol}/${it.port}${it.nodePort ? `:${it.nodePort}` : ""}`;
      return `${it.name && `${it.name}=`}${at}>${it.targets.map(where).join("+")}`;
    });
    const flags = [sticky && "sticky", unready && "unready", externalName && `=${externalName}`].filter(
      Boolean,
    );
    return [name.replace(".svc.cluster.local", ""), address, ...led, ...members.map(where), ...flags].join(
      " ",
    );
  });
}

describe("the Services of a node", () => {
  const rows: readonly (readonly [string, string[], Parameters<typeof told>])[] = [
    [
      "lead to its Pods by their own ports",
      ["web.shop 10.96.1.1 http=tcp/80>1111:8080"],
      [[service({ selector, ports: [http] })]],
    ],
    [
      "lead to no Pod of another namespace",
      ["web.shop 10.96.1.1 http=tcp/80>"],
      [[service({ selector, ports: [http] })], [web({ namespace: "office" })]],
    ],
    [
      "say which port of the node leads there as well",
      ["web.shop 10.96.1.1 http=tcp/80:30080>1111:8080"],
      [[service({ selector, type: "NodePort", ports: [{ ...http, nodePort: 30080 }] })]],
    ],
    [
      "have a name without Pods, too",
      ["web.shop 10.96.1.1 http=tcp/80>"],
      [[service({ selector: { app: "none" }, ports: [http] })]],
    ],
    [
      "do not lead to Pods that go",
      ["web.shop 10.96.1.1 http=tcp/80>"],
      [[service({ selector, ports: [http] })], [web({ deletionTimestamp: "2026-01-01T00:00:00Z" })]],
    ],
    [
      "may keep clients, and lead to Pods that are not ready",
      ["web.shop 10.96.1.1 udp/53>1111:53 sticky unready"],
      [
        [
          service({
            ...{ selector, sessionAffinity: "ClientIP", publishNotReadyAddresses: true },
            ports: [{ port: 53, protocol: "UDP" }],
          }),
        ],
      ],
    ],
    [
      "without an address tell of their ports at names of Pods",
      ["web.shop  http=tcp/80>web-0=1111:8080 web-0=1111"],
      [
        [service({ selector, clusterIP: "None", ports: [http, { port: 81 }] })],
        [web({}, { hostname: "web-0", subdomain: "web" })],
      ],
    ],
    [
      "without an address are names of Pods",
      ["web.shop  web-0=1111"],
      [[service({ selector, clusterIP: "None" })], [web({}, { hostname: "web-0", subdomain: "web" })]],
    ],
    [
      "of other hosts are those hosts' names",
      ["web.shop  =example.com"],
      [[service({ type: "ExternalName", externalName: "Example.com.", ports: [http] })]],
    ],
    [
      "that select nothing lead where somebody wrote",
      ["web.shop 10.96.1.1 http=tcp/80>192.168.1.5:502"],
      [[service({ ports: [http] })], [web()], [slice]],
    ],
    [
      "that select Pods do not",
      ["web.shop 10.96.1.1 http=tcp/80>1111:8080"],
      [[service({ selector, ports: [http] })], [web()], [slice]],
    ],
  ];
  for (const [what, wanted, given] of rows) it(what, () => assert.deepEqual(told(...given), wanted));

  it("have the API among them, over the node's link", () => {
    const api = service({ clusterIP: "10.96.0.1", ports: [{ port: 443 }] }, "kubernetes");
    api.metadata.namespace = "default";
    const { config } = render([web()], { services: [api, service({ selector, ports: [http] })] });
    const said = getExtension(config, ext.NodeExtensionSchema)?.services ?? [];
    const led = said.map(({ name, ports }) => [name, ports.map(({ controller }) => controller)]);
    assert.deepEqual(led, [
      ["kubernetes.default.svc.cluster.local", [true]],
      ["web.shop.svc.cluster.local", [false]],
    ]);
  });

  it("have a bound: the oldest of them", () => {
    const many = Array.from({ length: servicesMax + 3 }, (_, at) =>
      service({ selector, ports: [http] }, `s-${String(at).padStart(4, "0")}`),
    );
    assert.equal(told(many).length, servicesMax);
  });

  it("are looked for in a Pod's own namespace first, unless it says otherwise", () => {
    const domains = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    assert.deepEqual(render([web()]).extension.searchDomains, domains);
    assert.deepEqual(render([web({}, { dnsPolicy: "Default" })]).extension.searchDomains, []);
    assert.equal(render([web()]).app.uuidandversion?.uuid, uid);
  });
});
