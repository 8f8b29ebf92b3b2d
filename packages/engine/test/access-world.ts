/**
 * Runs in a network and mount namespace made for it: apps on two networks and a switch, with access lists, a
 * node with two ways out, and real traffic through the real driver.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Log, SystemClock, seconds, silentSink } from "@selvedge/base";
import type { AccessRule, AppId, DesiredState, NetworkSpec, NicSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { FlowBook } from "../src/network/flow-book.ts";
import type { FlowReport } from "../src/network/flow-log.ts";
import { LinuxFlowSource } from "../src/network/linux/linux-flow-source.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { reaches, sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-access-"));
const servers: ChildProcess[] = [];
const serve = (where: string, port: number): void => {
  const args = ["netns", "exec", where, "busybox", "httpd", "-f", "-p", `${port}`, "-h", folder];
  servers.push(spawn("ip", args, { stdio: "ignore" }));
};
const once = 1;

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const name of ["a", "b", "c", "d", "e", "out", "far", "lan"])
  sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
for (const [card, net, peer] of [
  ["up0", "192.0.2", "out"],
  ["up1", "198.51.100", "far"],
] as const) {
  sh(`ip link add ${card} type veth peer name eth0 netns ${peer} && ip addr add ${net}.1/24 dev ${card}`);
  sh(
    `ip link set ${card} up && ip -n ${peer} addr add ${net}.2/24 dev eth0 && ip -n ${peer} link set eth0 up`,
  );
}
sh("ip -n out addr add 192.0.2.3/24 dev eth0 && ip -n out addr add 192.0.2.4/24 dev eth0");
sh("ip link add sw0 type veth peer name eth0 netns lan && ip -n lan addr add 10.9.0.1/24 dev eth0");
sh("ip -n lan link set eth0 up");
const zone = join(folder, "zone.conf");
const zoneLines = ["no-resolv", "no-hosts", "local=/example.org/", "bind-interfaces"];
zoneLines.push("host-record=web.example.org,192.0.2.3", "listen-address=192.0.2.2");
writeFileSync(zone, `${zoneLines.join("\n")}\n`);
sh(`ip netns exec out dnsmasq --conf-file=${zone} --pid-file=${zone}.pid`);

const rule = (more: Partial<AccessRule> & { readonly ip?: string }): AccessRule => {
  const { ip, ...rest } = more;
  const remotes = ip === undefined ? [] : [{ kind: "subnet" as const, cidr: ip }];
  return { id: 1, name: "", direction: "both", remotes, action: { kind: "allow" }, ...rest };
};
const tcp = (port: number): Partial<AccessRule> => ({
  protocol: 6,
  remotePorts: { first: port, last: port },
});
const map = (nodePort: number, more: Partial<AccessRule> = {}): AccessRule =>
  rule({
    protocol: 6,
    localPorts: { first: nodePort, last: nodePort },
    action: { kind: "map", appPort: 80 },
    ...more,
  });
const drop = { action: { kind: "drop" } } as const;
const nic = (networkId: string, rules: AccessRule[], more: Partial<NicSpec> = {}): NicSpec =>
  ({ ...{ name: `to-${networkId}`, networkId, mac: undefined, rules }, ...more }) as NicSpec;
const local = (id: string, subnet: string, more: Partial<NetworkSpec> = {}): NetworkSpec =>
  ({
    ...{ id, name: id, kind: "local", subnet: `${subnet}.0/24`, gateway: `${subnet}.1`, port: "uplink" },
    ...{ dhcpFirst: `${subnet}.10`, dhcpLast: `${subnet}.19`, dns: ["192.0.2.2"], hosts: [] },
    ...more,
  }) as NetworkSpec;
const port = (name: string, card: string, labels: string[] = [], uplink = true): object => ({
  ...{ name, interface: card, labels, uplink, cost: 0 },
});
const networks = [
  local("one", "10.71.0", { flowLog: true }),
  local("two", "10.72.0", { port: "" }),
  local("far", "10.73.0", { port: "field" }),
  { ...local("sw", ""), kind: "switch", subnet: "", gateway: "", dhcpFirst: "", dhcpLast: "", port: "plant" },
];
const ping = { protocol: 1 } as const;
const lists: Record<string, NicSpec[]> = {
  a: [
    nic(
      "one",
      [
        rule({ ip: "192.0.2.2/32", ...tcp(81), ...drop, direction: "out" }),
        rule({ ip: "192.0.2.2/32", protocol: 6, direction: "out" }),
        rule({ remotes: [{ kind: "domain", name: "example.org" }], ...tcp(80) }),
        rule({ remotes: [{ kind: "network" }], direction: "out" }),
        rule({ ip: "192.0.2.4/32", ...ping, action: { kind: "limit", rate: 1, unit: "hour", burst: 3 } }),
        map(8080),
        map(8081, { adapter: "office" }),
      ],
      { address: "10.71.0.77", mac: "02:00:00:00:00:77" },
    ),
    nic("two", [rule({ ip: "10.72.0.0/24" })]),
  ],
  b: [nic("one", [rule({ ip: "10.71.0.0/24", protocol: 6, direction: "in" })])],
  c: [nic("two", [rule({})])],
  d: [nic("sw", [rule({ ip: "10.9.0.1/32", ...tcp(80), direction: "out" })], { address: "10.9.0.7" })],
  e: [nic("far", [rule({})])],
};
const desired = (): DesiredState =>
  ({
    ...{
      nodeId: "x",
      networks,
      apps: Object.entries(lists).map(([id, nics]) => ({ id, displayName: id, nics })),
    },
    ports: [
      port("eth0", "up0", ["office"]),
      port("eth1", "up1", ["field"]),
      port("eth2", "sw0", ["plant"], false),
    ],
  }) as unknown as DesiredState;

const store = new EngineStore();
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const log = new Log("test", new SystemClock(), silentSink);
const reconciler = new NetworkReconciler({
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", log, machines: undefined, driver },
  clock: new SystemClock(),
});
const flows = new LinuxFlowSource({
  prefix: "sv",
  folder: join(folder, "network"),
  ...{ clock: new SystemClock(), log, lastingEvery: seconds(1) },
});
const book = new FlowBook(store, flows, new SystemClock());
const reconcile = async (): Promise<void> => {
  store.desired.set(desired());
  await reconciler.reconcile(networkKey, new AbortController().signal);
};
const addressOf = (key: string): string => {
  const row = store.nics.get(key);
  assert(row?.phase === "ready", `${key}: ${JSON.stringify(row)}`);
  return row.address.replace(/\/.*/, "");
};

// A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name. Static
// addresses are given first, so app a is the first and d the second.
const taps = { a: ["svt0n0", "svt0n1"], d: ["svt1n0"], b: ["svt2n0"], c: ["svt3n0"], e: ["svt4n0"] };
for (const [app, names] of Object.entries(taps))
  for (const [at, tap] of names.entries()) sh(`ip link add ${tap} type veth peer name eth${at} netns ${app}`);
try {
  await reconcile();
  for (const [app, nics] of Object.entries(lists))
    for (const [at, { name }] of nics.entries()) {
      const row = store.nics.get(`${app}/${name}`);
      assert(row?.phase === "ready", `${app}/${name}: ${JSON.stringify(row)}`);
      const address = row.address || "10.9.0.7/24";
      sh(
        `ip -n ${app} link set eth${at} address ${row.mac} up && ip -n ${app} addr add ${address} dev eth${at}`,
      );
      if (at === 0 && row.gateway) sh(`ip -n ${app} route add default via ${row.gateway}`);
    }
  assert.equal(addressOf("a/to-one"), "10.71.0.77", "an app has the address it asks for");
  for (const [where, at] of [
    ...([80, 81, 82].map((it) => ["out", it]) as [string, number][]),
    ...(["a", "b", "c", "d", "far", "lan"].map((it) => [it, 80]) as [string, number][]),
  ])
    serve(where, at);

  assert(reaches("a", "192.0.2.2", 80), "what a rule allows passes");
  assert(reaches("a", "192.0.2.2", 82));
  assert(!reaches("a", "192.0.2.2", 81, once), "a drop before it wins");
  assert(!reaches("a", "198.51.100.2", 80, once), "what no rule names is dropped");
  assert(!reaches("b", "192.0.2.2", 80, once), "a rule for what comes in lets nothing out");

  assert(
    !reaches("a", "192.0.2.3", 80, once),
    "an address is not known to be the domain's before it was asked for",
  );
  assert.match(sh("ip netns exec a busybox nslookup web.example.org 10.71.0.1"), /192\.0\.2\.3/);
  assert(reaches("a", "192.0.2.3", 80), "the domain is reached once its address is known");
  assert(!reaches("a", "192.0.2.3", 82, once), "by the port the rule has");

  const b = addressOf("b/to-one");
  assert(reaches("a", b, 80), "apps of one network reach each other where both lists say so");
  assert(!reaches("b", "10.71.0.77", 80, once), "and not the other way round");
  const c = addressOf("c/to-two");
  assert(reaches("a", c, 80), "an app with two plugs is in two networks");
  assert(reaches("c", addressOf("a/to-two"), 80));
  assert(
    !works(`ip netns exec c timeout 0.3 busybox ping -c1 192.0.2.2`),
    "a network without a port leads nowhere",
  );
  assert(!works(`ip netns exec c timeout 0.3 busybox ping -c1 ${b}`), "nor to another network");

  const pings = sh("ip netns exec a busybox ping -c8 -i0.1 -W1 192.0.2.4 || true");
  assert.match(pings, /8 packets transmitted, 3 packets received/, "a limit lets its burst through");

  assert(reaches("out", "192.0.2.1", 8080), "a port of the node leads to the app");
  assert(reaches("far", "198.51.100.1", 8080), "from every side");
  assert(reaches("", "192.0.2.1", 8080), "from the node itself");
  assert(reaches("e", "198.51.100.1", 8080), "and from its other apps");
  assert(reaches("out", "192.0.2.1", 8081), "a rule for one port of the node holds there");
  assert(!reaches("far", "198.51.100.1", 8081, once), "and not on another");
  assert(
    !reaches("e", "192.0.2.1", 8081, once),
    "an app whose network has another way out does not reach it",
  );

  assert(works("ip netns exec e busybox ping -c1 -W5 198.51.100.2"), "a network with a port leaves by it");
  assert(!works("ip netns exec e timeout 0.3 busybox ping -c1 192.0.2.2"), "and by no other");

  assert(reaches("d", "10.9.0.1", 80), "on a switch a list allows what it names");
  assert(!works("ip netns exec d timeout 0.3 busybox ping -c1 10.9.0.1"), "and nothing else");
  assert.deepEqual((await driver.seen()).get("svt1n0"), ["10.9.0.7"]);
  await reconcile();
  assert.equal(addressOf("d/to-sw"), "10.9.0.7", "the address that a network gave is seen");
  assert(!reaches("lan", "10.9.0.7", 80, once), "nobody comes in where the list lets only out");

  assert(book.wanted);
  await setTimeout(0);
  const told: FlowReport[] = [];
  const lasts = ["netns", "exec", "a", "busybox", "nc", "192.0.2.2", "80"];
  servers.push(spawn("ip", lasts, { stdio: ["pipe", "ignore", "ignore"] }));
  const open = /:(\d+) +192\.0\.2\.2:80 +ESTABLISHED/;
  let from: string | undefined;
  while (from === undefined) [, from] = open.exec(sh("ip netns exec a busybox netstat -tn")) ?? [];
  const pieces = (): FlowReport["flows"][number][] =>
    told.flatMap((it) => it.flows).filter((it) => it.port === Number(from) && it.remotePort === 80);
  while (pieces().length === 0) {
    await setTimeout(50);
    told.push(...(await book.take()));
  }
  // Ends what would otherwise stay until it times out.
  while (pieces().length < 2) {
    sh("conntrack -D -s 10.71.0.77 || true");
    await setTimeout(50);
    told.push(...(await book.take()));
  }
  const [piece, rest] = pieces();
  assert(
    piece?.accepted && piece.tx.packets > 0n && piece.rule.id !== 0,
    "a connection is told while it lasts",
  );
  assert.equal(rest?.startedAt, piece.endedAt, "and its rest when it ends");
  const rows = told.filter(({ appId }) => appId === ("a" as AppId)).flatMap(({ flows: list }) => list);
  assert(
    rows.some((row) => !row.accepted && row.remote === "192.0.2.2" && row.remotePort === 81),
    "what was denied is told",
  );
  const names = told.flatMap(({ queries }) =>
    queries.map(({ host, addresses }) => `${host} ${addresses.join()}`),
  );
  assert(names.includes("web.example.org 192.0.2.3"), "and what was asked for");

  const before = (await driver.counters()).get("svt0n0");
  assert(
    before !== undefined && before.txDenied > 0n && before.txLimited === 5n,
    JSON.stringify(before, text),
  );
  assert(before.rxBytes > 0n && before.txPackets > 0n);
  lists["a"]?.splice(
    0,
    1,
    nic(
      "one",
      [
        rule({ ip: "192.0.2.2/32", ...tcp(81) }),
        rule({ remotes: [{ kind: "domain", name: "example.org" }] }),
      ],
      { address: "10.71.0.77", mac: "02:00:00:00:00:77" },
    ),
  );
  await reconcile();
  assert(reaches("a", "192.0.2.2", 81), "a list is changed while its app runs");
  assert(!reaches("a", "192.0.2.2", 80, once));
  assert(!reaches("out", "192.0.2.1", 8080, once));
  assert(reaches("a", "192.0.2.3", 82), "what was learned of a domain is kept");
  const after = (await driver.counters()).get("svt0n0");
  assert(after !== undefined && after.txLimited === 5n && after.txDenied > before.txDenied, "counters go on");
} finally {
  flows[Symbol.dispose]();
  for (const server of servers) server.kill();
  await driver.down();
  sh(`kill $(cat ${zone}.pid)`);
}
assert(!works("ip -o link show | grep ' sv'"), "no device is left");
assert(!works("ip rule show | grep svb"), "no rule of routing is left");
assert.equal(sh("nft list ruleset").trim(), "", "no rule is left");
rmSync(folder, { recursive: true });

function text(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
