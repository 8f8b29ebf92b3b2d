/**
 * Runs in a network and mount namespace made for it: a node behind a switch that lets in who shows a certificate,
 * and the authority that gives them. hostapd is the switch, Debian's scepserver the authority; a DHCP server that
 * changes its addresses once a port is let in stands for the network behind it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { Log, millis, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { scepCarrier } from "../src/certificate/carriers.ts";
import { createCertificateDomain } from "../src/certificate/certificate-domain.ts";
import type { CertificateSpec } from "../src/certificate/certificate-spec.ts";
import type { DesiredState, PortSpec } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { NodeHttpClient } from "../src/host/linux/node-http-client.ts";
import { controllerProbe } from "../src/port/linux/controller-probe.ts";
import { LinuxPortDriver } from "../src/port/linux/linux-port-driver.ts";
import { createPortDomain } from "../src/port/port-domain.ts";
import type { CardState } from "../src/port/port-driver.ts";
import { FolderDisk } from "./folder-disk.ts";

const sh = (line: string): string => execFileSync("sh", ["-c", line], { encoding: "utf8", stdio: "pipe" });
const folder = mkdtempSync(join(tmpdir(), "sv-wired-"));
const at = (name: string): string => join(folder, name);
const children: ChildProcess[] = [];
const inside = (...args: string[]): ChildProcess => {
  const child = spawn("ip", ["netns", "exec", "switch", ...args], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  return child;
};
/** What is waited for, and what there is when it does not come. */
const until = async <T>(what: () => T | undefined, why: () => string): Promise<T> => {
  for (let tries = 0; tries < 1200; tries++) {
    const found = what();
    if (found !== undefined) return found;
    await setTimeout(50);
  }
  return assert.fail(why());
};

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
sh(
  "ip netns add switch && ip -n switch link set lo up && ip link add up0 type veth peer name eth0 netns switch",
);
for (const address of ["203.0.113.1/32", "192.0.2.1/24", "198.51.100.1/24"])
  sh(`ip -n switch addr add ${address} dev ${address.endsWith("/32") ? "lo" : "eth0"}`);
sh("ip -n switch link set eth0 up");

// The authority, and the switch's own certificate by it.
sh(`cd ${folder} && scepserver ca -init -depot depot -keySize 2048 -key-password word 2>&1`);
sh(
  `cd ${folder} && openssl req -new -newkey rsa:2048 -nodes -keyout switch.key -subj /CN=switch -out switch.csr 2>&1`,
);
const sign =
  "openssl x509 -req -in switch.csr -CA depot/ca.pem -CAkey depot/ca.key -passin pass:word -set_serial 77 -days 9";
sh(`cd ${folder} && ${sign} -out switch.pem 2>&1`);
writeFileSync(at("users"), "* TLS\n");
const hostapd = { interface: "eth0", driver: "wired", ieee8021x: 1, eapol_version: 2, use_pae_group_addr: 1 };
const server = { eap_server: 1, eap_user_file: at("users"), ca_cert: at("depot/ca.pem") };
const own = { server_cert: at("switch.pem"), private_key: at("switch.key") };
const lines = Object.entries({ ...hostapd, ...server, ...own }).map(([name, value]) => `${name}=${value}\n`);
writeFileSync(at("hostapd.conf"), lines.join(""));

const serveAddresses = (network: string): ChildProcess => {
  writeFileSync(
    at("dhcp.conf"),
    `port=0\nbind-interfaces\ninterface=eth0\ndhcp-range=${network}.50,${network}.59,1h\nleasefile-ro\nno-ping\n`,
  );
  return inside(
    "dnsmasq",
    "--keep-in-foreground",
    `--conf-file=${at("dhcp.conf")}`,
    `--pid-file=${at("dhcp.pid")}`,
  );
};
const guests = serveAddresses("192.0.2");
inside("busybox", "httpd", "-f", "-p", "203.0.113.1:80", "-h", folder);
inside(
  "scepserver",
  "-depot",
  at("depot"),
  "-capass",
  "word",
  "-port",
  "8080",
  "-challenge",
  "open sesame",
  "-allowrenew",
  "0",
);
const wire = inside("hostapd", at("hostapd.conf"));
assert(wire.stdout !== null);
let letIn = 0;
createInterface({ input: wire.stdout }).on("line", (line) => {
  if (!line.includes("AP-STA-CONNECTED")) return;
  letIn++;
  if (letIn > 1) return;
  // Who is let in is in another network from now on.
  guests.kill();
  serveAddresses("198.51.100");
});

const profile: CertificateSpec = {
  ...{ name: "plant", url: "http://203.0.113.1:8080/scep", throughController: false },
  challenge: { kind: "clear", user: "", password: "wrong" },
  roots: [readFileSync(at("depot/ca.pem"), "utf8")],
  request: {
    ...{ commonName: "box-7", organization: "Plant", organizationalUnit: "", country: "DE", state: "" },
    ...{ locality: "", dnsNames: ["box-7.example"], ipAddresses: [], uris: [], emailAddresses: [] },
    ...{ renewAtPercent: 50, keyBits: 2048, hash: "sha256" },
  },
};
const good: CertificateSpec = {
  ...profile,
  challenge: { ...profile.challenge, password: "open sesame" } as never,
};
const wan: PortSpec = {
  ...{
    name: "wan",
    interface: "up0",
    labels: [],
    uplink: true,
    cost: 0,
    address: { kind: "dhcp", family: "ipv4" },
  },
  authentication: { identity: "", profile: "plant" },
};
const store = new EngineStore();
const want = (certificates: readonly CertificateSpec[]): void =>
  store.desired.set({ ports: [wan], certificates } as unknown as DesiredState);
const clock = new SystemClock();
const common = { store, clock, random: new SystemRandom(), log: new Log("test", clock, silentSink) };
const settings = {
  seconds: (key: string) => millis(key === "timer.port.testduration" ? 60_000 : 1_000),
  number: () => 4,
  isOn: () => true,
  choice: () => "disabled",
};
const secrets = {
  openPortSecret: async (secret: CertificateSpec["challenge"]) =>
    secret.kind === "clear" ? secret : assert.fail("nothing is sealed here"),
};
const driver = new LinuxPortDriver({
  ...{ manages: true, folder: at("ports"), resolvConf: at("resolv.conf") },
  probe: controllerProbe("http://203.0.113.1", []),
});
sh("ip route add 203.0.113.1 dev up0 2>/dev/null || true");
using http = new NodeHttpClient();
const sealed = new FolderDisk(at("state"));
const certificates = createCertificateDomain({
  ...{ ...common, sealed, secrets, settings },
  carrier: scepCarrier({ http, askController: async () => assert.fail("nobody asks the controller") }),
});
const ports = createPortDomain({
  ...{ ...common, disk: sealed, driver, settings, secrets, credentials: certificates.reconciler },
});
const card = (): CardState | undefined => store.ports.get()?.cards["up0"];
const state = (): string =>
  JSON.stringify(
    [store.certificates.entries(), card()],
    (_, it) => `${typeof it === "bigint" ? it : JSON.stringify(it)}`,
  );
const addressIn = (network: string) => (): true | undefined =>
  card()?.addresses.some((it) => it.startsWith(network)) ? true : undefined;
try {
  want([profile]);
  await certificates.start();
  await ports.start();
  await until(addressIn("192.0.2."), state);
  // Until there is an address nobody is reached, which is another failure.
  const refuses = /the authority refuses/;
  await until(() => (refuses.test(store.certificates.get("plant")?.error ?? "") ? true : undefined), state);
  assert.equal(store.certificates.get("plant")?.phase, "failed", "a word that the authority does not take");
  assert.equal(letIn, 0);
  const [kept = ""] = readdirSync(at("state/certificates"));
  const key = JSON.parse(readFileSync(at(`state/certificates/${kept}`), "utf8")).key;

  want([good]);
  const given = await until(() => {
    const row = store.certificates.get("plant");
    return row?.phase === "available" ? row : undefined;
  }, state);
  const mine = new X509Certificate(given.certificate ?? "");
  assert.match(mine.subject, /CN=box-7/);
  assert.equal(mine.subjectAltName, "DNS:box-7.example");
  assert.equal(certificates.reconciler.credential("plant")?.key, key, "the key outlives the refusals");
  await until(addressIn("198.51.100."), state);
  const shown = await until(() => {
    const found = card()?.authentication;
    return found?.state === "authenticated" ? found : undefined;
  }, state);
  assert((shown.authenticatedAt ?? 0) > 0 && shown.problem === undefined, JSON.stringify(shown));
  assert(shown.counters.received > 2 && shown.counters.responsesSent > 1, JSON.stringify(shown.counters));
  assert.equal(letIn, 1);
  assert.deepEqual(
    readdirSync(at("ports")).filter((name) => name.includes("wired") && name !== "wired"),
    [],
    "nothing of the key is in the ports' folder",
  );

  // It runs out one day: another one is asked for by the one there is, and shown.
  want([{ ...good, request: { ...good.request, renewAtPercent: 0 } }]);
  const renewed = await until(() => {
    const row = store.certificates.get("plant");
    return row?.certificate === given.certificate ? undefined : row;
  }, state);
  assert.equal(renewed.phase, "available");
  want([good]);
  const again = (shown.authenticatedAt ?? 0) + 1;
  await until(() => ((card()?.authentication?.authenticatedAt ?? 0) >= again ? true : undefined), state);
  await until(() => (card()?.authentication?.state === "authenticated" ? true : undefined), state);
} finally {
  await ports[Symbol.asyncDispose]();
  await certificates[Symbol.asyncDispose]();
  await driver[Symbol.asyncDispose]();
  for (const child of children) child.kill();
  sh(`kill $(ip netns pids switch) 2>/dev/null || true`);
}
rmSync(folder, { recursive: true });
