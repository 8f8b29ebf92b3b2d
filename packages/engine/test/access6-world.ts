/**
 * Runs in a network and mount namespace made for it: what apps can say by IPv6, in frames with tags, and by what
 * a switch lets everybody say, through the real driver and the real kernel.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import type { AccessRule, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { reaches, sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-access6-"));
const servers: ChildProcess[] = [];
const pings = (from: string, address: string): boolean =>
  works(`ip netns exec ${from} busybox ping -6 -c1 -W5 ${address}`);
/** What shall not be is given a moment only, since no answer is what is waited for. */
const isSilent = (from: string, address: string): boolean =>
  !works(`ip netns exec ${from} timeout 0.3 busybox ping -6 -c1 ${address}`);
const once = 1;
/** A datagram of IPv6 in a frame of VLAN 5 to everybody, by a socket that takes frames as they are. */
const sendTagged = (from: string): void => {
  const head = "ffffffffffff 020000000001 8100 0005 86dd 6000 0000 0008 11 40";
  const frame = `${head} ${"fd0000090000000000000000000000ff".repeat(2)} 1000 1000 0008 0000`;
  const index = Number(sh(`ip netns exec ${from} cat /sys/class/net/eth0/ifindex`));
  const lines = [
    "socket(my $s, 17, 3, 0x0300) or die $!",
    `my $to = pack('SnlSCCa8', 17, 0x86dd, ${index}, 1, 0, 6, '')`,
    `send($s, pack('H*', '${frame.replaceAll(" ", "")}'), 0, $to) or die $!`,
  ];
  execFileSync("ip", ["netns", "exec", from, "perl", "-e", lines.join("; ")]);
};

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
const names = ["a", "b", "c", "d", "l", "m", "lan", "out"];
for (const name of names) sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
sh("ip link add sw0 type veth peer name eth0 netns lan && ip -n lan addr add fd00:9::1/64 dev eth0 nodad");
sh("ip link add up0 type veth peer name eth0 netns out && ip -n out addr add fd00:8::2/64 dev eth0 nodad");
for (const name of ["lan", "out"]) sh(`ip -n ${name} link set eth0 up`);
// A node that would route whatever it is given, with a way out by IPv6.
sh("ip addr add fd00:8::1/64 dev up0 nodad && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up");
sh("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");

const rule = (more: Partial<AccessRule>): AccessRule => ({
  ...{ id: 1, name: "", direction: "both", remotes: [], action: { kind: "allow" }, ...more },
});
const everything = [rule({})];
const web = rule({
  remotes: [{ kind: "subnet", cidr: "fd00:9::/64" }],
  ...{ protocol: 6, remotePorts: { first: 80, last: 80 }, direction: "out" },
});
const every4 = rule({ remotes: [{ kind: "subnet", cidr: "0.0.0.0/0" }] });
const app = (id: string, networkId: string, rules: AccessRule[]) => ({
  ...{ id, displayName: id, nics: [{ name: "n", networkId, mac: undefined, rules }] },
});
const plant = { id: "sw", name: "sw", kind: "switch", port: "plant", subnet: "", gateway: "" };
const inside = { id: "one", name: "one", kind: "local", subnet: "10.71.0.0/24", gateway: "10.71.0.1" };
const store = new EngineStore();
store.desired.set({
  nodeId: "x",
  apps: [
    ...[app("a", "sw", [every4]), app("b", "sw", []), app("c", "sw", [web]), app("d", "sw", everything)],
    ...[app("l", "one", everything), app("m", "one", everything)],
  ],
  networks: [
    { ...plant, dns: [], hosts: [] },
    { ...inside, dhcpFirst: "10.71.0.10", dhcpLast: "10.71.0.19", dns: [], hosts: [], port: "uplink" },
  ],
  ports: [
    { name: "uplink", interface: "up0", labels: [], uplink: true, cost: 0 },
    { name: "plant", interface: "sw0", labels: [], uplink: false, cost: 0 },
  ],
} as unknown as DesiredState);

const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const clock = new SystemClock();
const reconciler = new NetworkReconciler({
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", driver, clock, machines: undefined },
  log: new Log("test", clock, silentSink),
});
const apps = ["a", "b", "c", "d", "l", "m"];
// A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name.
for (const [at, name] of apps.entries()) sh(`ip link add svt${at}n0 type veth peer name eth0 netns ${name}`);
try {
  await reconciler.reconcile(networkKey, new AbortController().signal);
  for (const [at, name] of apps.entries()) {
    const row = store.nics.get(`${name}/n`);
    assert(row?.phase === "ready" && row.tap === `svt${at}n0`, `${name}: ${JSON.stringify(row)}`);
    sh(`ip -n ${name} link set eth0 address ${row.mac} up`);
    const net = at < 4 ? "fd00:9::" : "fd00:71::";
    sh(`ip -n ${name} addr add ${net}${name === "l" || name === "m" ? `1${at}` : name}/64 dev eth0 nodad`);
    if (row.address !== "") sh(`ip -n ${name} addr add ${row.address} dev eth0`);
  }
  for (const [where, port] of [
    ...([80, 81, 53].map((it) => ["lan", it]) as [string, number][]),
    ...(["a", "b", "d", "m"].map((it) => [it, 80]) as [string, number][]),
    ["b", 53] as const,
  ])
    servers.push(
      spawn("ip", ["netns", "exec", where, "busybox", "httpd", "-f", "-p", `[::]:${port}`, "-h", folder]),
    );

  assert(reaches("c", "fd00:9::1", 80), "an entry for a network of IPv6 lets through what it names");
  assert(!reaches("c", "fd00:9::1", 81, once), "and nothing else");
  assert(isSilent("c", "fd00:9::1"), "neither a ping");
  assert(!reaches("lan", "fd00:9::a", 80, once), "nor by an entry for all of IPv4");
  assert(!reaches("a", "fd00:9::1", 80, once));
  assert(isSilent("a", "fd00:9::1"));
  assert(isSilent("lan", "fd00:9::b"), "an empty list is closed to both families");
  assert(isSilent("c", "fd00:9::b"), "also between two apps");
  assert(!reaches("c", "fd00:9::b", 80, once), "where only one of the lists allows it");
  assert(reaches("d", "fd00:9::1", 80), "a list that names nothing lets pass everything");
  assert(reaches("lan", "fd00:9::d", 80));
  assert(pings("d", "fd00:9::1"));
  assert(reaches("b", "fd00:9::1", 53), "who may do nothing can ask for names");
  assert(!reaches("a", "fd00:9::b", 53, once), "but not another app by the same port");
  assert(!works("ip netns exec a timeout 0.3 busybox nc -p 53 fd00:9::b 53 </dev/null"), "nor from it");

  const denied = async (at: number): Promise<bigint> => {
    const counted = (await driver.counters()).get(`svt${at}n0`);
    assert(counted !== undefined);
    return counted.txDenied;
  };
  for (const [name, at, frames] of [
    ["a", 0, 4n],
    ["b", 1, 4n],
    ["d", 3, 0n],
  ] as const) {
    const before = await denied(at);
    sendTagged(name);
    // It is for everybody, so it is judged for each of the other ends.
    assert.equal((await denied(at)) - before, frames, `${name}: a tag passes where everything does, only`);
  }

  assert(isSilent("l", "fd00:71::15"), "a network of IPv4 carries nothing of IPv6 between its apps");
  assert(!reaches("l", "fd00:71::15", 80, once));
  const bridge = sh("ip -o link show type bridge | grep -o 'svb[0-9]*' | sort -u").trim().split("\n");
  sh("ip -n l route add default dev eth0");
  assert(isSilent("l", "fd00:8::2"), "nor out");
  assert(isSilent("l", "fd00:8::1"), "nor to the node");
  for (const name of bridge)
    assert.equal(sh(`ip -6 -o addr show dev ${name}`), "", "no bridge has an address");
} finally {
  for (const server of servers) server.kill();
  await driver.down();
}
assert.equal(sh("nft list ruleset").trim(), "", "no rule is left");
rmSync(folder, { recursive: true });
