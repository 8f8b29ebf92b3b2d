import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import type { PortSpec } from "../desired.ts";
import { translatePorts } from "./translate-ports.ts";

const card = (name: string, ptype = 1) => ({ ptype, logicallabel: name, phyaddrs: { ifname: `en${name}` } });
const vlan = { logicallabel: "shop", interfaceName: "shop.5", lowerLayerName: "a", vlanId: 5 };
const bond = {
  ...{ logicallabel: "both", interfaceName: "bond1", lowerLayerNames: ["a", "b"], bondMode: 2 },
  monitoring: { case: "mii", value: { interval: 200, updelay: 400, downdelay: 600 } },
};
const port = (lower: string, more: object): Partial<PortSpec> =>
  translatePorts(
    create(config.EdgeDevConfigSchema, {
      deviceIoList: [card("a"), card("b"), card("usb", 2)],
      networks: [{ id: "n", type: 4, ip: { dhcp: 4 } }],
      systemAdapterList: [{ name: "wan", lowerLayerName: lower, uplink: true, networkUUID: "n" }],
      ...more,
    } as never),
  )?.[0] ?? {};
const vlans = (more: object) => ({ vlans: [{ ...vlan, ...more }] });
const bonds = (more: object) => ({ bonds: [{ ...bond, ...more }] });
const both = {
  ...{ kind: "bond", name: "bond1", mode: "active-backup", lacpRate: "slow" },
  members: [
    { name: "a", card: "ena" },
    { name: "b", card: "enb" },
  ],
  watch: { kind: "carrier", everyMs: 200, upDelayMs: 400, downDelayMs: 600 },
};

describe("a port on what is made of cards", () => {
  it("is a VLAN", () => {
    const { interface: name, links, fault } = port("shop", vlans({}));
    const wanted = [{ kind: "vlan", name: "shop.5", lower: "ena", tag: 5 }];
    assert.deepEqual([name, links, fault], ["shop.5", wanted, undefined]);
  });

  it("is a bond", () => {
    const { interface: name, links, fault } = port("both", bonds({}));
    assert.deepEqual([name, links, fault], ["bond1", [both], undefined]);
  });

  it("is a VLAN of a bond, which is made first", () => {
    const { links, fault } = port("shop", { ...bonds({}), ...vlans({ lowerLayerName: "both" }) });
    const above = { kind: "vlan", name: "shop.5", lower: "bond1", tag: 5 };
    assert.deepEqual([links, fault], [[both, above], undefined]);
  });

  it("looks at the carrier of a bond's cards where nothing else is said", () => {
    const [link] = port("both", bonds({ monitoring: { case: undefined } })).links ?? [];
    const wanted = { kind: "carrier", everyMs: 100, upDelayMs: 0, downDelayMs: 0 };
    assert.deepEqual(link?.kind === "bond" && link.watch, wanted);
  });

  it("agrees with its peer at the rate asked for", () => {
    const [link] = port("both", bonds({ bondMode: 5, lacpRate: 2 })).links ?? [];
    assert.deepEqual(link?.kind === "bond" && [link.mode, link.lacpRate], ["802.3ad", "fast"]);
  });

  const arp = (value: object) => ({ monitoring: { case: "arp", value } });
  const rows: readonly (readonly [RegExp, string, object])[] = [
    [/vlan_id 0 of shop/, "shop", vlans({ vlanId: 0 })],
    [/vlan_id 4095 of shop/, "shop", vlans({ vlanId: 4095 })],
    [/vlans: shop has no interface_name/, "shop", vlans({ interfaceName: "much.too.long.a.name" })],
    [/interface_name ena is used twice/, "shop", vlans({ interfaceName: "ena" })],
    [/no card is called c/, "shop", vlans({ lowerLayerName: "c" })],
    [/usb is no Ethernet card/, "shop", vlans({ lowerLayerName: "usb" })],
    [
      /shop is on deep, which is a VLAN/,
      "shop",
      {
        vlans: [
          { ...vlan, lowerLayerName: "deep" },
          { ...vlan, logicallabel: "deep", interfaceName: "d" },
        ],
      },
    ],
    [
      /shop and other are both VLAN 5 of a/,
      "shop",
      { vlans: [vlan, { ...vlan, logicallabel: "other", interfaceName: "o" }] },
    ],
    [/several cards are called both/, "both", { ...bonds({}), ...vlans({ logicallabel: "both" }) }],
    [/both has no lower_layer_names/, "both", bonds({ lowerLayerNames: [] })],
    [/no card is called c/, "both", bonds({ lowerLayerNames: ["a", "c"] })],
    [/usb is no Ethernet card/, "both", bonds({ lowerLayerNames: ["usb"] })],
    [/bond_mode 0 of both/, "both", bonds({ bondMode: 0 })],
    [/bond0, which Linux keeps/, "both", bonds({ interfaceName: "bond0" })],
    [/arp of both has no interval/, "both", bonds(arp({ ipTargets: ["192.0.2.1"] }))],
    [/ip_targets must be 1 to 16/, "both", bonds(arp({ interval: 100, ipTargets: ["x"] }))],
    [
      /802.3ad can only look at the carrier/,
      "both",
      bonds({ bondMode: 5, ...arp({ interval: 100, ipTargets: ["192.0.2.1"] }) }),
    ],
    [
      /a is in both and in other/,
      "both",
      { bonds: [bond, { ...bond, logicallabel: "other", interfaceName: "o" }] },
    ],
    [
      /b is in both and a port of its own/,
      "both",
      {
        ...bonds({}),
        systemAdapterList: [
          { name: "wan", lowerLayerName: "both", uplink: true, networkUUID: "n" },
          { name: "b", networkUUID: "n" },
        ],
      },
    ],
  ];
  for (const [why, lower, more] of rows)
    it(`says ${why.source}`, () => assert.match(port(lower, more).fault ?? "", why));
});
