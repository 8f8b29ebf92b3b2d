/** Runs in a network and mount namespace made for it: a node with two uplinks, each with a way to a controller. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { DesiredState, PortAddress, PortSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { controllerProbe } from "../src/port/linux/controller-probe.ts";
import { LinuxPortDriver } from "../src/port/linux/linux-port-driver.ts";
import { PortReconciler, portKey } from "../src/port/port-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-ports-"));
const resolvConf = join(folder, "resolv.conf");
const ends: (() => void)[] = [];
const controller = "203.0.113.1";
const serve = (where: string, at = controller): ChildProcess => {
  const args = ["netns", "exec", where, "busybox", "httpd", "-f", "-p", `${at}:80`, "-h", folder];
  const child = spawn("ip", args, { stdio: "ignore" });
  ends.push(() => child.kill());
  return child;
};
/** From the node's own namespace, without holding this process up. */
const reaches = (from: string): Promise<boolean> =>
  new Promise((resolve) => {
    const ask = `curl -s -m 1 --interface ${from} -o /dev/null http://${controller}/`;
    const line = `for i in $(seq 50); do ${ask} && exit 0; sleep 0.1; done; exit 1`;
    execFile("sh", ["-c", line], (error) => resolve(error === null));
  });

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const [at, name] of ["r0", "r1"].entries()) {
  sh(
    `ip netns add ${name} && ip -n ${name} link set lo up && ip -n ${name} addr add ${controller}/32 dev lo`,
  );
  sh(`ip link add up${at} type veth peer name eth0 netns ${name}`);
  sh(`ip -n ${name} addr add 192.0.${2 + at}.1/24 dev eth0`);
  sh(`ip -n ${name} link set eth0 up`);
}
const dhcp = join(folder, "dhcp.conf");
const lines = [
  "port=0",
  "bind-interfaces",
  "interface=eth0",
  "dhcp-range=192.0.2.50,192.0.2.50,1h",
  "leasefile-ro",
  "no-ping",
];
const servers = [
  ...["dhcp-option=option:dns-server,192.0.2.54", "dhcp-vendorclass=set:known,udhcp"],
  "dhcp-option=tag:known,option:dns-server,192.0.2.53",
];
writeFileSync(dhcp, `${[...lines, ...servers].join("\n")}\n`);
sh(`ip netns exec r0 dnsmasq --conf-file=${dhcp} --pid-file=${dhcp}.pid`);
ends.push(() => sh(`kill $(cat ${dhcp}.pid)`));
let first = serve("r0");
serve("r1");
// A third wire knows IPv6 alone; its router tells of itself, by the one address it has there, and of a name server.
const controller6 = "2001:db8:ffff::1";
sh("ip netns add r2 && ip -n r2 link set lo up && ip link add up2 type veth peer name eth0 netns r2");
sh(`ip -n r2 addr add ${controller6}/128 dev lo && ip -n r2 link set eth0 addrgenmode none up`);
sh("ip -n r2 addr add 2001:db8:2::1/64 dev eth0 nodad && ip -n r2 addr add fe80::1/64 dev eth0 nodad");
const router = join(folder, "router.conf");
const advertised = [
  "enable-ra",
  "dhcp-range=2001:db8:2::,ra-stateless,64",
  "dhcp-option=option6:dns-server,[2001:db8::53]",
];
writeFileSync(router, `${[...lines.slice(0, 3), "leasefile-ro", ...advertised].join("\n")}\n`);
sh(`ip netns exec r2 dnsmasq --conf-file=${router} --pid-file=${router}.pid`);
ends.push(() => sh(`kill $(cat ${router}.pid)`));
serve("r2", `[${controller6}]`);
const hosts = join(folder, "hosts");
writeFileSync(hosts, `${controller} controller\n${controller6} controller\n`);
sh(`mount --bind ${hosts} /etc/hosts`);

const wan: PortSpec = {
  name: "wan",
  interface: "up0",
  labels: [],
  uplink: true,
  cost: 0,
  address: { kind: "dhcp", family: "ipv4" },
};
const fixed = (gateway: string): PortAddress => ({
  ...{ kind: "static", address: "192.0.3.9/24", gateway, dns: ["192.0.3.53"], domain: "", ntp: [] },
});
const spare: PortSpec = { ...wan, name: "spare", interface: "up1", cost: 10, address: fixed("192.0.3.1") };

/** Whether whoever asks for an address says what he is. */
let saysVendor = true;
const store = new EngineStore();
const clock = new SystemClock();
const driver = new LinuxPortDriver({
  ...{
    manages: true,
    folder: join(folder, "ports"),
    resolvConf,
    probe: controllerProbe("http://controller", []),
  },
});
const parts = {
  ...{ store, disk: new FolderDisk(folder), driver, clock, log: new Log("test", clock, silentSink) },
  secrets: { openPortSecret: async () => assert.fail("no port has a secret") },
  // Everything is looked at each time it is asked for; a test of a configuration has its time.
  credentials: { credential: () => undefined },
  settings: {
    number: () => 0,
    isOn: () => saysVendor,
    choice: () => "disabled",
    seconds: (key: string) =>
      millis(key === "timer.port.testduration" ? 20_000 : key === "timer.port.testinterval" ? 1 : 0),
  },
};
const reconciler = new PortReconciler(parts);
const step = async (ports: readonly PortSpec[], steps = 1): Promise<void> => {
  store.desired.set({ ports } as unknown as DesiredState);
  for (let at = 0; at < steps; at++) await reconciler.reconcile(portKey, new AbortController().signal);
};
const out = (): string => sh(`ip -j route get ${controller}`).match(/"dev":"(\w+)"/)?.[1] ?? "";
const book = () => store.ports.get()?.book ?? assert.fail("nothing is known of the ports");

try {
  sh("ip link set up1 up");
  // Nobody gives addresses on this wire: what the fitter brought leads to the controller, which has said nothing yet.
  const given = { ...parts, disk: new FolderDisk(join(folder, "given")), bootstrap: { ports: [spare] } };
  await new PortReconciler(given).reconcile(portKey, new AbortController().signal);
  assert.deepEqual([book().configs[0]?.bootstrap, book().configs[0]?.lastError, out()], [true, "", "up1"]);

  await step([wan, spare]);
  assert.equal(book().configs[0]?.lastError, "");
  assert.deepEqual(store.ports.get()?.cards["up0"]?.addresses, ["192.0.2.50/24"], "by DHCP");
  assert.deepEqual(store.ports.get()?.cards["up1"]?.addresses, ["192.0.3.9/24"], "as configured");
  assert.equal(out(), "up0", "the cheapest is used");
  assert.equal(sh(`cat ${resolvConf}`), "nameserver 192.0.2.53\nnameserver 192.0.3.53\n");
  assert(await reaches("192.0.3.9"), "what comes from an address leaves by its card");

  saysVendor = false;
  await step([wan, spare]);
  assert.equal(store.ports.get()?.cards["up0"]?.dns.join(), "192.0.2.54", "who does not say what he is");
  saysVendor = true;
  await step([wan, spare]);
  assert.equal(store.ports.get()?.cards["up0"]?.dns.join(), "192.0.2.53");

  first.kill();
  await new Promise((resolve) => first.once("exit", resolve));
  await step([wan, spare]);
  assert.deepEqual(store.ports.get()?.failed, ["wan"]);
  assert.equal(out(), "up1", "what leads nowhere is used last");
  assert.equal(book().current, 0, "one uplink that works is enough");
  first = serve("r0");
  assert(await reaches("192.0.2.50"));
  await step([wan, spare]);
  assert.deepEqual([store.ports.get()?.failed, out()], [[], "up0"], "and first again once it leads there");

  const broken = [{ ...spare, address: fixed("192.0.3.77") }];
  await step(broken);
  const [tried, good] = book().configs;
  assert.match(tried?.lastError ?? "", /^spare: /, "a configuration that leads nowhere is not believed");
  assert.deepEqual([book().current, good?.lastError], [1, ""]);
  assert.equal(out(), "up0", "the one before is in force again");
  assert(await reaches("192.0.2.50"));

  const again = new PortReconciler(parts);
  await again.load();
  await again.reconcile(portKey, new AbortController().signal);
  assert.deepEqual([book().current, book().configs.length], [1, 2], "an engine that starts again knows");

  await step([{ ...wan, cost: 20 }, spare]);
  assert.equal(book().current, 0);
  assert.equal(out(), "up1", "a new one that leads there is believed");
  await step([spare]);
  assert.deepEqual(store.ports.get()?.cards["up0"]?.addresses, [], "a card without a port is quiet");

  const six: PortSpec = { ...wan, name: "six", interface: "up2", address: { kind: "dhcp" } };
  await step([six]);
  assert.deepEqual([book().current, book().configs[0]?.lastError], [0, ""], "one family is enough");
  const told = store.ports.get()?.cards["up2"];
  assert.match(told?.addresses.join() ?? "", /^2001:db8:2:[\da-f:]+\/64$/, "of the card's own making");
  assert.deepEqual([told?.gateways, told?.dns], [["fe80::1"], ["2001:db8::53"]]);
  assert.equal(sh(`cat ${resolvConf}`), "nameserver 2001:db8::53\n");
  assert.match(sh(`ip -6 route get ${controller6}`), /via fe80::1 dev up2/);

  const address: PortAddress = {
    ...{ kind: "static", address: "2001:db8:2::77/64", gateway: "fe80::1", dns: [], domain: "", ntp: [] },
  };
  await step([{ ...six, address }]);
  assert.deepEqual([book().current, book().configs[0]?.lastError], [0, ""]);
  assert.deepEqual(store.ports.get()?.cards["up2"]?.addresses, ["2001:db8:2::77/64"], "and as configured");
} finally {
  await driver[Symbol.asyncDispose]();
  for (const end of ends) end();
}
rmSync(folder, { recursive: true });
