import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { firewall } from "@selvedge/eve-api";
import { accessRules } from "./access-rules.ts";

type Ace = MessageInitShape<typeof firewall.ACESchema>;
const match = (matches: Record<string, string>): { type: string; value: string }[] =>
  Object.entries(matches).map(([type, value]) => ({ type, value }));
const tcp = { protocol: "tcp" };
const one = (ace: Ace): unknown => {
  const [rule] = accessRules([create(firewall.ACESchema, ace)], "acls");
  const { id: _id, name: _name, ...rest } = rule ?? { id: 0, name: "" };
  return rest;
};
const allow = { action: { kind: "allow" } };
const both = { direction: "both", remotes: [] };
const ports = (first: number, last = first): object => ({ first, last });

const rows: readonly (readonly [string, Ace, object])[] = [
  ["no action allows", {}, { ...both, ...allow }],
  ["an empty action allows", { actions: [{}] }, { ...both, ...allow }],
  ["ingress", { dir: firewall.ACEDirection.INGRESS }, { ...both, direction: "in", ...allow }],
  ["egress", { dir: firewall.ACEDirection.EGRESS }, { ...both, direction: "out", ...allow }],
  ["an address", { matches: match({ ip: "1.2.3.4" }) }, remote({ kind: "subnet", cidr: "1.2.3.4/32" })],
  ["a network", { matches: match({ ip: "0.0.0.0/0" }) }, remote({ kind: "subnet", cidr: "0.0.0.0/0" })],
  ["IPv6", { matches: match({ ip: "fd00::/8" }) }, remote({ kind: "subnet", cidr: "fd00::/8" })],
  ["a host", { matches: match({ host: "Example.org." }) }, remote({ kind: "domain", name: "example.org" })],
  [
    "a host that is an address",
    { matches: match({ host: "1.2.3.4" }) },
    remote({ kind: "subnet", cidr: "1.2.3.4/32" }),
  ],
  ["the network's apps", { matches: match({ eidset: "" }) }, remote({ kind: "network" })],
  ["a protocol by name", { matches: match({ protocol: "GRE" }) }, { ...both, protocol: 47, ...allow }],
  ["a protocol by number", { matches: match({ protocol: "17" }) }, { ...both, protocol: 17, ...allow }],
  ["all protocols", { matches: match({ protocol: "all" }) }, { ...both, ...allow }],
  [
    "a remote port",
    { matches: match({ ...tcp, fport: "80" }) },
    { ...both, protocol: 6, remotePorts: ports(80), ...allow },
  ],
  [
    "a range of ports",
    { matches: match({ ...tcp, lport: "80:90" }) },
    { ...both, protocol: 6, localPorts: ports(80, 90), ...allow },
  ],
  ["a port of the node", { matches: match({ adapter: "eth1" }) }, { ...both, adapter: "eth1", ...allow }],
  ["a drop", { actions: [{ drop: true }] }, { ...both, action: { kind: "drop" } }],
  ["a limit", limit({ limitrate: 10, limitunit: "s", limitburst: 30 }), limited(10, "second", 30)],
  ["a limit a minute", limit({ limitrate: 1, limitunit: "minute" }), limited(1, "minute", 5)],
  ["a limit without a rate, as iptables has it", limit({}), limited(3, "hour", 5)],
  [
    "a port map",
    { matches: match({ ...tcp, lport: "8080" }), actions: [{ portmap: true, appPort: 80 }] },
    { ...both, protocol: 6, localPorts: ports(8080), action: { kind: "map", appPort: 80 } },
  ],
];

function remote(it: object): object {
  return { direction: "both", remotes: [it], ...allow };
}
function limit(more: object): Ace {
  return { actions: [{ limit: true, ...more }] };
}
function limited(rate: number, unit: string, burst: number): object {
  return { ...both, action: { kind: "limit", rate, unit, burst } };
}

const faults: readonly (readonly [RegExp, Ace])[] = [
  [/acls\[0\]\.matches: "colour" is no kind of match/, { matches: match({ colour: "red" }) }],
  [/neither an address nor a network/, { matches: match({ ip: "1.2.3" }) }],
  [/neither an address nor a network/, { matches: match({ ip: "1.2.3.4/33" }) }],
  [/is not a domain/, { matches: match({ host: "a b" }) }],
  [/is no protocol/, { matches: match({ protocol: "256" }) }],
  [/needs a match protocol/, { matches: match({ lport: "80" }) }],
  [/protocol 1 has no ports/, { matches: match({ protocol: "icmp", fport: "80" }) }],
  [/is not a port/, { matches: match({ ...tcp, fport: "0" }) }],
  [/is not a port/, { matches: match({ ...tcp, fport: "90:80" }) }],
  [/host and eidset exclude/, { matches: match({ host: "a", eidset: "" }) }],
  [/has ip twice/, { matches: [...match({ ip: "1.2.3.4" }), ...match({ ip: "1.2.3.5" })] }],
  [/has 2; write one/, { actions: [{}, {}] }],
  [/exclude each other/, { actions: [{ drop: true, limit: true }] }],
  [/no unit of time/, limit({ limitunit: "fortnight" })],
  [/needs a match lport/, { matches: match(tcp), actions: [{ portmap: true, appPort: 80 }] }],
  [/needs a match protocol: tcp or udp/, { actions: [{ portmap: true, appPort: 80 }] }],
  [/appPort: 0 is not a port/, { matches: match({ ...tcp, lport: "1" }), actions: [{ portmap: true }] }],
  [/9 is no direction/, { dir: 9 as never }],
];

describe("an access list", () => {
  for (const [name, ace, wanted] of rows) it(`takes ${name}`, () => assert.deepEqual(one(ace), wanted));
  for (const [why, ace] of faults) it(`says ${why.source}`, () => assert.throws(() => one(ace), why));
});
