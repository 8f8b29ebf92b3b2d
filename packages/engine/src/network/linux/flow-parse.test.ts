import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { AppId, NetworkId, NicSpec } from "../../desired.ts";
import { markOf } from "../access-list.ts";
import { reportFlows } from "../flow-log.ts";
import { parseDenied, parseEnded, parseLasting, parseQueries } from "./flow-parse.ts";

const mark = markOf("out", 1);
const line =
  `[1700000100.500000\t] [DESTROY] tcp      6 src=10.1.0.2 dst=192.0.2.2 sport=40000 dport=80 packets=6 bytes=400 ` +
  `src=192.0.2.2 dst=192.0.2.1 sport=80 dport=40000 packets=5 bytes=900 [ASSURED] ` +
  `mark=${mark} delta-time=100 [start=x]`;
const mapped =
  `[1700000100.5\t] [DESTROY] udp      17 src=192.0.2.9 dst=192.0.2.1 sport=5 dport=8080 packets=1 bytes=60 ` +
  `src=10.1.0.2 dst=192.0.2.9 sport=80 dport=5 packets=2 bytes=70 mark=${markOf("in", 0)}`;
const rule = (id: number, name: string): NicSpec["rules"][number] => ({
  ...{ id, name, direction: "both", remotes: [], action: { kind: "allow" } },
});
const plug = {
  ...{ appId: "a" as AppId, address: "10.1.0.2", networkId: "n" as NetworkId, bridge: "svb0" },
  nic: { name: "eth0", networkId: "n" as NetworkId, mac: undefined, rules: [rule(7, "map"), rule(9, "web")] },
};
const denied = [
  {
    elem: {
      val: { concat: ["10.1.0.2", "192.0.2.3", "tcp", 41000, 22] },
      counter: { packets: 3, bytes: 180 },
    },
  },
  { elem: { val: { concat: ["192.0.2.3", "10.1.0.2", "icmp"] }, counter: { packets: 1, bytes: 84 } } },
  "not an element",
];
const queries = [
  "Nov 25 16:35:40 dnsmasq[7]: 1 10.1.0.2/40000 query[A] web.example.org from 10.1.0.2",
  "Nov 25 16:35:40 dnsmasq[7]: 1 10.1.0.2/40000 forwarded web.example.org to 192.0.2.2",
  "Nov 25 16:35:40 dnsmasq[7]: 1 10.1.0.2/40000 reply web.example.org is 192.0.2.3",
  "Nov 25 16:35:41 dnsmasq[7]: 2 10.1.0.2/40001 query[AAAA] web.example.org from 10.1.0.2",
  "Nov 25 16:35:41 dnsmasq-dhcp[7]: DHCPACK(svb0) 10.1.0.2 02:00:00:00:00:01",
].join("\n");

describe("what the kernel and a resolver noted", () => {
  const now = instant(5);
  const notes = {
    counted: [parseEnded(line), parseEnded(mapped)].flatMap((it) => it ?? []),
    denied: [...parseDenied(denied.slice(0, 1), 2), ...parseDenied(denied.slice(1), 0)],
    queries: parseQueries(queries, now),
  };
  const [report] = reportFlows(notes, [plug], now);

  it("becomes flows of the app that began them, with the rule that let them", () => {
    const flow = report?.flows[0];
    assert.deepEqual(
      [flow?.address, flow?.port, flow?.remote, flow?.remotePort],
      ["10.1.0.2", 40_000, "192.0.2.2", 80],
    );
    assert.deepEqual(
      [flow?.inbound, flow?.accepted, flow?.rule.id, flow?.rule.name],
      [false, true, 9, "web"],
    );
    assert.deepEqual(
      [flow?.tx, flow?.rx],
      [
        { packets: 6n, bytes: 400n },
        { packets: 5n, bytes: 900n },
      ],
    );
    assert.deepEqual([flow?.startedAt, flow?.endedAt], [1_700_000_000_500, 1_700_000_100_500]);
  });

  it("and of the app a port of the node led to", () => {
    const flow = report?.flows[1];
    assert.deepEqual([flow?.inbound, flow?.port, flow?.remote, flow?.rule.id], [true, 80, "192.0.2.9", 7]);
    assert.deepEqual([flow?.tx.packets, flow?.rx.packets], [2n, 1n]);
  });

  it("tells what was denied, by which rule or by none", () => {
    const [, , out, into] = report?.flows ?? [];
    assert.deepEqual([out?.accepted, out?.inbound, out?.rule.id, out?.tx.packets], [false, false, 9, 3n]);
    assert.deepEqual([into?.accepted, into?.inbound, into?.rule.id, into?.protocol], [false, true, 0, 1]);
  });

  it("tells which names were asked for, and what was answered", () => {
    assert.deepEqual(report?.queries, [
      { client: "10.1.0.2", host: "web.example.org", addresses: ["192.0.2.3"], at: now },
    ]);
  });

  it("tells what lasts, once it has lasted long enough", () => {
    const lasting =
      "tcp      6 431999 ESTABLISHED src=10.1.0.2 dst=192.0.2.2 sport=40000 dport=443 packets=6 bytes=400 " +
      "src=192.0.2.2 dst=192.0.2.1 sport=443 dport=40000 packets=5 bytes=900 [ASSURED] mark=3 delta-time=600 use=1";
    const now = instant(1_700_000_600_000);
    const found = parseLasting(lasting, 600, now);
    assert.deepEqual(
      [found?.protocol, found?.source, found?.targetPort, found?.answered.bytes, found?.mark],
      [6, "10.1.0.2", 443, 900n, 3],
    );
    assert.deepEqual([found?.startedAt, found?.endedAt], [1_700_000_000_000, now]);
    assert.equal(parseLasting(lasting, 601, now), undefined);
    assert.equal(parseLasting("conntrack v1.4.7 (conntrack-tools): 1 flow entries", 0, now), undefined);
  });

  it("is nothing for plugs without traffic, and no line that is another's", () => {
    assert.deepEqual(reportFlows(notes, [{ ...plug, address: "10.1.0.9" }], now), []);
    for (const other of ["", "conntrack v1.4.7", "[1.2] [NEW] tcp 6 src=1.2.3.4"])
      assert.equal(parseEnded(other), undefined);
  });
});
