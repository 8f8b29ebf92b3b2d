/**
 * Runs in a network and mount namespace made for it: apps that ask services of their node, through the real
 * driver.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { AliasDoor } from "../src/alias/alias-door.ts";
import { UdpSockets } from "../src/alias/linux/udp-sockets.ts";
import type { AccessRule, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { NetworkReconciler, networkKey } from "../src/network/network-reconciler.ts";
import type { ServiceSpec, ServiceTarget } from "../src/network/service-spec.ts";
import type { AppStatus } from "../src/observed.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh } from "./shell.ts";

const folder = mkdtempSync(join(tmpdir(), "sv-services-"));
const servers: ChildProcess[] = [];

/** A page that says who serves it. */
function serve(where: string, port: number): void {
  mkdirSync(join(folder, where), { recursive: true });
  writeFileSync(join(folder, where, "index.html"), `page of ${where}`);
  const args = ["netns", "exec", where, "busybox", "httpd", "-f", "-p", `${port}`, "-h", join(folder, where)];
  servers.push(spawn("ip", args, { stdio: "ignore" }));
}

/** What a URL gives an app; one that nobody answers is given up soon. */
function page(from: string, url: string, seconds = 5): string {
  const args = [
    "netns",
    "exec",
    from,
    "curl",
    "-s",
    "-m",
    `${seconds}`,
    "-w",
    "\n%{exitcode}",
    `http://${url}/index.html`,
  ];
  const [text = "", code] = spawnSync("ip", args, { encoding: "utf8" }).stdout.split("\n");
  return code === "0" ? text : `curl ${code}`;
}
const refused = "curl 7";
const unanswered = "curl 28";

sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const name of ["a", "b", "c", "plc"]) sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
sh("ip link add up0 type veth peer name eth0 netns plc && ip addr add 192.0.2.1/24 dev up0");
sh("ip link set up0 up && ip -n plc addr add 192.0.2.2/24 dev eth0 && ip -n plc link set eth0 up");
sh("ip route add default via 192.0.2.2");

const app = (appId: string, port: number, hostname = ""): ServiceTarget =>
  ({ appId, port, hostname }) as ServiceTarget;
const service = (name: string, address: string, more: Partial<ServiceSpec>): ServiceSpec => ({
  ...{ name: `${name}.shop.svc.cluster.local`, address, ports: [], members: [] },
  ...{ sticky: false, unready: false, ...more },
});
const both = [app("b", 8080), app("c", 8080)];
const port = (targets: ServiceTarget[], more = {}): ServiceSpec["ports"] => [
  { protocol: "tcp", port: 80, targets, ...more },
];
const services = [
  service("web", "10.96.0.20", { ports: port(both, { nodePort: 30080, name: "http" }) }),
  service("always", "10.96.0.23", { ports: port([app("b", 8080)]), unready: true }),
  service("same", "10.96.0.24", { ports: port(both), sticky: true }),
  service("plc", "10.96.0.21", { ports: port([{ address: "192.0.2.2", port: 502, hostname: "" }]) }),
  service("alias", "", { externalName: "web.shop.svc.cluster.local" }),
  service("outside", "", { externalName: "plc.example" }),
  service("db", "", { members: [app("b", 0, "b-0"), app("c", 0, "c-0")] }),
];
const rule = (direction: AccessRule["direction"], cidr?: string, ports?: number): AccessRule => ({
  ...{ id: 1, name: "", direction, action: { kind: "allow" } },
  remotes: cidr === undefined ? [] : [{ kind: "subnet", cidr }],
  ...(ports !== undefined && {
    ...{ protocol: 6, [direction === "in" ? "localPorts" : "remotePorts"]: { first: ports, last: ports } },
  }),
});
const out = rule("out");
const mapped: AccessRule = {
  ...{ id: 2, name: "", direction: "both", remotes: [], protocol: 6 },
  ...{ localPorts: { first: 30080, last: 30080 }, action: { kind: "map", appPort: 8080 } },
};
const lists: Record<string, AccessRule[]> = {
  a: [rule("out", "10.77.0.3/32", 8080)],
  b: [out, rule("in", "10.77.0.2/32", 8080), mapped],
  c: [out, rule("in", "10.77.0.2/32", 8080), mapped],
};
const searchDomains = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
const desired = (): DesiredState =>
  ({
    ...{ nodeId: "x", services },
    apps: Object.entries(lists).map(([id, rules]) => ({
      ...{ id, displayName: `shop/${id}`, pod: { searchDomains } },
      nics: [{ name: "eth0", networkId: "n", mac: undefined, rules }],
    })),
    networks: [
      {
        ...{ id: "n", name: "default", kind: "local", subnet: "10.77.0.0/24", gateway: "10.77.0.1" },
        ...{
          dhcpFirst: "10.77.0.2",
          dhcpLast: "10.77.0.9",
          dns: ["192.0.2.2"],
          hosts: [{ name: "plc.example", addresses: ["192.0.2.2"] }],
        },
      },
    ],
  }) as unknown as DesiredState;

const store = new EngineStore();
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const clock = new SystemClock();
const log = new Log("test", clock, silentSink);
const reconciler = new NetworkReconciler({
  ...{ store, disk: new FolderDisk(folder), prefix: "sv", log, clock, machines: undefined, driver },
});
const reconcile = async (...ready: string[]): Promise<void> => {
  for (const id of ["b", "c"])
    store.apps.set(
      id as never,
      {
        ...{ id, report: { conditions: [{ type: "Ready", status: ready.includes(id) ? "True" : "False" }] } },
      } as unknown as AppStatus,
    );
  await reconciler.reconcile(networkKey, new AbortController().signal);
};
const look = (name: string, ...more: string[]): string => {
  const args = ["netns", "exec", "a", "busybox", "nslookup", ...more, name, "10.77.0.1"];
  return spawnSync("ip", args, { encoding: "utf8" }).stdout;
};

/** What this process itself has a part in answering. */
const find = async (name: string): Promise<string> => {
  const args = ["netns", "exec", "a", "busybox", "nslookup", name, "10.77.0.1"];
  return await promisify(execFile)("ip", args, { encoding: "utf8" }).then(({ stdout }) => stdout, String);
};
const door = new AliasDoor({
  ...{ store, clock, log, random: new SeededRandom(1), sockets: new UdpSockets(log) },
});

for (const [at, name] of ["a", "b", "c"].entries())
  sh(`ip link add svt${at}n0 type veth peer name eth0 netns ${name}`);
try {
  store.desired.set(desired());
  await reconcile();
  for (const name of ["a", "b", "c"]) {
    const nic = store.nics.get(`${name}/eth0`);
    assert(nic?.phase === "ready", JSON.stringify(nic));
    sh(`ip -n ${name} link set eth0 address ${nic.mac} up && ip -n ${name} addr add ${nic.address} dev eth0`);
    sh(`ip -n ${name} route add default via ${nic.gateway}`);
    assert.deepEqual(nic.searchDomains, searchDomains);
  }
  serve("b", 8080);
  serve("c", 8080);
  serve("plc", 502);
  while (page("b", "10.77.0.3:8080") !== "page of b") sh("sleep 0.1");

  assert.equal(page("a", "10.96.0.20"), refused, "a service without a ready app says so at once");
  assert.equal(page("plc", "192.0.2.1:30080"), refused, "and so does its port of the node");
  assert.equal(page("a", "10.96.0.23"), "page of b", "unless it leads to those that are not");
  await reconcile("b");
  assert.equal(
    page("a", "10.96.0.20"),
    "page of b",
    "a port leads to another of the app, by what its list allows",
  );
  assert.equal(page("a", "10.96.0.20:8080"), refused, "no other port leads anywhere");
  assert.equal(page("b", "10.96.0.20"), "page of b", "an app may meet itself");
  assert.equal(
    page("c", "10.96.0.20", 0.3),
    unanswered,
    "whom the app's list does not let in does not come by its service",
  );
  assert.equal(page("a", "10.96.0.21", 0.3), unanswered, "nor does who may not go out go out by one");

  lists["a"] = [out];
  store.desired.set(desired());
  await reconcile("b", "c");
  const pages = (address: string, from = "a"): Set<string> =>
    new Set(Array.from({ length: 24 }, () => page(from, address)));
  assert.deepEqual(pages("10.96.0.20"), new Set(["page of b", "page of c"]), "all that are ready answer");
  for (const from of ["plc", "a"])
    assert.deepEqual(
      pages("192.0.2.1:30080", from),
      new Set(["page of b", "page of c"]),
      "by the node's port, too",
    );
  assert.equal(pages("10.96.0.24").size, 1, "one of them, for a client that shall stay");
  assert.equal(page("a", "10.96.0.21"), "page of plc", "somebody outside is reached by a service, too");

  assert.match(look("web.shop.svc.cluster.local"), /Address.*10\.96\.0\.20/);
  assert.match(look("db.shop.svc.cluster.local"), /10\.77\.0\.[34](.|\n)*10\.77\.0\.[34]/);
  assert.match(look("c-0.db.shop.svc.cluster.local"), /Address.*10\.77\.0\.4/);
  assert.match(look("none.shop.svc.cluster.local"), /NXDOMAIN|can't find/, "and no other resolver is asked");
  assert.match(
    look("_http._tcp.web.shop.svc.cluster.local", "-type=srv"),
    /0 100 80 web\.shop\.svc\.cluster\.local/,
    "ports are told of by their names",
  );
  await door.reconcile();
  const other = await find("alias.shop.svc.cluster.local");
  assert.match(other, /web\.shop\.svc\.cluster\.local(.|\n)*10\.96\.0\.20/, "a name may mean another");
  assert.match(await find("outside.shop.svc.cluster.local"), /plc\.example(.|\n)*192\.0\.2\.2/);
  await reconcile("c");
  assert.doesNotMatch(
    look("db.shop.svc.cluster.local"),
    /10\.77\.0\.3/,
    "a name leads to those that are ready",
  );
  assert.deepEqual(pages("10.96.0.20"), new Set(["page of c"]));
  assert.deepEqual(pages("192.0.2.1:30080", "plc"), new Set(["page of c"]), "and so does a port of the node");
} finally {
  await door[Symbol.asyncDispose]();
  for (const server of servers) server.kill();
  await driver.down();
}
assert.equal(sh("nft list ruleset").trim(), "", "no rule is left");
rmSync(folder, { recursive: true });
