/** Runs in a box of its own, whose kernel knows of VLANs: a switch parted into some, with apps and wires on it. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import type { AccessRule, DesiredState } from "../../src/desired.ts";
import { EngineStore } from "../../src/engine-store.ts";
import { LinuxNetworkDriver } from "../../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../../src/network/network-reconciler.ts";
import { FolderDisk } from "../folder-disk.ts";
import { sh, works } from "../shell.ts";
import { say } from "./say.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-switch-"));
const comes = (line: string): boolean =>
  works(`for i in $(seq 200); do ${line} && exit 0; sleep 0.1; done; exit 1`);
const pings = (from: string, address: string): boolean =>
  comes(`ip netns exec ${from} busybox ping -c1 -W1 ${address} >/dev/null`);
/** What shall not be is given a moment only, since no answer is what is waited for. */
const isSilent = (from: string, address: string): boolean =>
  !works(`ip netns exec ${from} timeout 0.3 busybox ping -c1 ${address}`);

for (const name of ["a", "b", "t", "c", "floor", "cell"]) sh(`ip netns add ${name}`);
const wire = (card: string, where: string, end: string): void =>
  void sh(
    `ip link add ${card} type veth peer name ${end} netns ${where} && ip -n ${where} link set ${end} up`,
  );
const vlan = (where: string, id: number, ...addresses: string[]): void => {
  sh(
    `ip -n ${where} link add eth0.${id} link eth0 type vlan id ${id} && ip -n ${where} link set eth0.${id} up`,
  );
  for (const address of addresses) sh(`ip -n ${where} addr add ${address}/24 dev eth0.${id}`);
};
wire("sw0", "floor", "eth0");
vlan("floor", 10, "10.9.10.1", "10.9.10.3");
vlan("floor", 20, "10.9.20.1");
wire("sw1", "cell", "eth0");
sh("ip -n cell addr add 10.9.20.7/24 dev eth0");

const rule = (more: Partial<AccessRule>): AccessRule => ({
  ...{ id: 1, name: "", direction: "both", remotes: [], action: { kind: "allow" }, ...more },
});
const everything = [rule({})];
const app = (id: string, networkId: string, accessVlan?: number, rules = everything) => ({
  ...{ id, displayName: id },
  nics: [
    { name: "n", networkId, mac: undefined, rules, ...(accessVlan === undefined ? {} : { accessVlan }) },
  ],
});
const network = (id: string, port: string, more: object = {}): object => ({
  ...{ id, name: id, kind: "switch", subnet: "", gateway: "", dns: [], hosts: [], port, ...more },
});
const port = (name: string, card: string, labels: string[] = []): object => ({
  ...{ name, interface: card, labels, uplink: false, cost: 0, address: { kind: "none" } },
});
const narrow = [rule({ remotes: [{ kind: "subnet", cidr: "10.9.10.1/32" }] })];
const store = new EngineStore();
const want = (cellVlan: number): void =>
  store.desired.set({
    nodeId: "x",
    apps: [...[app("a", "floor", 10, narrow), app("b", "floor", 20), app("t", "floor"), app("c", "cell")]],
    networks: [
      network("floor", "eth0"),
      network("cell", "eth1", { accessPorts: [{ vlan: cellVlan, port: "eth1" }] }),
    ],
    ports: [port("eth0", "sw0"), port("eth1", "sw1")],
  } as unknown as DesiredState);
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const clock = new SystemClock();
const reconciler = new NetworkReconciler({
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", driver, clock, machines: undefined },
  log: new Log("test", clock, silentSink),
});
const reconcile = (): Promise<unknown> => reconciler.reconcile(networkKey, new AbortController().signal);
const apps = ["a", "b", "t", "c"];
// A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name.
for (const [at, name] of apps.entries()) sh(`ip link add svt${at}n0 type veth peer name eth0 netns ${name}`);
try {
  want(20);
  await reconcile();
  for (const name of apps) {
    const row = store.nics.get(`${name}/n`);
    assert(row?.phase === "ready", `${name}: ${JSON.stringify(row)}`);
    sh(`ip -n ${name} link set eth0 address ${row.mac} up`);
  }
  sh("ip -n a addr add 10.9.10.5/24 dev eth0 && ip -n b addr add 10.9.20.5/24 dev eth0");
  sh("ip -n b addr add 10.9.10.6/24 dev eth0");
  vlan("t", 10, "10.9.10.8");
  vlan("t", 30, "10.9.30.8");
  vlan("floor", 30, "10.9.30.1");
  vlan("c", 20, "10.9.20.9");

  assert(pings("a", "10.9.10.1"), "an app of a VLAN speaks without tags, and is heard with them");
  assert(pings("b", "10.9.20.1"), "each in its own");
  assert(isSilent("a", "10.9.10.3"), "its list is about what is in the frame");
  assert(isSilent("b", "10.9.10.1"), "not in another's");
  assert(isSilent("a", "10.9.10.6") && isSilent("b", "10.9.10.5"), "nor do two apps meet across");
  assert(pings("t", "10.9.10.1"), "an app of none has all that somebody is of, tagged");
  assert(isSilent("t", "10.9.30.1"), "and no others");
  assert(pings("c", "10.9.20.7"), "a port of the node is in one VLAN as well");
  want(21);
  await reconcile();
  assert(isSilent("c", "10.9.20.7"), "and in another when the configuration says so");
} finally {
  await driver.down();
}
say("a switch is parted into VLANs");
