/** Runs in a network and mount namespace made for it: a switch on the card by which the node speaks itself. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { AccessRule, AppId, DesiredState, PortSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { controllerProbe } from "../src/port/linux/controller-probe.ts";
import { LinuxPortDriver } from "../src/port/linux/linux-port-driver.ts";
import { PortReconciler, portKey } from "../src/port/port-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-shared-"));
const controller = "203.0.113.1";

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const name of ["out", "a", "b", "c"]) sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
sh("ip link add up0 type veth peer name eth0 netns out && ip -n out link set eth0 up");
sh(`ip -n out addr add 192.0.2.1/24 dev eth0 && ip -n out addr add ${controller}/32 dev lo`);
sh("ip -n out addr add 2001:db8:2::1/64 dev eth0 nodad");
const dhcp = ["--conf-file=/dev/null", "--port=0", "--bind-interfaces", "--interface=eth0", "--leasefile-ro"];
const range = "--dhcp-range=192.0.2.50,192.0.2.50,1h";
const outside = [
  spawn("ip", ["netns", "exec", "out", "dnsmasq", "--keep-in-foreground", ...dhcp, range], {
    stdio: "ignore",
  }),
  spawn("ip", ["netns", "exec", "out", "busybox", "httpd", "-f", "-p", `${controller}:80`, "-h", folder]),
];

const wan: PortSpec = {
  ...{ name: "wan", interface: "up0", labels: [], uplink: true, cost: 0 },
  address: { kind: "dhcp", family: "ipv4" },
};
const everything: AccessRule[] = [
  { id: 1, name: "all", direction: "both", remotes: [], action: { kind: "allow" } },
];
const app = (id: string, networkId: string, rules: readonly AccessRule[] = everything) => ({
  ...{ id, displayName: id, nics: [{ name: "eth0", networkId, mac: undefined, rules }] },
});
const wire = {
  id: "w",
  name: "wire",
  kind: "switch",
  port: "wan",
  subnet: "",
  gateway: "",
  dns: [],
  hosts: [],
};
const inside = {
  ...{ id: "n", name: "inside", kind: "local", port: "wan", subnet: "10.77.0.0/24", gateway: "10.77.0.1" },
  ...{ dhcpFirst: "10.77.0.2", dhcpLast: "10.77.0.9", dns: [], hosts: [] },
};
const state = (networks: object[], apps: object[]): DesiredState =>
  ({ nodeId: "x", ports: [wan], networks, apps }) as unknown as DesiredState;

const store = new EngineStore();
const clock = new SystemClock();
const common = { store, disk: new FolderDisk(folder), clock, log: new Log("test", clock, silentSink) };
const cards = new LinuxPortDriver({
  ...{ manages: true, folder: join(folder, "ports"), resolvConf: join(folder, "resolv.conf") },
  probe: controllerProbe(`http://${controller}`, []),
});
const ports = new PortReconciler({
  ...{
    ...common,
    driver: cards,
    settings: { seconds: () => millis(30_000), number: () => 0, isOn: () => true, choice: () => "disabled" },
  },
  credentials: { credential: () => undefined },
  secrets: { openPortSecret: async () => assert.fail("no port has a secret") },
});
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
let running: AppId[] = [];
const networks = new NetworkReconciler({
  ...{ ...common, driver, prefix: "sv", managed: true, machines: { list: async () => running } },
});
const stop = new AbortController().signal;
const pass = async (): Promise<void> => {
  await networks.reconcile(networkKey, stop);
  await ports.reconcile(portKey, stop);
};
const reached = (from: string): boolean => works(`${from} curl -s -m 5 -o /dev/null http://${controller}/`);
const told = () => store.ports.get()?.cards["up0"];

try {
  store.desired.set(state([], []));
  await pass();
  assert.deepEqual(told()?.addresses, ["192.0.2.50/24"]);
  const mac = told()?.mac;
  sh("ip addr add 2001:db8:2::50/64 dev up0 nodad");

  // A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name.
  for (const [at, name] of ["a", "b", "c"].entries())
    sh(`ip link add svt${at}n0 type veth peer name eth0 netns ${name}`);
  store.desired.set(state([wire, inside], [app("a", "w"), app("b", "n"), app("c", "w", [])]));
  running = ["a", "b", "c"] as AppId[];
  await networks.reconcile(networkKey, stop);
  const shown = store.networks.get("w" as never);
  assert(shown?.phase === "ready", JSON.stringify(shown));
  assert.deepEqual([shown.bridge, shown.carries], ["svu0", "up0"]);
  assert(reached(""), "the node goes on speaking at once, before its ports are looked at again");
  assert(works("busybox ping -6 -c1 -W5 2001:db8:2::1"), "by both families");
  await ports.reconcile(portKey, stop);
  assert.deepEqual(told()?.addresses[0], "192.0.2.50/24", "by DHCP, of the same card to those outside");
  assert.match(sh("ip link show svu0"), new RegExp(`${mac}`));
  assert.equal(store.ports.get()?.book.configs[0]?.lastError, "");
  assert.doesNotMatch(sh("ip addr show up0"), /192\.0\.2/);
  assert(reached(""));

  for (const name of ["a", "b", "c"]) {
    const nic = store.nics.get(`${name}/eth0`);
    assert(nic?.phase === "ready", JSON.stringify(nic));
    sh(`ip -n ${name} link set eth0 address ${nic.mac} up`);
    const address = { a: "192.0.2.77/24", c: "192.0.2.78/24" }[name] ?? nic.address;
    const gateway = nic.gateway || "192.0.2.1";
    sh(`ip -n ${name} addr add 2001:db8:${name === "b" ? "b" : "2"}::${name}/64 dev eth0 nodad`);
    sh(`ip -n ${name} addr add ${address} dev eth0 && ip -n ${name} route add default via ${gateway}`);
  }
  assert(reached("ip netns exec a"), "an app on the switch is on the wire as the node is");
  assert(works("ip netns exec out busybox ping -c1 -W5 192.0.2.77"), "and is reached there");
  sh("ip addr add 2001:db8:2::50/64 dev svu0 nodad");
  for (const node of ["192.0.2.50", "2001:db8:2::50"]) {
    const ping = (from: string, seconds: number): string =>
      `timeout ${seconds} ip netns exec ${from} busybox ping -c1 ${node}`;
    assert(works(ping("a", 5)), "it reaches the node as any neighbour does");
    assert(!works(ping("c", 0.3)), "where its list says so");
  }
  assert(reached("ip netns exec b"), "an app behind NAT goes out by the bridge");

  const again = new LinuxPortDriver({
    ...{ manages: true, folder: join(folder, "ports"), resolvConf: join(folder, "resolv.conf") },
    probe: controllerProbe(`http://${controller}`, []),
  });
  assert.deepEqual((await again.look()).get("up0")?.addresses[0], "192.0.2.50/24", "after a start, too");

  store.desired.set(state([], []));
  running = [];
  await networks.reconcile(networkKey, stop);
  assert(reached(""), "without the switch the card speaks for itself, at once");
  await ports.reconcile(portKey, stop);
  assert.match(sh("ip addr show up0"), /192\.0\.2\.50/);
  assert(!works("ip -o link show | grep ' svu'"), "the bridge is gone");
  assert(reached(""));

  const system = new NetworkReconciler({ ...common, driver, prefix: "sv", machines: undefined });
  store.desired.set(state([wire], []));
  await system.reconcile(networkKey, stop);
  const refused = store.networks.get("w" as never);
  assert.match(refused?.phase === "waiting" ? refused.reason : "", /looked after by the box's own system/);
} finally {
  await cards[Symbol.asyncDispose]();
  await driver.down();
  for (const child of outside) child.kill();
}
rmSync(folder, { recursive: true });
