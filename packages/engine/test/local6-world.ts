/**
 * Runs in a network and mount namespace made for it: apps on a network of IPv6 of the node's own, one of them set
 * up by what the node tells it alone, and an outside that knows no way to them; the real driver and kernel.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import type { AccessRule, AppId, DesiredState, NicSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { FlowBook } from "../src/network/flow-book.ts";
import type { FlowReport } from "../src/network/flow-log.ts";
import { LinuxFlowSource } from "../src/network/linux/linux-flow-source.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { neighbourAdvert } from "./neighbour-advert.ts";
import { sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-local6-"));
const children: ChildProcess[] = [];
const run = (where: string, ...args: string[]): void => {
  children.push(spawn("ip", ["netns", "exec", where, ...args], { stdio: "ignore" }));
};
/** A server or a client that is still starting is waited for; what shall not be is given a moment only. */
const comes = (line: string): boolean =>
  works(`for i in $(seq 100); do ${line} && exit 0; sleep 0.1; done; exit 1`);
const reaches = (from: string, address: string, port: number): boolean =>
  comes(`ip netns exec ${from} timeout 5 busybox nc ${address} ${port} </dev/null`);
const isClosed = (from: string, address: string, port: number): boolean =>
  !works(`ip netns exec ${from} timeout 0.3 busybox nc ${address} ${port} </dev/null`);
const isSilent = (from: string, address: string): boolean =>
  !works(`ip netns exec ${from} timeout 0.3 busybox ping -6 -c1 ${address}`);

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && mkdir -p /run/dhcpcd /var/lib/dhcpcd");
sh("mount -t tmpfs none /run/dhcpcd && mount -t tmpfs none /var/lib/dhcpcd && ip link set lo up");
const names = ["a", "b", "c", "out"];
for (const name of names) sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
sh("ip link add up0 type veth peer name eth0 netns out && ip addr add fd00:8::1/64 dev up0 nodad");
sh("ip link set up0 up && ip -n out link set eth0 up");
for (const at of ["2", "3"]) sh(`ip -n out addr add fd00:8::${at}/64 dev eth0 nodad`);
const zone = join(folder, "zone.conf");
const zoneLines = [
  "no-resolv",
  "no-hosts",
  "local=/example.org/",
  "bind-interfaces",
  "listen-address=fd00:8::2",
];
writeFileSync(zone, `${[...zoneLines, "host-record=web.example.org,fd00:8::3"].join("\n")}\n`);
run("out", "dnsmasq", "--keep-in-foreground", `--conf-file=${zone}`, `--pid-file=${zone}.pid`);

const rule = (more: Partial<AccessRule>): AccessRule => ({
  ...{ id: 1, name: "", direction: "both", remotes: [], action: { kind: "allow" }, ...more },
});
const at = (cidr: string): Pick<AccessRule, "remotes"> => ({ remotes: [{ kind: "subnet", cidr }] });
const port = (first: number): Partial<AccessRule> => ({ protocol: 6, remotePorts: { first, last: first } });
const map: AccessRule = rule({
  ...{ protocol: 6, localPorts: { first: 8080, last: 8080 }, action: { kind: "map", appPort: 80 } },
});
const nic = (rules: AccessRule[]): NicSpec[] => [
  { name: "n", networkId: "six" as never, mac: undefined, rules },
];
const lists: Record<string, NicSpec[]> = {
  a: nic([
    rule({ ...at("fd00:8::2/128"), ...port(81), action: { kind: "drop" }, direction: "out" }),
    rule({ ...at("fd00:8::2/128"), direction: "out" }),
    rule({ remotes: [{ kind: "domain", name: "example.org" }], ...port(80) }),
    rule({ remotes: [{ kind: "network" }], direction: "out" }),
    map,
  ]),
  b: nic([rule({ ...at("fd00:66::/64"), protocol: 6, direction: "in" })]),
  c: nic([rule({ ...at("0.0.0.0/0") })]),
};
const store = new EngineStore();
store.desired.set({
  ...{ nodeId: "x", apps: Object.entries(lists).map(([id, nics]) => ({ id, displayName: id, nics })) },
  networks: [
    {
      ...{
        id: "six",
        name: "six",
        kind: "local",
        subnet: "fd00:66::/64",
        gateway: "fd00:66::1",
        port: "uplink",
      },
      ...{ dhcpFirst: "fd00:66::10", dhcpLast: "fd00:66::1f", dns: ["fd00:8::2"], flowLog: true },
      hosts: [{ name: "registry.internal", addresses: ["fd00:66::1"] }],
    },
  ],
  ports: [{ name: "eth0", interface: "up0", labels: ["uplink"], uplink: true, cost: 0 }],
} as unknown as DesiredState);
const clock = new SystemClock();
const network = join(folder, "network");
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: network });
const flows = new LinuxFlowSource({
  ...{ prefix: "sv", folder: network, clock, log: new Log("test", clock, silentSink) },
});
const book = new FlowBook(store, flows, clock);
const reconciler = new NetworkReconciler({
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", driver, clock, machines: undefined },
  log: new Log("test", clock, silentSink),
});
const addressOf = (app: string): string => {
  const row = store.nics.get(`${app}/n`);
  assert(row?.phase === "ready", `${app}: ${JSON.stringify(row)}`);
  return row.address.replace(/\/.*/, "");
};
// A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name.
for (const [index, name] of ["a", "b", "c"].entries())
  sh(`ip link add svt${index}n0 type veth peer name eth0 netns ${name}`);
try {
  await reconciler.reconcile(networkKey, new AbortController().signal);
  assert(book.wanted);
  for (const name of ["a", "b", "c"]) {
    const row = store.nics.get(`${name}/n`);
    assert(row?.phase === "ready" && row.address.endsWith("/128"), JSON.stringify(row));
    sh(`ip -n ${name} link set eth0 address ${row.mac} && ip -n ${name} link set eth0 up`);
    run(name, "busybox", "httpd", "-f", "-p", "[::]:80", "-h", folder);
    if (name === "a") continue;
    // As our own machines set themselves up: an address without neighbours, and a router.
    sh(`ip -n ${name} addr add ${row.address} dev eth0 nodad && ip -n ${name} route add fd00:66::1 dev eth0`);
    sh(`ip -n ${name} route add default via fd00:66::1 dev eth0`);
  }
  const [a, b] = [addressOf("a"), addressOf("b")];
  writeFileSync(join(folder, "dhcpcd.conf"), "slaac hwaddr\nnohook resolv.conf\n");
  run("a", "dhcpcd", "-6", "-B", "-f", join(folder, "dhcpcd.conf"), "eth0");
  assert(comes(`ip -n a -6 addr show dev eth0 | grep -q 'inet6 ${a}/128'`), "an app is given its address");
  assert(comes("ip -n a -6 route show default | grep -q 'via fe80::'"), "and told of its router");
  assert(works("ip -n a -6 route show | grep -qv fd00:66::/64"), "and of no neighbours");

  for (const open of [80, 81]) run("out", "busybox", "httpd", "-f", "-p", `[::]:${open}`, "-h", folder);
  assert(
    reaches("a", "fd00:8::2", 80),
    "what a list allows passes to who knows no way back: by the node's address",
  );
  assert(isClosed("a", "fd00:8::2", 81), "a drop before it wins");
  assert(isClosed("b", "fd00:8::2", 80), "what no rule names is dropped");
  assert(isClosed("c", "fd00:8::2", 80), "nor does one for all of IPv4 name it");
  assert(reaches("a", b, 80), "apps reach each other where both lists say so");
  assert(isClosed("b", a, 80), "and not the other way round");
  assert(isSilent("a", b));
  assert(isSilent("a", "fd00:66::1"), "nobody reaches the node");
  assert(
    isClosed("a", "fd00:8::3", 80),
    "an address is not known to be the domain's before it was asked for",
  );
  const asked = (name: string): string =>
    sh(`ip netns exec a busybox nslookup -type=aaaa ${name} fd00:66::1`);
  assert.match(asked("web.example.org"), /fd00:8::3/);
  assert.match(asked("registry.internal"), /fd00:66::1/, "names of the network's own");
  assert(reaches("a", "fd00:8::3", 80), "the domain is reached once its address is known");

  assert(reaches("out", "fd00:8::1", 8080), "a port of the node leads to the app");
  assert(isClosed("out", "fd00:8::1", 8081), "and no other");
  sh("ip -n out route add fd00:66::/64 via fd00:8::1");
  assert(isSilent("out", a) && isClosed("out", a, 80), "nobody outside reaches an app directly");
  assert(isSilent("out", "fd00:66::1"), "nor the node by the network's address");

  sh("ip -n a addr add fd00:66::99/128 dev eth0 nodad");
  assert(
    !works("ip netns exec a timeout 0.3 busybox ping -6 -c1 -I fd00:66::99 fd00:8::2"),
    "no false address",
  );
  sh("ip -n a addr del fd00:66::99/128 dev eth0");
  const macOf = (address: string): string => sh(`ip -6 neigh show ${address} dev svb0`);
  const before = macOf(b).replace(/ [A-Z]+\s*$/, "");
  assert.match(before, /lladdr/);
  neighbourAdvert("a", a, b);
  assert.equal(macOf(b).replace(/ [A-Z]+\s*$/, ""), before, "no app is believed to be another");
  assert(reaches("a", b, 80));

  const told: FlowReport[] = [];
  const seen = (): FlowReport["flows"] =>
    told.flatMap(({ appId, flows: rows }) => (appId === ("a" as AppId) ? rows : []));
  while (
    !seen().some(({ accepted, remote, rule: by }) => accepted && remote === "fd00:8::2" && by.id === 1)
  ) {
    sh(`conntrack -D -f ipv6 -s ${a} || true`);
    await setTimeout(50);
    assert(reaches("a", "fd00:8::2", 80));
    told.push(...(await book.take()));
  }
  assert(
    seen().some((row) => !row.accepted && row.remote === "fd00:8::2" && row.remotePort === 81),
    "denied flows",
  );
  const hosts = told.flatMap(({ queries }) =>
    queries.map(({ host, addresses }) => `${host} ${addresses.join()}`),
  );
  assert(hosts.includes("web.example.org fd00:8::3"), hosts.join("; "));

  const look = await driver.look();
  await reconciler.reconcile(networkKey, new AbortController().signal);
  assert.equal(await driver.look(), look, "nothing differs, nothing is done");
} finally {
  flows[Symbol.dispose]();
  for (const child of children) child.kill();
  await driver.down();
}
assert(!works("ip -o link show | grep ' sv'"), "no device is left");
assert(!works("ip -6 rule show | grep svb"), "no rule of routing is left");
assert.equal(sh("nft list ruleset").trim(), "", "no rule is left");
rmSync(folder, { recursive: true });
