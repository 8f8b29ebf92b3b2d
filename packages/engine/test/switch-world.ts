/**
 * Runs in a network and mount namespace made for it: a switch on two wires of one stranger, and an app on it that says
 * it is a bridge, through the real driver and kernel.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import type { AccessRule, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh, works } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-switch-"));
const comes = (line: string): boolean =>
  works(`for i in $(seq 200); do ${line} && exit 0; sleep 0.1; done; exit 1`);

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const name of ["r", "p", "q", "ring"]) sh(`ip netns add ${name}`);
const wire = (card: string, where: string, end: string): void =>
  void sh(
    `ip link add ${card} type veth peer name ${end} netns ${where} && ip -n ${where} link set ${end} up`,
  );
// Two wires to one stranger, which is what a loop is.
for (const [at, card] of ["sw2", "sw3"].entries()) wire(card, "ring", `eth${at}`);
sh("ip -n ring link add br0 type bridge && ip -n ring link set br0 up");
for (const end of ["eth0", "eth1"]) sh(`ip -n ring link set ${end} master br0`);

const rule = (more: Partial<AccessRule>): AccessRule => ({
  ...{ id: 1, name: "", direction: "both", remotes: [], action: { kind: "allow" }, ...more },
});
const port = (name: string, card: string): object => ({
  ...{ name, interface: card, labels: ["around"], uplink: false, cost: 0, address: { kind: "none" } },
});
const nic = { name: "n", networkId: "ring", mac: undefined, rules: [rule({})] };
const inside = (id: string): object => ({ id, displayName: id, nics: [{ ...nic, networkId: "air" }] });
const air = { id: "air", name: "air", kind: "switch", port: "", subnet: "", gateway: "", dns: [], hosts: [] };
const ring = { id: "ring", name: "ring", kind: "switch", subnet: "", gateway: "", dns: [], hosts: [] };
const store = new EngineStore();
const desired = {
  ...{ nodeId: "x", apps: [{ id: "r", displayName: "r", nics: [nic] }, inside("p"), inside("q")] },
  networks: [{ ...ring, port: "around" }, air],
  ports: [port("eth2", "sw2"), port("eth3", "sw3")],
};
store.desired.set(desired as unknown as DesiredState);
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const clock = new SystemClock();
const reconciler = new NetworkReconciler({
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", driver, clock, machines: undefined },
  log: new Log("test", clock, silentSink),
});
// A pair of virtual wires stands where a tap and its VM would: the driver adopts what carries the name.
for (const [at, app] of ["r", "p", "q"].entries())
  sh(`ip link add svt${at}n0 type veth peer name eth0 netns ${app} && ip -n ${app} link set eth0 up`);
/** One frame from an app's card, in hexadecimal. */
const send = (app: string, frame: string): void => {
  const index = sh(`ip netns exec ${app} cat /sys/class/net/eth0/ifindex`).trim();
  const lines = [
    "socket(my $s, 17, 3, 0x0300) or die $!",
    `my $to = pack('SnlSCCa8', 17, 4, ${index}, 1, 0, 6, '')`,
    `send($s, pack('H*', '${frame}'), 0, $to) or die $!`,
  ];
  execFileSync("ip", ["netns", "exec", app, "perl", "-e", lines.join("; ")]);
};
const lldp = `0180c200000e02000000000188cc${"0".repeat(92)}`;
const counted = "type filter hook ingress device eth0 priority 0;";
sh(`ip netns exec q nft 'table netdev t { counter lldp { }; chain c { ${counted} }; }'`);
sh("ip netns exec q nft add rule netdev t c ether type 0x88cc counter name lldp");
const told = "ip netns exec q nft list counter netdev t lldp | grep -q 'packets 1 '";
try {
  await reconciler.reconcile(networkKey, new AbortController().signal);
  assert.match(sh("ip -d link show dev svb0"), /stp_state 1/, "a switch on two cards looks for loops");
  assert(comes("bridge link show | grep -E 'sw[23].* state blocking'"), "and leaves one of the ways out");
  assert.match(sh("ip -d link show dev svt0n0"), /guard on/);
  const mac = sh("ip netns exec p cat /sys/class/net/eth0/address").trim().replaceAll(":", "");
  const arp = `${"f".repeat(12)}${mac}08060001080006040001${mac}0a090909${"0".repeat(12)}0a090901`;
  /** What is known of an app after it asked who has an address, as 10.9.9.9. */
  const heard = async (settings: Readonly<Record<string, string>>): Promise<string | undefined> => {
    store.desired.set({ ...desired, settings: new Map(Object.entries(settings)) } as unknown as DesiredState);
    await reconciler.reconcile(networkKey, new AbortController().signal);
    send("p", arp);
    await reconciler.reconcile(networkKey, new AbortController().signal);
    const known = store.nics.get("p/n");
    return known?.phase === "ready" ? known.address : undefined;
  };
  assert.equal(await heard({ "network.switch.enable.arpsnoop": "false" }), "", "nobody listens");
  assert.equal(await heard({}), "10.9.9.9", "the node hears what addresses apps on switches have");
  send("p", lldp);
  assert(!works(told), "what neighbours tell of themselves a switch keeps");
  store.desired.set({
    ...desired,
    networks: [
      { ...ring, port: "around", guarded: "eth3" },
      { ...air, forwardLldp: true },
    ],
  } as unknown as DesiredState);
  await reconciler.reconcile(networkKey, new AbortController().signal);
  assert(
    comes("bridge link show | grep -q 'sw3.* state disabled'"),
    "a port that is guarded is cut off at once",
  );
  assert.match(sh("ip -d link show dev sw2"), /guard off/);
  send("p", lldp);
  assert(comes(told), "where it is to, it passes it on");
  // An app that says it is the best of all bridges (802.1D, a configuration of the lowest priority).
  const bpdu = `0026424203000000000000000000000002${"00".repeat(4)}0000000000000002800100001400020000000f00`;
  const frame = `0180c2000000020000000002${bpdu.padEnd(96, "0")}`;
  assert(!works("bridge link show | grep -q 'svt0n0.* state disabled'"));
  send("r", frame);
  assert(comes("bridge link show | grep -q 'svt0n0.* state disabled'"), "is cut off");
} finally {
  await driver.down();
}
assert.equal(sh("nft list ruleset").trim(), "", "no rule is left");
rmSync(folder, { recursive: true });
