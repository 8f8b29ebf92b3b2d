/**
 * Runs in a network and mount namespace made for it: a network with two ways to one server, each by a router of
 * its own that can be cut. Time is told, not waited for.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { AppId, DesiredState, PortSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { LinuxWayDriver } from "../src/network/linux/linux-way-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { WayReconciler, waysKey } from "../src/network/way/way-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-ways-"));
const server = "203.0.113.1";
const ends: (() => void)[] = [];

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const [at, name] of ["r0", "r1"].entries()) {
  sh(`ip netns add ${name} && ip -n ${name} link set lo up && ip -n ${name} addr add ${server}/32 dev lo`);
  sh(`ip link add up${at} type veth peer name eth0 netns ${name}`);
  sh(`ip -n ${name} addr add 192.0.${2 + at}.1/24 dev eth0 && ip -n ${name} link set eth0 up`);
  sh(`ip addr add 192.0.${2 + at}.9/24 dev up${at} && ip link set up${at} up`);
  sh(`ip route add default via 192.0.${2 + at}.1 dev up${at} metric ${100 + at}`);
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "who"), name);
  const serve = ["busybox", "httpd", "-f", "-p", `${server}:80`, "-h", join(folder, name)];
  const child = spawn("ip", ["netns", "exec", name, ...serve], { stdio: "ignore" });
  ends.push(() => child.kill());
}
sh("ip netns add a && ip -n a link set lo up && ip link add svt0n0 type veth peer name eth0 netns a");

const wan: PortSpec = { name: "wan", interface: "up0", labels: ["out"], uplink: true, cost: 0 };
const spare: PortSpec = { ...wan, name: "spare", interface: "up1", cost: 10 };
const choice = { gatewayMaxCost: 0, remote: { method: "tcp", host: server, port: 80 }, cheapest: true };
const network = {
  ...{ id: "n", name: "inside", kind: "local", port: "out", subnet: "10.77.0.0/24", gateway: "10.77.0.1" },
  ...{ dhcpFirst: "10.77.0.2", dhcpLast: "10.77.0.9", dns: [], hosts: [] },
  routes: [{ destination: "0.0.0.0/0", gateway: "", port: "out", choice }],
};
const rules = [
  { id: 1, name: "all", direction: "both", remotes: [], action: { kind: "allow" } },
  {
    ...{ id: 2, name: "in", direction: "both", remotes: [], protocol: 6 },
    ...{ localPorts: { first: 8080, last: 8080 }, action: { kind: "map", appPort: 80 } },
  },
];
const app = { id: "a", displayName: "a", nics: [{ name: "eth0", networkId: "n", mac: undefined, rules }] };

const store = new EngineStore();
store.desired.set({
  ...{ nodeId: "x", ports: [spare, wan], networks: [network], apps: [app] },
} as unknown as DesiredState);
let now = 0;
const clock = Object.assign(new SystemClock(), { monotonic: () => millis(now) });
const log = new Log("test", clock, silentSink);
const common = { store, disk: new FolderDisk(folder), clock, log };
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const networks = new NetworkReconciler({
  ...{ ...common, driver, prefix: "sv", machines: { list: async () => ["a"] as unknown as AppId[] } },
});
const way = (): WayReconciler =>
  new WayReconciler({
    ...{ ...common, driver: new LinuxWayDriver() },
    controller: { method: "tcp", host: server, port: 80 },
  });
const ways = way();
const stop = new AbortController().signal;
const row = () => store.ways.entries()[0]?.[1] ?? assert.fail("nothing is known of the way");
const told = (name: string) => row().ports.find((port) => port.name === name) ?? assert.fail(name);
/** Rounds, some seconds after one another; the port that is in use after each. */
const rounds = async (count: number, seconds: number): Promise<string[]> => {
  const used: string[] = [];
  for (let at = 0; at < count; at++) {
    now += seconds * 1000;
    await ways.reconcile(waysKey, stop);
    used.push(row().port);
  }
  await networks.reconcile(networkKey, stop);
  return used;
};
/** Which router led the app to the server. */
const ledBy = (): string => sh(`ip netns exec a curl -s -m 5 http://${server}/who`);
const flowsAs = (address: string): number =>
  sh(`conntrack -L -s 10.77.0.0/24 -q ${address} 2>/dev/null`).trim().split("\n").filter(Boolean).length;

try {
  assert.deepEqual(await rounds(1, 0), ["wan"], "the cheapest of those that work");
  const nic = store.nics.get("a/eth0");
  assert(nic?.phase === "ready", JSON.stringify(nic));
  sh(`ip -n a link set eth0 address ${nic.mac} up && ip -n a addr add ${nic.address} dev eth0`);
  sh(`ip -n a route add default via ${nic.gateway}`);
  assert.equal(ledBy(), "r0");
  // Both routers hold the server's address: an answer that leaves by the wrong card is nobody's.
  const asks = (router: string, card: string): boolean =>
    works(`ip netns exec ${router} curl -s -m 2 --interface ${server} http://${card}:8080/who`);
  mkdirSync(join(folder, "a"));
  writeFileSync(join(folder, "a", "who"), "a");
  const answering = ["netns", "exec", "a", "busybox", "httpd", "-f", "-p", "80", "-h", join(folder, "a")];
  const app80 = spawn("ip", answering, { stdio: "ignore" });
  ends.push(() => app80.kill());
  assert(
    works("for i in $(seq 50); do ip netns exec a busybox nc -w 1 127.0.0.1 80 </dev/null && exit 0; done"),
  );
  assert(asks("r0", "192.0.2.9"), "an app answers by the card it was asked at");
  assert(asks("r1", "192.0.3.9"), "though its own way is another");
  assert.equal(told("wan").gateway?.up, true, "its gateway answers");
  assert.equal(told("spare").gateway, undefined, "who costs more is not asked");
  assert.equal(told("spare").remote?.up, true, "by its own card, though the node's table prefers the other");
  assert.doesNotMatch(sh("ip rule"), /7650/, "the question's way is gone with the question");

  sh("ip netns exec r0 nft 'table ip cut { chain in { type filter hook input priority 0; }; }'");
  sh("ip netns exec r0 nft add rule ip cut in tcp dport 80 reject with tcp reset");
  assert.deepEqual(await rounds(1, 150), ["wan"], "one failure is no reason");
  assert.deepEqual(await rounds(4, 15), ["wan", "wan", "wan", "spare"], "five are, within a minute");
  const shown = store.networks.get("n" as never);
  assert(shown?.phase === "ready");
  const left = { destination: "0.0.0.0/0", gateway: "192.0.3.1", port: "spare" };
  assert.deepEqual(shown.ways, [left], "and the network tells so");
  assert.equal(flowsAs("192.0.2.9"), 0, "what the app had open by the other card is forgotten");
  assert.equal(ledBy(), "r1");
  assert.equal(flowsAs("192.0.3.9"), 1, "what it opens now has the new card's address");
  const again = way();
  await again.reconcile(waysKey, stop);
  assert.equal(row().port, "spare", "an engine that starts again stays with it");

  sh("ip netns exec r0 nft delete table ip cut");
  await ways.reconcile(waysKey, stop);
  assert.deepEqual(await rounds(1, 150), ["spare"]);
  assert.deepEqual(
    await rounds(3, 15),
    ["spare", "spare", "wan"],
    "who answers again is believed in the end",
  );
  assert.equal(ledBy(), "r0");
  assert.equal(flowsAs("192.0.3.9"), 0);

  sh("ip netns exec r0 nft 'table ip cut { chain in { type filter hook input priority 0; }; }'");
  sh("ip netns exec r0 nft add rule ip cut in icmp type echo-request drop");
  assert.deepEqual(await rounds(1, 15), ["wan"]);
  assert.deepEqual(
    [told("wan").gateway?.silent, told("wan").remote?.up],
    [1, true],
    "a gateway may be silent",
  );
  sh("ip -n r0 link set eth0 down");
  assert.deepEqual(await rounds(1, 1), ["spare"], "a cable that is pulled is believed at once");
  assert.equal(ledBy(), "r1");
} finally {
  await driver.down();
  for (const end of ends) end();
}
assert.doesNotMatch(sh("ip rule"), /77\d\d/, "no rule is left");
assert(!works("ip -o link show | grep ' sv'"), "no device is left");
rmSync(folder, { recursive: true });
