/**
 * Runs in a box of its own: links that only real drivers make. A node with two cables and a radio; at the other
 * end of each a router who leads to a controller.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { BondSpec, DesiredState, PortAddress, PortSpec } from "../../src/desired.ts";
import { EngineStore } from "../../src/engine-store.ts";
import { controllerProbe } from "../../src/port/linux/controller-probe.ts";
import { LinuxPortDriver } from "../../src/port/linux/linux-port-driver.ts";
import { PortReconciler, portKey } from "../../src/port/port-reconciler.ts";
import type { WifiNetwork } from "../../src/port/port-spec.ts";
import { FolderDisk } from "../folder-disk.ts";
import { sh } from "../shell.ts";
import { say } from "./say.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-box-"));
const controller = "203.0.113.1";

sh("ip link set lo up && ip netns add far && ip -n far link set lo up");
sh(`ip -n far addr add ${controller}/32 dev lo`);
for (const at of [0, 1]) {
  sh(`ip link add wire${at} type veth peer name wire${at} netns far && ip -n far link set wire${at} up`);
}
const fixed = (address: string): PortAddress => ({
  ...{ kind: "static", address, gateway: address.replace(/\d+\/\d+$/, "1") },
  ...{ dns: [], domain: "", ntp: [] },
});
const httpd = ["netns", "exec", "far", "busybox", "httpd", "-f", "-p", `${controller}:80`, "-h", folder];
spawn("ip", httpd, { stdio: "ignore" });

const store = new EngineStore();
const clock = new SystemClock();
const driver = new LinuxPortDriver({
  ...{ manages: true, folder: join(folder, "ports"), resolvConf: join(folder, "resolv.conf") },
  probe: controllerProbe(`http://${controller}`, []),
});
const reconciler = new PortReconciler({
  ...{ store, disk: new FolderDisk(folder), driver, clock, log: new Log("test", clock, silentSink) },
  credentials: { credential: () => undefined },
  settings: {
    number: () => 0,
    isOn: () => true,
    choice: () => "disabled",
    seconds: (key: string) =>
      millis(
        { "timer.port.testduration": 60_000, "timer.port.timeout": 15_000 }[key] ??
          (key.endsWith("better") ? 0 : 1),
      ),
  },
  secrets: { openPortSecret: async (secret) => (secret.kind === "clear" ? secret : assert.fail("sealed")) },
});
const step = async (ports: readonly PortSpec[]): Promise<void> => {
  store.desired.set({ ports } as unknown as DesiredState);
  await reconciler.reconcile(portKey, new AbortController().signal);
};
const book = () => store.ports.get()?.book ?? assert.fail("nothing is known of the ports");
const works = (): void => assert.deepEqual([book().current, book().configs[0]?.lastError], [0, ""]);
const common = { labels: [], uplink: true, cost: 0 };

// A VLAN: only its frames reach the far end.
sh("ip -n far link add link wire0 name v5 type vlan id 5 && ip -n far addr add 192.0.5.1/24 dev v5");
sh("ip -n far link set v5 up");
const shop: PortSpec = {
  ...{ ...common, name: "shop", interface: "shop.5", address: fixed("192.0.5.9/24") },
  links: [{ kind: "vlan", name: "shop.5", lower: "wire0", tag: 5 }],
};
await step([shop]);
works();
assert.deepEqual(store.ports.get()?.cards["shop.5"]?.addresses, ["192.0.5.9/24"]);
say("a VLAN leads to the controller");

await step([{ ...shop, links: [{ kind: "vlan", name: "shop.5", lower: "wire0", tag: 6 }] }]);
assert.match(book().configs[0]?.errors?.["shop"] ?? "", /does not answer/);
assert.equal(book().current, 1, "frames of another VLAN reach nobody, so the one before is in force");
assert.match(sh("ip -d link show shop.5"), /id 5 /);
say("a wrong VLAN is taken back");

// A bond of both cables, with a VLAN on it; the far end has a bridge over them.
sh("ip -n far link del v5 && ip -n far link add sw type bridge && ip -n far link set sw up");
for (const at of [0, 1]) sh(`ip -n far link set wire${at} master sw`);
sh("ip -n far link add link sw name v7 type vlan id 7 && ip -n far addr add 192.0.7.1/24 dev v7");
sh("ip -n far link set v7 up && ip -n far addr add 192.0.6.1/24 dev sw");
const bond: BondSpec = {
  ...{ kind: "bond", name: "both", mode: "active-backup", lacpRate: "slow" },
  members: [
    { name: "left", card: "wire0" },
    { name: "right", card: "wire1" },
  ],
  watch: { kind: "carrier", everyMs: 50, upDelayMs: 0, downDelayMs: 0 },
};
const pair: PortSpec = {
  ...{ ...common, name: "pair", interface: "both", links: [bond], address: fixed("192.0.6.9/24") },
};
const above: PortSpec = {
  ...{ ...common, name: "above", interface: "both.7", cost: 5, address: fixed("192.0.7.9/24") },
  links: [bond, { kind: "vlan", name: "both.7", lower: "both", tag: 7 }],
};
await step([pair, above]);
works();
assert.deepEqual(store.ports.get()?.failed, []);
const members = (): unknown =>
  store.ports.get()?.cards["both"]?.bond?.members.map(({ card, up }) => `${card} ${up}`);
assert.deepEqual(members(), ["wire0 true", "wire1 true"]);
assert.doesNotMatch(sh("ip link"), /shop\.5/, "what no port has any more is gone");
say("a bond and a VLAN on it lead to the controller");

const active = store.ports.get()?.cards["both"]?.bond?.active ?? "";
sh(`ip -n far link set ${active} down`);
await step([{ ...pair, cost: 1 }, above]);
works();
assert.deepEqual(store.ports.get()?.failed, [], "one cable is enough");
assert.notEqual(store.ports.get()?.cards["both"]?.bond?.active, active);
sh(`ip -n far link set ${active} up`);
say("a bond goes on with the cable it has");

// A radio, and one of the far end's, who speaks WPA2, then WPA3 alone, then asks who it is.
sh(`iw phy $(cat /sys/class/net/wlan1/phy80211/name) set netns name far`);
const dhcp = "--port=0 --bind-interfaces --interface=wlan1 --leasefile-ro --no-ping";
const radio = (lines: readonly string[]): (() => Promise<void>) => {
  const file = join(folder, "hostapd.conf");
  const first = ["interface=wlan1", "driver=nl80211", "hw_mode=g", "channel=1", "wpa=2", "rsn_pairwise=CCMP"];
  writeFileSync(file, `${[...first, ...lines].join("\n")}\n`);
  const child = spawn("ip", ["netns", "exec", "far", "hostapd", file], { stdio: "ignore" });
  return () => {
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill();
    return gone;
  };
};
let off = radio(["ssid=shop", "wpa_key_mgmt=WPA-PSK", "wpa_passphrase=correct horse"]);
sh("ip -n far addr add 192.0.9.1/24 dev wlan1");
sh(`ip netns exec far dnsmasq --conf-file=/dev/null ${dhcp} --dhcp-range=192.0.9.50,192.0.9.50,1h`);
const network: WifiNetwork = {
  ...{ ssid: "shop", security: "psk", priority: 0 },
  secret: { kind: "clear", user: "", password: "correct horse" },
};
const air = (more: Partial<WifiNetwork>): PortSpec => ({
  ...{ ...common, name: "air", interface: "wlan0", address: { kind: "dhcp", family: "ipv4" } },
  wifi: [{ ...network, ...more }],
});
const clear = (password: string, user = ""): WifiNetwork["secret"] => ({ kind: "clear", user, password });
await step([air({})]);
works();
assert.deepEqual(store.ports.get()?.cards["wlan0"]?.addresses, ["192.0.9.50/24"]);
say("WPA2: a radio leads to the controller");

store.desired.set({ ports: [air({})], radioSilence: true } as unknown as DesiredState);
await reconciler.reconcile(portKey, new AbortController().signal);
const radios = (): string => sh("sort -u /sys/class/rfkill/rfkill*/soft").trim();
assert.equal(radios(), "1", "no radio of the box sends");
assert.deepEqual(store.ports.get()?.cards["wlan0"]?.addresses, []);
works();
await driver.silence(false);
assert.equal(radios(), "0");
await off();
off = radio(["ssid=shop", "wpa_key_mgmt=WPA-PSK", "wpa_passphrase=correct horse"]);
await step([air({})]);
works();
assert.deepEqual(store.ports.get()?.cards["wlan0"]?.addresses, ["192.0.9.50/24"]);
say("radios are silent when they shall be, and speak again");

await step([air({ secret: clear("wrong password") })]);
assert.match(book().configs[0]?.errors?.["air"] ?? "", /shop: the password is wrong/);
assert.match(book().configs[0]?.lastError ?? "", /^air: shop: the password is wrong/);
assert.equal(book().current, 1);
const ask = `curl -s -m 1 -o /dev/null http://${controller}/`;
sh(`for i in $(seq 50); do ${ask} && exit 0; sleep 0.1; done; exit 1`);
say("a wrong password is told, and the network before is joined again");

await off();
off = radio(["ssid=new", "wpa_key_mgmt=SAE", "ieee80211w=2", "sae_pwe=2", "wpa_passphrase=correct horse"]);
await step([air({ ssid: "new" })]);
works();
say("WPA3: a radio leads to the controller");

await off();
const keys = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ap`;
sh(`cd ${folder} && ${keys} -keyout key.pem -out cert.pem 2>/dev/null`);
writeFileSync(join(folder, "users"), '* PEAP\n"ann" MSCHAPV2 "correct horse" [2]\n');
off = radio([
  ...["ssid=office", "wpa_key_mgmt=WPA-EAP", "ieee8021x=1", "eap_server=1", `eap_user_file=${folder}/users`],
  ...[`server_cert=${folder}/cert.pem`, `private_key=${folder}/key.pem`],
]);
await step([air({ ssid: "office", security: "eap", secret: clear("correct horse", "ann") })]);
works();
say("WPA-EAP: a radio leads to the controller");
await step([air({ ssid: "office", security: "eap", secret: clear("wrong password", "ann") })]);
assert.match(book().configs[0]?.errors?.["air"] ?? "", /office: user name or password is wrong/);
say("WPA-EAP: a wrong password is told");

await off();
await step([pair]);
works();
assert.equal(sh("pgrep wpa_supplicant || true").trim(), "", "nobody looks after a radio that no port has");
await driver[Symbol.asyncDispose]();
