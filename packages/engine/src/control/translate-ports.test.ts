import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import type { PortSpec } from "../desired.ts";
import { translatePorts } from "./translate-ports.ts";

type Init = object;
const card = { ptype: 1, logicallabel: "eth0", phylabel: "p0", phyaddrs: { Ifname: "enp1s0" } };
const network = { id: "n", type: 4, ip: { dhcp: 4 } };
const adapter = { name: "wan", lowerLayerName: "eth0", uplink: true, networkUUID: "n" };
const base: Init = { deviceIoList: [card], networks: [network], systemAdapterList: [adapter] };
const one = (more: Init): Partial<PortSpec> =>
  translatePorts(create(config.EdgeDevConfigSchema, { ...base, ...more } as never))?.[0] ?? {};
const adapted = (more: object): Init => ({ systemAdapterList: [{ ...adapter, ...more }] });
const networked = (more: object): Init => ({ networks: [{ ...network, ...more }] });
const fixed = {
  dhcp: 1,
  subnet: "192.0.2.0/24",
  gateway: "192.0.2.1",
  dns: ["192.0.2.53", "x"],
  domain: "d",
  ntp: "t",
};

/** Of controllers from before there were costs. */
const free = { ...card, usagePolicy: { freeUplink: true } };
const other = { ...free, logicallabel: "eth7", phylabel: "eth7" };
const freed = { deviceIoList: [card, other], ...adapted({ freeUplink: true }) };
const costly = { deviceIoList: [card, other], ...adapted({ cost: 3 }) };

const rows: readonly (readonly [string, Init, Partial<PortSpec>])[] = [
  [
    "a card by its label",
    {},
    { name: "wan", interface: "enp1s0", uplink: true, cost: 0, address: { kind: "dhcp" } },
  ],
  [
    "the adapter's own name where it names no card",
    adapted({ name: "eth0", lowerLayerName: "" }),
    { interface: "enp1s0" },
  ],
  [
    "its labels, and not those that are EVE's own",
    adapted({ sharedLabels: ["a", "uplink", "b"] }),
    { labels: ["a", "b"] },
  ],
  ["a cost, up to 255", adapted({ cost: 1000 }), { cost: 255 }],
  ["a card that is parted into functions", { deviceIoList: [{ ...card, ptype: 11 }] }, { cost: 0 }],
  ["no cost of what is free, at the card", { deviceIoList: [free] }, { cost: 0 }],
  ["a cost of what is not free, where another is", { deviceIoList: [card, other] }, { cost: 1 }],
  ["no cost of what is free, at the adapter", freed, { cost: 0 }],
  ["the cost that is said, where another is free", costly, { cost: 3 }],
  [
    "a port that is no uplink and has no network",
    { systemAdapterList: [adapter, { ...adapter, uplink: false }] },
    { uplink: true },
  ],
  ["all as uplinks when none is named", adapted({ uplink: false }), { uplink: true }],
  [
    "a static address",
    { ...adapted({ addr: "192.0.2.7" }), ...networked({ ip: fixed, mtu: 9000 }) },
    {
      mtu: 9000,
      address: {
        ...{ kind: "static", address: "192.0.2.7/24", gateway: "192.0.2.1" },
        ...{ dns: ["192.0.2.53"], domain: "d", ntp: ["t"] },
      },
    },
  ],
  [
    "a static address of IPv6",
    {
      ...adapted({ addr: "2001:db8::7" }),
      ...networked({ type: 6, ip: { dhcp: 1, subnet: "2001:db8::/64", gateway: "fe80::1" } }),
    },
    {
      address: {
        ...{ kind: "static", address: "2001:db8::7/64", gateway: "fe80::1" },
        ...{ dns: [], domain: "", ntp: [] },
      },
    },
  ],
  ["an address of IPv6 only", networked({ type: 8 }), { address: { kind: "dhcp", family: "ipv6" } }],
  ["an address of IPv4 only", networked({ type: 7 }), { address: { kind: "dhcp", family: "ipv4" } }],
  [
    "a proxy",
    networked({
      entProxy: { proxies: [{ proto: 1, server: "proxy", port: 8080 }], exceptions: "a.org, 10.0.0.0/8" },
    }),
    {
      proxy: {
        server: "proxy:8080",
        exceptions: ["a.org", "10.0.0.0/8"],
        certificates: [],
        automatic: false,
      },
    },
  ],
  [
    "a proxy that is found by a script",
    networked({ entProxy: { pacfile: "x" } }),
    { proxy: { server: undefined, exceptions: [], certificates: [], automatic: true } },
  ],
];

const faults: readonly (readonly [RegExp, Init])[] = [
  [/no card is called eth0/, { deviceIoList: [] }],
  [/several cards are called eth0/, { deviceIoList: [card, card] }],
  [/eth0 is Wi-Fi and needs a wifiCfg/, { deviceIoList: [{ ...card, ptype: 5 }] }],
  [/eth0 is a modem and needs a cellularCfg/, { deviceIoList: [{ ...card, ptype: 6 }] }],
  [/eth0 is no network card/, { deviceIoList: [{ ...card, ptype: 2 }] }],
  [/no phyaddrs.ifname/, { deviceIoList: [{ ...card, phyaddrs: {} }] }],
  [/no phyaddrs.ifname/, { deviceIoList: [{ ...card, phyaddrs: { ifname: "a name that is too long" } }] }],
  [/no network has id x/, adapted({ networkUUID: "x" })],
  [/needs a network/, adapted({ networkUUID: "" })],
  [/needs a static address or DHCP/, networked({ ip: { dhcp: 2 } })],
  [/type: 9 is none of 4, 6, 7 and 8/, networked({ type: 9 })],
  [/networks.ip: is missing/, networked({ ip: undefined })],
  [/ip.dhcp: 0 is none of/, networked({ ip: {} })],
  [/addr: "" is not an IPv4 address/, networked({ ip: fixed })],
  [
    /addr: "192.0.2.7" is not an IPv6 address/,
    { ...adapted({ addr: "192.0.2.7" }), ...networked({ type: 8, ip: fixed }) },
  ],
  [
    /subnet: "192.0.2.0\/24" is not a network like 2001:db8::\/64/,
    { ...adapted({ addr: "2001:db8::7" }), ...networked({ ip: fixed }) },
  ],
  [/subnet: "" is not a network/, { ...adapted({ addr: "192.0.2.7" }), ...networked({ ip: { dhcp: 1 } }) }],
  [
    /gateway: "x" is not/,
    { ...adapted({ addr: "192.0.2.7" }), ...networked({ ip: { ...fixed, gateway: "x" } }) },
  ],
  [/mtu: 100 is not between/, networked({ mtu: 100 })],
];

describe("ports", () => {
  for (const [name, more, wanted] of rows)
    it(`take ${name}`, () => {
      const port = one(more);
      assert.equal(port.fault, undefined);
      for (const [key, value] of Object.entries(wanted)) assert.deepEqual(port[key as keyof PortSpec], value);
    });
  for (const [why, more] of faults) it(`say ${why.source}`, () => assert.match(one(more).fault ?? "", why));

  it("are left alone by a configuration that says nothing of them", () => {
    assert.equal(
      translatePorts(create(config.EdgeDevConfigSchema, { deviceIoList: [card] } as never)),
      undefined,
    );
  });
});
