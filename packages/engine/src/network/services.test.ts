import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppId } from "../desired.ts";
import type { Lease } from "./lease.ts";
import { type PortRule, portMaps, portTurns } from "./port-maps.ts";
import type { ServiceSpec, ServiceTarget } from "./service-spec.ts";
import { routeKey, serviceChains, serviceTable } from "./services.ts";

const leases = [
  { appId: "b", address: "10.77.0.3" },
  { appId: "c", address: "10.77.0.4" },
  { appId: "on-a-switch", address: "" },
] as unknown as Lease[];
const app = (appId: string, port = 8080, hostname = ""): ServiceTarget =>
  ({ appId, port, hostname }) as ServiceTarget;
const plc: ServiceTarget = { address: "192.0.2.2", port: 502, hostname: "" };
const service = (targets: ServiceTarget[], more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  ...{ name: "web.shop", address: "10.96.0.20", sticky: false, unready: false, members: targets },
  ...{ ports: [{ protocol: "tcp", port: 80, targets }], ...more },
});
const bReady = new Set(["b" as AppId, "gone" as AppId, "on-a-switch" as AppId]);

/** What is said, the service, where its port leads, what its names are at. */
const rows: readonly (readonly [string, ServiceSpec, string[], string[]])[] = [
  ["those that are ready", service([app("b"), app("c")]), ["10.77.0.3:8080"], ["web.shop 10.96.0.20"]],
  [
    "all, where that is wanted",
    service([app("b"), app("c")], { unready: true }),
    ["10.77.0.3:8080", "10.77.0.4:8080"],
    ["web.shop 10.96.0.20"],
  ],
  ["nobody: its name stays", service([app("c")]), [], ["web.shop 10.96.0.20"]],
  ["not who has no address", service([app("gone"), app("on-a-switch")]), [], ["web.shop 10.96.0.20"]],
  ["somebody else, always", service([plc]), ["192.0.2.2:502"], ["web.shop 10.96.0.20"]],
  [
    "without an address by its names alone",
    service([app("b", 0, "b-0"), app("c"), plc], { address: "" }),
    [],
    [
      ...["web.shop 10.77.0.3", "b-0.web.shop 10.77.0.3"],
      ...["web.shop 192.0.2.2", "192-0-2-2.web.shop 192.0.2.2"],
    ],
  ],
];

describe("a service leads to", () => {
  for (const [what, one, targets, names] of rows)
    it(what, () => {
      const table = serviceTable([one], leases, bReady);
      const shown = table.routes.flatMap((route) => route.targets.map((it) => `${it.address}:${it.port}`));
      assert.deepEqual(shown, targets);
      assert.deepEqual(
        table.names.map((it) => it.join(" ")),
        names,
      );
    });

  it("ports that have names, at the service's or at each of its apps'", () => {
    const told = (address: string): string[] => {
      const targets = [app("b", 8080, "b-0"), app("c"), plc];
      const ports = [{ protocol: "tcp", port: 80, targets, name: "http" }] as const;
      return serviceTable([service(targets, { address, ports })], leases, bReady).ports.map((it) =>
        it.join(" "),
      );
    };
    assert.deepEqual(told("10.96.0.20"), ["_http._tcp.web.shop web.shop 80"]);
    assert.deepEqual(told(""), [
      "_http._tcp.web.shop b-0.web.shop 8080",
      "_http._tcp.web.shop 192-0-2-2.web.shop 502",
    ]);
  });

  it("what the first says of two that have the same address", () => {
    const { routes } = serviceTable([service([app("b")]), service([app("c")])], leases, bReady);
    assert.equal(routes.length, 1);
  });

  it("a choice of them, by chance or by who asks", () => {
    const all = new Set(["b", "c"] as AppId[]);
    const chains = (sticky: boolean): string =>
      serviceChains(serviceTable([service([app("b"), app("c")], { sticky })], leases, all).routes);
    const places = "mod 2 map { 0 : 10.77.0.3 . 8080, 1 : 10.77.0.4 . 8080 }";
    assert.ok(chains(false).includes(`meta l4proto tcp dnat ip to numgen random ${places}`));
    assert.ok(chains(true).includes(`meta l4proto tcp dnat ip to jhash ip saddr ${places}`));
    assert.equal(serviceChains([]), "", "where there is none nothing is said");
  });
});

describe("a port of the node leads to", () => {
  const rule = (nodePort: number, address: string, more: Partial<PortRule> = {}): PortRule => ({
    ...{ protocol: "tcp", nodePort, address, appPort: 8080, interfaces: undefined, addresses: [], ...more },
  });
  const route = routeKey("10.96.0.20", "tcp", 80);
  const shared = [rule(30080, "10.77.0.3", { route }), rule(30080, "10.77.0.4", { route })];
  const own = rule(502, "10.77.0.4", { interfaces: ["eth1"], addresses: ["192.0.2.1"] });
  const of = (ready: ReadonlySet<AppId>): string[] => {
    const { routes } = serviceTable([service([app("b"), app("c")])], leases, ready);
    const inputs = [["ip"], [...shared, own], routes] as const;
    const maps = portMaps(...inputs).matchAll(/map (\S+) \{[^{}]*elements = \{ (.*) \}/g);
    return [
      ...maps.map(([, name, elements]) => `${name}: ${elements}`),
      ...(portTurns([...inputs], "").own.includes("vmap @served_ports\n") ? ["asked first"] : []),
    ];
  };
  const plain = [
    'ports_by_card: "eth1" . tcp . 502 : 10.77.0.4 . 8080',
    "ports_by_address: 192.0.2.1 . tcp . 502 : 10.77.0.4 . 8080",
  ];

  it("whoever of its service is ready, before any app", () => {
    const wanted = [...plain, "served_ports: tcp . 30080 : goto service_0", "asked first"];
    assert.deepEqual(of(bReady), wanted);
  });

  it("nobody, while nobody of its service is ready", () => assert.deepEqual(of(new Set()), plain));
});
