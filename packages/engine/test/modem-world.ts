/**
 * Runs in a network and mount namespace made for it: a node with a modem and a cable, each with a way to a
 * controller. ModemManager is a script that answers as the real one was recorded to.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { DesiredState, PortSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { modemMetricWords, modemStatusWords } from "../src/metadata/modem-words.ts";
import type { ModemProbe } from "../src/port/cellular/modem-probe.ts";
import { controllerProbe } from "../src/port/linux/controller-probe.ts";
import { LinuxPortDriver } from "../src/port/linux/linux-port-driver.ts";
import { PortReconciler, portKey } from "../src/port/port-reconciler.ts";
import { FolderDisk } from "./folder-disk.ts";
import { bearerOf, modemOf, recorded } from "./mmcli-recorded.ts";
import { sh } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-modem-"));
const ends: (() => void)[] = [];
const controller = "203.0.113.1";

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const [name, card, address] of [
  ["isp", "wwan0", "10.1.2.1/30"],
  ["lan", "eth9", "192.0.3.1/24"],
]) {
  sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
  sh(`ip link add ${card} type veth peer name eth0 netns ${name}`);
  sh(`ip -n ${name} addr add ${controller}/32 dev lo && ip -n ${name} addr add ${address} dev eth0`);
  sh(`ip -n ${name} link set eth0 up`);
}
const serve = async (where: string, port: number): Promise<ChildProcess> => {
  const args = [
    "netns",
    "exec",
    where,
    "busybox",
    "httpd",
    "-f",
    "-p",
    `${controller}:${port}`,
    "-h",
    folder,
  ];
  const child = spawn("ip", args, { stdio: "ignore" });
  ends.push(() => child.kill());
  const listens = `ip netns exec ${where} busybox netstat -ltn | grep -q '${controller}:${port} '`;
  await until(() => sh(`${listens} && echo yes || true`) !== "");
  return child;
};
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await setTimeout(50);
};
const nameServer = join(folder, "dns.pid");
const names = `--conf-file=/dev/null --no-resolv --listen-address=10.1.2.1 --pid-file=${nameServer}`;
sh(`ip netns exec isp dnsmasq ${names}`);
ends.push(() => existsSync(nameServer) && sh(`kill $(cat ${nameServer}) 2>&1 || true`));
await serve("lan", 80);
await serve("isp", 80);

const path = "/org/freedesktop/ModemManager1";
const say = (name: string, answer: object): void => writeFileSync(join(folder, name), JSON.stringify(answer));
say("list", recorded.list);
say("idle", modemOf());
say("connected", modemOf({ state: "connected", bearers: [`${path}/Bearer/0`] }));
say("bearer", bearerOf({}, { address: "10.1.2.2", dns: ["10.1.2.1"] }));
say("sim", recorded.sim);
say("signal", recorded.signal);
say("profiles", recorded.profiles);
const asked = join(folder, "asked");
writeFileSync(
  join(folder, "mmcli"),
  `#!/bin/sh
cd ${folder}; echo "$*" >> asked
case "$*" in
  *--simple-connect=*) touch on;;
  *--simple-disconnect) rm -f on;;
  "-L -J") cat list;;
  "-m 0 -J") if test -e on; then cat connected; else cat idle; fi;;
  "-b 0 -J") cat bearer;;
  "-i 0 -J") cat sim;;
  *--signal-get*) cat signal;;
  *--3gpp-profile-manager-list*) cat profiles;;
  *) echo "error: no" >&2; exit 1;;
esac
`,
);
chmodSync(join(folder, "mmcli"), 0o755);
process.env["PATH"] = `${folder}:${process.env["PATH"]}`;

const modem = (probe?: ModemProbe): PortSpec => ({
  ...{ name: "lte", interface: "wwan0", labels: [], uplink: true, cost: 0, address: { kind: "dhcp" } },
  cellular: {
    ...{ apn: "internet", simSlot: 0, authentication: "none", roaming: true, family: "ipv4" },
    ...(probe === undefined ? {} : { probe }),
    secret: { kind: "clear", user: "", password: "" },
  },
});
const cable: PortSpec = {
  ...{ name: "wan", interface: "eth9", labels: [], uplink: true, cost: 10 },
  address: { kind: "static", address: "192.0.3.9/24", gateway: "192.0.3.1", dns: [], domain: "", ntp: [] },
};
const store = new EngineStore();
const clock = new SystemClock();
const driver = new LinuxPortDriver({
  ...{ manages: true, folder: join(folder, "ports"), resolvConf: join(folder, "resolv.conf") },
  probe: controllerProbe(`http://${controller}`, []),
});
const reconciler = new PortReconciler({
  ...{ store, disk: new FolderDisk(folder), driver, clock, log: new Log("test", clock, silentSink) },
  secrets: { openPortSecret: async () => ({ user: "", password: "" }) },
  credentials: { credential: () => undefined },
  settings: {
    number: () => 0,
    isOn: () => true,
    choice: () => "disabled",
    seconds: (key: string) => millis(key === "timer.port.testduration" ? 60_000 : 0),
  },
});
const step = async (...ports: readonly PortSpec[]): Promise<void> => {
  store.desired.set({ ports } as unknown as DesiredState);
  await reconciler.reconcile(portKey, new AbortController().signal);
};
interface Metric {
  readonly PacketStats: Readonly<Record<string, number>>;
}
const out = (): string => sh(`ip -j route get ${controller}`).match(/"dev":"(\w+)"/)?.[1] ?? "";
const why = (): string | undefined => store.ports.get()?.cards["wwan0"]?.unanswered;
const connections = (): number => readFileSync(asked, "utf8").split("--simple-connect=").length - 1;
const error = (): string | undefined => store.ports.get()?.book.configs[0]?.lastError;

try {
  await step(modem(), cable);
  assert.deepEqual([error(), out(), why(), connections()], ["", "wwan0", undefined, 1]);
  const [told] = (modemStatusWords(store.ports.get()) as { Networks: Record<string, unknown>[] }).Networks;
  assert.deepEqual(told?.["IPSettings"], {
    ...{ Address: { IP: "10.1.2.2", Mask: "/////A==" }, Gateway: "10.1.2.1", DNSServers: ["10.1.2.1"] },
    MTU: 1500,
  });
  const [counted] = (modemMetricWords(store.ports.get()) as { Networks: Metric[] }).Networks;
  const { TxBytes = 0, RxPackets = 0 } = counted?.PacketStats ?? {};
  assert(TxBytes > 0 && RxPackets > 0, "it has spoken");

  const own: ModemProbe = { kind: "tcp", host: controller, port: 81 };
  await step(modem(own), cable);
  assert.deepEqual([why(), connections()], [undefined, 1], "a name server of its network is answer enough");

  sh(`kill $(cat ${nameServer})`);
  await until(() => sh("ip netns exec isp busybox netstat -lun | grep -c :53 || true").trim() === "0");
  await step(modem(own), cable);
  assert.match(why() ?? "", /10\.1\.2\.1.*203\.0\.113\.1:81/);
  assert.deepEqual([out(), connections()], ["eth9", 2], "it is used last, and was connected anew");
  assert.deepEqual([error(), store.ports.get()?.failed], ["", []], "the controller answers all the same");

  await serve("isp", 81);
  await step(modem(own), cable);
  assert.deepEqual(
    [why(), out(), connections()],
    [undefined, "wwan0", 2],
    "and is used again once it answers",
  );

  await step(modem({ kind: "ping", host: controller }), cable);
  assert.deepEqual([why(), connections()], [undefined, 2], "as it does to a ping");
} finally {
  await driver[Symbol.asyncDispose]();
  for (const end of ends) end();
  rmSync(folder, { recursive: true });
}
