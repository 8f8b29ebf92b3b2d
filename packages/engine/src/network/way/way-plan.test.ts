import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NetworkId, NetworkSpec, PortSpec, RouteSpec } from "../../desired.ts";
import { connectedNetworks } from "../connected-networks.ts";
import { mtuOf } from "../network-mtu.ts";
import { policyRoutes, takenWays } from "../policy-plan.ts";
import { planWays, portsOf } from "./way-plan.ts";

const port = (name: string, cost: number, more: Partial<PortSpec> = {}): PortSpec => ({
  ...{ name, interface: `${name}0`, labels: ["out"], uplink: true, cost, ...more },
});
const ports = [port("lte", 10), port("wan", 0), port("lan", 0, { uplink: false, labels: ["floor", "out"] })];
const network: NetworkSpec = {
  ...{ id: "n" as NetworkId, name: "n", kind: "local", subnet: "10.1.0.0/24", gateway: "10.1.0.1" },
  ...{ dhcpFirst: "10.1.0.2", dhcpLast: "10.1.0.9", dns: [], hosts: [], port: "out" },
};
const controller = { method: "tcp", host: "controller", port: 443 } as const;
const planned = (more: Partial<NetworkSpec>, some: readonly PortSpec[] = ports): string[] =>
  planWays({ networks: [{ ...network, ...more }], ports: some }, controller).map(
    ({ destination, ports: names, choice }) =>
      `${destination} by ${names.map(({ name }) => name).join()} ${JSON.stringify(choice)}`,
  );
const route = (destination: string, label: string, more: Partial<RouteSpec> = {}): RouteSpec => ({
  ...{ destination, gateway: "", port: label, ...more },
});

describe("ways that several ports stand for", () => {
  const usual = '{"gatewayMaxCost":0,"cheapest":true}';
  const toController = `{"gatewayMaxCost":0,"cheapest":true,"remote":${JSON.stringify(controller)}}`;
  const rows: readonly (readonly [string, string[], Partial<NetworkSpec>, PortSpec[]?])[] = [
    ["is the one that all else takes", [`0.0.0.0/0 by lte,wan,lan ${usual}`], {}],
    ["is to lead to the controller by uplinks", [`0.0.0.0/0 by lte,wan ${toController}`], { port: "uplink" }],
    [
      "leads to no controller behind a proxy",
      [`0.0.0.0/0 by lte,wan ${usual}`],
      { port: "uplink" },
      [port("lte", 10, { proxy: {} as never }), port("wan", 0)],
    ],
    ["is none by one port", [], { port: "wan" }],
    ["is none by one free uplink", [], { port: "freeuplink" }],
    ["is none without a port", [], { port: "" }],
    ["is none of a switch", [], { kind: "switch" }],
    ["is none of what is not up", [], { inactive: true }],
    ["is none of what cannot be", [], { fault: "no" }],
    [
      "is as it is said",
      ['0.0.0.0/0 by lte,wan {"cheapest":true}'],
      { port: "all", routes: [route("0.0.0.0/0", "uplink", { choice: { cheapest: true } })] },
    ],
    ["is none by an app", [], { routes: [route("0.0.0.0/0", "out", { gateway: "10.1.0.7" })] }],
    [
      "leaves by ports of its network alone",
      [`0.0.0.0/0 by lte,wan ${toController}`],
      { port: "uplink", routes: [route("172.16.0.0/12", "floor")] },
    ],
    [
      "is one of several",
      ["172.16.0.0/12 by lte,wan,lan {}", `0.0.0.0/0 by lte,wan,lan ${usual}`],
      { routes: [route("172.16.0.0/12", "out")] },
    ],
  ];
  for (const [why, ways, more, some] of rows) it(why, () => assert.deepEqual(planned(more, some), ways));

  it("are of every port by EVE's own label", () =>
    assert.deepEqual([portsOf(ports, "all").length, portsOf(ports, "freeuplink")[0]?.name], [3, "wan"]));
});

describe("a way that was chosen", () => {
  const chosen = new Map([["n 0.0.0.0/0", { port: "lte", gateway: "192.0.3.1" }]]);
  const routed = (more: object): ReturnType<typeof policyRoutes> =>
    policyRoutes({ ...network, index: 0, bridge: "svb0", interfaces: undefined, ...more }, [], ports, chosen);

  it("comes first, and the others stand in for it", () =>
    assert.deepEqual(
      routed({ interfaces: ["wan0", "lan0", "lte0"] })[0]?.statics.map(({ interfaces }) => interfaces),
      [["lte0", "wan0", "lan0"]],
    ));
  it("is no way of the node's own table", () => {
    const [item] = routed({ port: "uplink" });
    assert.deepEqual([item?.interfaces, item?.statics[0]?.interfaces], [undefined, ["lte0", "wan0"]]);
    assert.deepEqual(
      policyRoutes({ ...network, index: 0, bridge: "b", interfaces: undefined }, [], ports),
      [],
    );
  });
  it("is told with its gateway", () =>
    assert.deepEqual(takenWays({ ...network, routes: [route("172.16.0.0/12", "floor")] }, ports, chosen), [
      { destination: "172.16.0.0/12", gateway: "", port: "lan" },
      { destination: "0.0.0.0/0", gateway: "192.0.3.1", port: "lte" },
    ]));
});

describe("what a network's ports carry", () => {
  const card = (mtu: number, networks: string[] = []) => ({ mtu, networks });
  const cards = new Map([
    ["wan0", card(1500, ["192.0.2.0/24", "2001:db8::/64"])],
    ["lte0", card(1430, ["192.0.3.0/24", "10.1.0.0/24"])],
  ]);
  const rows: readonly (readonly [Partial<NetworkSpec>, number, RegExp?])[] = [
    [{ port: "" }, 1500],
    [{ port: "", mtu: 9000 }, 9000],
    [{}, 1430],
    [{ mtu: 1400 }, 1400],
    [{ mtu: 9000 }, 1430, /port lte carries 1430 bytes, not the 9000/],
    [{ port: "lan" }, 1500],
  ];
  for (const [more, mtu, trouble] of rows)
    it(`is ${mtu} bytes of ${JSON.stringify(more)}`, () => {
      const found = mtuOf({ ...network, ...more }, ports, cards);
      assert.equal(found.mtu, mtu);
      if (trouble === undefined) assert.equal(found.trouble, undefined);
      else assert.match(found.trouble ?? "", trouble);
    });
  it("are networks that apps are told of, where they are to be", () => {
    assert.deepEqual(connectedNetworks(network, ports, cards), []);
    assert.deepEqual(connectedNetworks({ ...network, connectedRoutes: true }, ports, cards), [
      "192.0.2.0/24",
      "192.0.3.0/24",
    ]);
  });
});
