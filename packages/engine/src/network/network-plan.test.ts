import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AccessRule, AppId, AppSpec, DesiredState, NetworkId, NetworkSpec } from "../desired.ts";
import { type Leases, noLeases, planLeases, uidOf } from "./lease.ts";
import { planNetwork } from "./network-plan.ts";
import { renderResolver } from "./resolver-config.ts";

const network: NetworkSpec = {
  ...{ id: "n" as NetworkId, name: "default", kind: "local", subnet: "10.77.0.0/24", gateway: "10.77.0.1" },
  ...{ dhcpFirst: "10.77.0.1", dhcpLast: "10.77.0.3", dns: [], hosts: [] },
};
const mapped = (nodePort: number, more: Partial<AccessRule> = {}): AccessRule => ({
  ...{ id: 1, name: "", direction: "both", remotes: [], protocol: 6 },
  ...{ localPorts: { first: nodePort, last: nodePort }, action: { kind: "map", appPort: 80 }, ...more },
});
const app = (id: string, nodePort?: number): AppSpec =>
  ({
    ...{ id, displayName: `default/${id}` },
    nics: [
      {
        ...{ name: "eth0", networkId: "n", mac: undefined },
        rules: nodePort === undefined ? [] : [mapped(nodePort)],
      },
    ],
  }) as unknown as AppSpec;
const desired = (apps: AppSpec[], networks = [network]): DesiredState =>
  ({ nodeId: "x", apps, networks }) as unknown as DesiredState;
const none = new Set<AppId>();
const addresses = ({ leases }: Leases): string[] => leases.map(({ appId, address }) => `${appId} ${address}`);

describe("leases", () => {
  const both = planLeases(noLeases, desired([app("a"), app("b")]), none);

  it("give each app an address, a user and a MAC of its own, and never the gateway's", () => {
    assert.deepEqual(addresses(both), ["a 10.77.0.2", "b 10.77.0.3"]);
    assert.equal(new Set(both.leases.map(uidOf)).size, 2);
    assert.equal(new Set(both.leases.map(({ mac }) => mac)).size, 2);
  });

  const rows: [string, DesiredState, ReadonlySet<AppId>, string[]][] = [
    [
      "stay as they are in another order",
      desired([app("b"), app("a")]),
      none,
      ["a 10.77.0.2", "b 10.77.0.3"],
    ],
    ["end with their app", desired([app("b")]), none, ["b 10.77.0.3"]],
    [
      "stay while the app still runs",
      desired([app("b")]),
      new Set(["a" as AppId]),
      ["a 10.77.0.2", "b 10.77.0.3"],
    ],
    ["are given again once free", desired([app("b"), app("c")]), none, ["b 10.77.0.3", "c 10.77.0.2"]],
    ["are not given twice", desired([app("a"), app("b"), app("c")]), none, ["a 10.77.0.2", "b 10.77.0.3"]],
    [
      "move with their network's addresses",
      desired(
        [app("a")],
        [
          {
            ...network,
            subnet: "10.78.0.0/24",
            gateway: "10.78.0.1",
            dhcpFirst: "10.78.0.5",
            dhcpLast: "10.78.0.9",
          },
        ],
      ),
      none,
      ["a 10.78.0.5"],
    ],
  ];
  for (const [name, state, running, wanted] of rows)
    it(name, () => assert.deepEqual(addresses(planLeases(both, state, running)), wanted));
});

describe("a network that is wanted no more", () => {
  const before = planLeases(noLeases, desired([app("a"), app("b")]), none);
  const nothing = desired([], []);
  const rows: [string, ReadonlySet<AppId>, { bridges: string[]; taps: string[] }][] = [
    [
      "stays while a machine is plugged into it",
      new Set(["a" as AppId]),
      { bridges: ["svb0"], taps: ["svt0n0"] },
    ],
    ["goes with its last machine", none, { bridges: [], taps: [] }],
  ];
  for (const [name, running, wanted] of rows)
    it(name, () => {
      const leases = planLeases(before, nothing, running);
      const { items, networks } = planNetwork({ desired: nothing, leases, prefix: "sv" });
      const names = (list: readonly { name: string }[]): string[] => list.map((it) => it.name);
      assert.deepEqual({ bridges: names(items.bridges), taps: names(items.taps) }, wanted);
      assert.equal(networks.size, 0, "nothing is told of it");
    });
});

describe("planNetwork", () => {
  const plan = (state: DesiredState): ReturnType<typeof planNetwork> =>
    planNetwork({ desired: state, leases: planLeases(noLeases, state, none), prefix: "sv" });

  it("names a tap for each plug, owned by its app's user", () => {
    const { items, nics } = plan(desired([app("a")]));
    const tap = { name: "svt0n0", bridge: "svb0", uid: 210_000, isolated: true, mtu: 1500 };
    assert.deepEqual(items.taps, [tap]);
    const nic = nics.get("a/eth0");
    assert.equal(nic?.phase === "ready" && nic.address, "10.77.0.2/24");
  });

  it("gives a port of the node to who came first, and tells the other whose it is", () => {
    const { nics, items } = plan(desired([app("a", 80), app("b", 80)]));
    assert.deepEqual(nics.get("b/eth0"), {
      phase: "waiting",
      reason: "port 80/tcp of the node is used by default/a",
    });
    assert.match(items.ruleset, /elements = \{ tcp \. 80 : 10\.77\.0\.2 \. 80 \}/);
  });

  it("lets nothing through to a machine of whose app nothing is known, not even its farewells", () => {
    const running = new Set(["a" as AppId]);
    const leases = planLeases(noLeases, desired([app("a")]), running);
    const rules = (apps: AppSpec[]): string =>
      planNetwork({ desired: desired(apps), leases, prefix: "sv" }).items.ruleset;
    const unread = { field: "apps[0]", message: "m", goesOn: false };
    assert.equal(rules([{ ...app("a"), nics: [], unread }]), rules([app("a")]));
    assert.notEqual(rules([]), rules([app("a")]));
  });

  const waiting: [string, DesiredState, RegExp][] = [
    ["no address is free", desired([app("a"), app("b"), app("c")]), /has no free address/],
    ["the network is not there", desired([app("c")], []), /is not in the configuration/],
    [
      "the node lacks its port",
      desired([app("c")], [{ ...network, port: "x" }]),
      /no port with name or label x/,
    ],
    ["the node lacks the network", desired([app("c")], [{ ...network, fault: "no mesh" }]), /no mesh/],
    [
      "the network is not activated",
      desired([app("c")], [{ ...network, inactive: true }]),
      /is not activated/,
    ],
    ["the subnet is none", desired([app("c")], [{ ...network, subnet: "10.77.0.0" }]), /is not a\.b\.c\.d/],
  ];
  for (const [name, state, reason] of waiting)
    it(`makes an app wait when ${name}`, () => {
      const nic = plan(state).nics.get("c/eth0");
      assert.match(nic?.phase === "waiting" ? nic.reason : "", reason);
    });

  it("lets no plug speak with an address that is not its own, nor to another plug", () => {
    const { ruleset } = plan(desired([app("a")])).items;
    assert.match(ruleset, /iifname "svt0n0" ip saddr != \{ 10\.77\.0\.2, 0\.0\.0\.0 \} drop/);
    assert.match(ruleset, /iifname "svt0n0" oifname "svt\*" drop/);
  });
});

describe("a network of IPv6", () => {
  const six: NetworkSpec = {
    ...{ ...network, subnet: "fd00:77::/64", gateway: "fd00:77::1", dhcpFirst: "fd00:77::2" },
    ...{ dhcpLast: "fd00:77::9", port: "", ntp: ["fd00:8::123", "192.0.2.1"], mtu: 1400 },
  };
  const state = desired([app("a", 80), app("b")], [six]);
  const leases = planLeases(noLeases, state, none);
  const { items, nics } = planNetwork({ desired: state, leases, prefix: "sv" });

  it("gives each app an address without neighbours, and a way to the others by the node", () => {
    const nic = nics.get("a/eth0");
    assert(nic?.phase === "ready", JSON.stringify(nic));
    assert.deepEqual([nic.address, nic.router, nic.dns], ["fd00:77::2/128", undefined, ["fd00:77::1"]]);
    assert.deepEqual(nic.routes, [{ destination: "fd00:77::/64", gateway: "fd00:77::1" }]);
    assert.equal(items.bridges[0]?.address, "fd00:77::1/64");
  });

  it("lets an app be neither router nor another", () => {
    const from = 'iifname "svt0n0" ';
    for (const line of [
      "ether type != ip6 drop",
      "icmpv6 type { nd-router-advert, nd-redirect } drop",
      "icmpv6 type nd-neighbor-advert @th,64,128 != 0xfd000077000000000000000000000002 @th,64,10 != 0x3fa drop",
      "ip6 saddr != { fd00:77::2, ::, fe80::/10 } drop",
    ])
      assert(items.ruleset.includes(`${from}${line}\n`), line);
  });

  it("leads ports of the node to it by its own family", () => {
    const { port: _, ...open } = six;
    const { ruleset } = planNetwork({
      desired: desired(state.apps as AppSpec[], [open]),
      leases,
      prefix: "sv",
    }).items;
    assert.match(ruleset, /map ports6 \{[^}]*elements = \{ tcp \. 80 : fd00:77::2 \. 80 \}/);
    assert.match(ruleset, /dnat ip6 to meta l4proto \. th dport map @ports6/);
    assert.match(ruleset, /ip6 saddr fd00:77::\/64 oifname != "svb0" masquerade/);
  });

  it("tells by DHCP of addresses and servers, and of itself as the last router to take", () => {
    const lines = items.resolvers[0]?.config.split("\n") ?? [];
    const [{ mac } = { mac: "" }] = leases.leases;
    for (const line of [
      "ra-param=svb0,mtu:1400,low,60",
      "dhcp-range=fd00:77::,static,off-link,64,1h",
      `dhcp-host=${mac},[fd00:77::2]`,
      "dhcp-option=option6:ntp-server,[fd00:8::123]",
    ])
      assert(lines.includes(line), line);
    assert(!lines.some((line) => line.includes("169.254.169.254")));
  });
});

describe("the resolver's configuration", () => {
  it("takes names and addresses, and nothing that would be a line of its own", () => {
    const hosts = [
      { name: "registry.internal", addresses: ["192.0.2.2", "fd00::1"] },
      { name: "evil\nserver=192.0.2.66", addresses: ["192.0.2.3"] },
      { name: "odd", addresses: ["1.2.3.4\nx"] },
    ];
    const config = renderResolver({
      network: { ...network, hosts },
      ...{ bridge: "svb0", prefix: "sv", apps: [], leases: [], names: [] },
    });
    assert.deepEqual(
      config.split("\n").filter((line) => line.startsWith("host-record")),
      ["host-record=registry.internal,192.0.2.2", "host-record=registry.internal,fd00::1"],
    );
    assert.doesNotMatch(config, /192\.0\.2\.66/);
    assert.doesNotMatch(config, /no-resolv/, "names are asked of the node's own resolvers");
    assert.doesNotMatch(config, /option:mtu/, "what is usual is not told");
  });

  it("tells apps of the networks that the node's ports are in", () => {
    const [bridge, prefix] = ["svb0", "sv"];
    const given = { bridge, prefix, apps: [], leases: [], names: [], connected: ["192.0.2.0/24"] };
    const ways = (routes: NetworkSpec["routes"]): string | undefined =>
      /classless-static-route,(.*)/.exec(
        renderResolver({ ...given, network: { ...network, port: "", ...(routes && { routes }) } }),
      )?.[1];
    const metadata = "169.254.169.254/32,10.77.0.1";
    assert.equal(ways(undefined), `192.0.2.0/24,10.77.0.1,${metadata}`);
    const own = { destination: "192.0.2.0/24", gateway: "10.77.0.3", port: "" };
    assert.equal(ways([own]), `192.0.2.0/24,10.77.0.3,${metadata}`);
  });
});
