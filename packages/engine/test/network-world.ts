/** Runs in a network and mount namespace made for it: two apps and an outside, joined by the real driver. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import type { AccessRule, AppId, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-network-"));

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const name of ["a", "b", "out"]) sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
sh(
  "ip link add up0 type veth peer name eth0 netns out && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up",
);
sh("ip -n out addr add 192.0.2.2/24 dev eth0 && ip -n out link set eth0 up");

const store = new EngineStore();
/** What a Pod gets: everything out, nothing in but by a port of the node. */
const podRules = (nodePort: number): AccessRule[] => [
  { id: 1, name: "out", direction: "out", remotes: [], action: { kind: "allow" } },
  {
    ...{ id: 2, name: "in", direction: "both", remotes: [], protocol: 6 },
    ...{ localPorts: { first: nodePort, last: nodePort }, action: { kind: "map", appPort: 80 } },
  },
];
const app = (id: string, nodePort: number) => ({
  id,
  displayName: id,
  nics: [{ name: "eth0", networkId: "n", mac: undefined, rules: podRules(nodePort) }],
});
const network = {
  id: "n",
  name: "default",
  kind: "local",
  subnet: "10.77.0.0/24",
  gateway: "10.77.0.1",
  dhcpFirst: "10.77.0.2",
  dhcpLast: "10.77.0.9",
  dns: ["192.0.2.2"],
  hosts: [{ name: "registry.internal", addresses: ["10.77.0.1"] }],
};
const desired = { nodeId: "x", apps: [app("a", 8080), app("b", 8081), app("c", 8080)], networks: [network] };
store.desired.set(desired as unknown as DesiredState);

// A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name.
for (const [index, name] of ["a", "b"].entries())
  sh(`ip link add svt${index}n0 type veth peer name eth0 netns ${name}`);

const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const log = new Log("test", new SystemClock(), silentSink);
/** Machines that run, as the hypervisor would say. */
let running: AppId[] = [];
const parts = {
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", log, clock: new SystemClock() },
  machines: { list: async () => running },
};
const reconciler = new NetworkReconciler({ ...parts, driver });
const stop = new AbortController().signal;
try {
  await reconciler.reconcile(networkKey, stop);
  for (const name of ["a", "b"]) {
    const nic = store.nics.get(`${name}/eth0`);
    assert(nic?.phase === "ready", JSON.stringify(nic));
    sh(`ip -n ${name} link set eth0 address ${nic.mac} up`);
    const lease = sh(`ip netns exec ${name} busybox udhcpc -i eth0 -q -f -n -t 20 -T 1 -s /bin/true 2>&1`);
    assert.match(lease, new RegExp(`lease of ${nic.address.split("/")[0]} obtained`));
    sh(
      `ip -n ${name} addr add ${nic.address} dev eth0 && ip -n ${name} route add default via ${nic.gateway}`,
    );
    spawn("ip", ["netns", "exec", name, "busybox", "httpd", "-f", "-p", "80", "-h", folder], {
      stdio: "ignore",
    }).unref();
  }
  const c = store.nics.get("c/eth0");
  assert.equal(c?.phase === "waiting" && c.reason, "port 8080/tcp of the node is used by a");

  const dns = "ip netns exec a busybox nslookup registry.internal 10.77.0.1";
  assert.match(sh(dns), /Address.*10\.77\.0\.1\b/);
  assert(works("ip netns exec a busybox ping -c1 -W5 192.0.2.2"), "an app reaches the outside through NAT");
  assert(!works("ip netns exec a busybox ping -c1 -W1 10.77.0.3"), "an app must not reach another");
  assert(!works("ip netns exec a busybox ping -c1 -W1 10.77.0.1"), "an app must not reach the node");
  const ask = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 192.0.2.1 8081";
  const answer = spawnSync("ip", ["netns", "exec", "out", "sh", "-c", ask]);
  assert.match(answer.stdout.toString(), /404 Not Found/, "a declared port leads to the app");
  assert(
    !works("ip netns exec out busybox nc -w 1 192.0.2.1 8099 </dev/null"),
    "no other port leads anywhere",
  );
  sh("ip -n out route add 10.77.0.0/24 via 192.0.2.1");
  assert(
    !works("ip netns exec out busybox ping -c1 -W1 10.77.0.2"),
    "nobody outside reaches an app directly",
  );

  sh("ip -n a addr add 10.77.0.200/24 dev eth0");
  assert(
    !works("ip netns exec a busybox ping -c1 -W1 -I 10.77.0.200 192.0.2.2"),
    "a false address is dropped",
  );

  // Rules are made anew under new handles.
  const handles = "nft -a list table inet sv_node | grep -o 'handle.*'";
  const state = (): string =>
    sh(
      `ip -o link show | grep -o ' sv[^@:]*'; pgrep -f [c]onf-file=${folder}; ${handles} 2>/dev/null || true`,
    );
  const calm = [state(), await driver.look()];
  await reconciler.reconcile(networkKey, stop);
  assert.deepEqual([state(), await driver.look()], calm, "nothing differs, nothing is done");
  const [pidFile, cmdline] = [`${folder}/network/svb0.pid`, "/proc/$pid/cmdline"];
  sh(`pid=$(cat ${pidFile}); kill -9 $pid; while grep -qa svb0 ${cmdline} 2>/dev/null; do sleep 0.01; done`);
  await reconciler.reconcile(networkKey, stop);
  assert.match(sh(dns), /Address.*10\.77\.0\.1\b/, "a resolver that died is back with the next look");
  sh("nft flush ruleset");
  await reconciler.reconcile(networkKey, stop);
  assert(works("ip netns exec a busybox ping -c1 -W5 192.0.2.2"), "and so are rules that were flushed");

  sh("ip link set up0 mtu 1300");
  const small = "tcp flags syn tcp option maxseg size 1260 counter name small;";
  const counts = `chain c { type filter hook input priority 0; ${small} };`;
  sh(`ip netns exec out nft 'table inet m { counter small { }; ${counts} }'`);
  const fits = (count: number): boolean =>
    works(`ip netns exec out nft list counter inet m small | grep -q 'packets ${count} '`);
  const connect = "ip netns exec a busybox nc -w 1 192.0.2.2 9 </dev/null";
  works(connect);
  assert(fits(1), "TCP of apps is held to segments that fit the way");
  const loose = new Map([["app.enable.tcp.mss.clamping", "false"]]);
  store.desired.set({ ...desired, settings: loose } as unknown as DesiredState);
  await reconciler.reconcile(networkKey, stop);
  works(connect);
  assert(fits(1), "unless the configuration says that it is not");
  store.desired.set(desired as unknown as DesiredState);
  await reconciler.reconcile(networkKey, stop);

  const before = state();
  const again = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
  await new NetworkReconciler({ ...parts, driver: again }).reconcile(networkKey, stop);
  assert.equal(state(), before, "an engine that starts again changes nothing");

  rmSync(join(folder, "network"), { recursive: true });
  const strangers = join(folder, "others.conf");
  writeFileSync(strangers, "port=0\nlisten-address=127.0.0.1\nbind-interfaces\n");
  sh(`dnsmasq --conf-file=${strangers} --pid-file=${strangers}.pid`);
  await new NetworkReconciler({ ...parts, driver: again }).reconcile(networkKey, stop);
  assert.match(sh(dns), /Address.*10\.77\.0\.1\b/, "without its folder the resolver is found and replaced");
  assert.equal(sh(`pgrep -c -f [c]onf-file=${folder}/network/svb0.conf`).trim(), "1", "there is one of it");
  sh(`kill $(cat ${strangers}.pid)`);

  running = ["a" as AppId];
  store.desired.set({ ...desired, apps: [], networks: [] } as unknown as DesiredState);
  await new NetworkReconciler({ ...parts, driver: again }).reconcile(networkKey, stop);
  assert.match(state(), /svt0n0/, "a machine that still runs keeps its plug, and its network with it");
  assert.doesNotMatch(state(), /svt1n0/);
  assert(works("ip netns exec a busybox ping -c1 -W5 192.0.2.2"), "and the outside");
  running = [];
  await new NetworkReconciler({ ...parts, driver: again }).reconcile(networkKey, stop);
  assert(!works("ip -o link show | grep ' sv'"), "once it is gone, its plug goes too");
  assert(!works(`pgrep -f [c]onf-file=${folder}`), "and the resolver");
} finally {
  await driver.down();
  for (const name of ["a", "b"]) sh(`kill $(ip netns pids ${name}) 2>/dev/null; true`);
}
assert(!works("ip -o link show | grep ' sv'"), "no device is left");
assert.equal(sh("nft list ruleset").trim(), "", "no rule is left");
assert(!works(`pgrep -f [c]onf-file=${folder}`), "no resolver is left");
rmSync(folder, { recursive: true });
