/** Runs in a network and mount namespace made for it: two apps in real machines, a node, and an outside. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { ext } from "@selvedge/eve-api";
import type { AccessRule, NetworkId, NetworkSpec, NicSpec } from "../src/desired.ts";
import { AppWorld, networkId } from "./app-world.ts";
import { sh } from "./shell.ts";

sh("mount -t sysfs none /sys");
sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
sh("ip netns add out && ip -n out link set lo up");
sh(
  "ip link add up0 type veth peer name eth0 netns out && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up",
);
sh("ip -n out addr add 192.0.2.2/24 dev eth0 && ip -n out link set eth0 up");
sh("ip addr add fd00:8::1/64 dev up0 nodad && ip -n out addr add fd00:8::2/64 dev eth0 nodad");

// A network of its own with a DHCP server, which a switch reaches by a card of the node.
sh("ip netns add lan && ip -n lan link set lo up && ip link add sw0 type veth peer name eth0 netns lan");
sh("ip -n lan addr add 10.9.0.1/24 dev eth0 && ip -n lan link set eth0 up && ip link set sw0 up");

await using world = await AppWorld.open({ network: true });
const lan = `${world.folder}/lan.conf`;
writeFileSync(
  lan,
  "port=0\nbind-interfaces\ninterface=eth0\ndhcp-range=10.9.0.50,10.9.0.50,1h\nleasefile-ro\nno-ping\n",
);
sh(`ip netns exec lan dnsmasq --conf-file=${lan} --pid-file=${lan}.pid`);
const plant: NetworkSpec = {
  ...{ id: "plant" as NetworkId, name: "plant", kind: "switch", port: "machines", dns: [], hosts: [] },
  ...{ subnet: "", gateway: "", dhcpFirst: "", dhcpLast: "" },
};
const six: NetworkSpec = {
  ...{ id: "six" as NetworkId, name: "six", kind: "local", dns: [], hosts: [] },
  ...{ subnet: "fd00:66::/64", gateway: "fd00:66::1", dhcpFirst: "fd00:66::10", dhcpLast: "fd00:66::1f" },
};
world.more = {
  networks: [plant, six],
  ports: [{ name: "eth1", interface: "sw0", labels: ["machines"], uplink: false, cost: 0 }],
};
const plug = (nodePort: number): NicSpec => ({
  ...{ name: "eth0", networkId, mac: undefined },
  rules: [
    { id: 1, name: "out", direction: "out", remotes: [], action: { kind: "allow" } },
    {
      ...{ id: 2, name: "in", direction: "both", remotes: [], protocol: 6 },
      ...{ localPorts: { first: nodePort, last: nodePort }, action: { kind: "map", appPort: 80 } },
    },
  ],
});
const everything: AccessRule = { id: 1, name: "", direction: "both", remotes: [], action: { kind: "allow" } };
const tries = [
  "ping -c1 -W3 192.0.2.2 >/dev/null && echo outside reached",
  "ping -c1 -W1 10.77.0.2 >/dev/null || echo other app not reached",
  "nc -w 1 10.77.0.1 22 </dev/null 2>/dev/null || echo node not reached",
  "nslookup registry.internal 10.77.0.1 | grep -q 192.0.2.2 && echo name known",
  "cat /etc/resolv.conf; hostname",
  "until ip addr show eth1 | grep -q 'inet 10.9.0.50/24'; do sleep 0.2; done; echo asked for and got",
  "ping -c1 -W5 10.9.0.1 >/dev/null && echo other network reached",
  "ping -6 -c1 -W5 fd00:8::2 >/dev/null && echo outside reached by IPv6",
  "ip -6 addr show eth2 | grep -o 'fd00:66::10/[0-9]*'",
  "ip route | grep -c default; exec sleep 1000",
].join("; ");
const web = world.apply(
  "web",
  {
    restartPolicy: ext.RestartPolicy.ALWAYS,
    containers: [
      {
        name: "main",
        command: ["httpd", "-f", "-p", "80", "-h", "/www"],
        readiness: {
          action: { action: { case: "tcp", value: { port: 80 } } },
          periodSeconds: 1,
          timeoutSeconds: 5,
        },
      },
    ],
  },
  { nics: [plug(8080)] },
);
await world.until(web, (it) => it?.report.containers[0]?.ready === true);
const other = world.apply(
  "second",
  { restartPolicy: ext.RestartPolicy.ALWAYS, containers: [{ name: "main", command: ["sh", "-c", tries] }] },
  {
    nics: [
      plug(8081),
      { name: "plant", networkId: plant.id, mac: "02:00:00:00:09:50", rules: [everything] },
      { name: "six", networkId: six.id, mac: undefined, rules: [everything] },
    ],
  },
);
const lines = (await world.untilLog(other, /main: [0-9]$/)).map((line) => line.slice("main: ".length));
assert.deepEqual(lines, [
  ...["outside reached", "other app not reached", "node not reached", "name known"],
  ...[
    "nameserver 10.77.0.1",
    "nameserver fd00:66::1",
    "second",
    "asked for and got",
    "other network reached",
  ],
  ...["outside reached by IPv6", "fd00:66::10/128", "2"],
]);
assert.equal(world.store.apps.get(web)?.report.podIp, "10.77.0.2");

const ask = "printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 192.0.2.1 8080";
const answer = spawnSync("ip", ["netns", "exec", "out", "sh", "-c", ask]).stdout.toString();
assert.match(answer, /hello/, "a port of the node leads to the app");

// What runs the apps has no rights: its own user, no capabilities, no way to get any, seccomp on.
for (const id of [web, other]) {
  const pid = readFileSync(`${world.folder}/run/${id}/pid`, "utf8").trim();
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  assert.match(status, /^Uid:\t21000\d\t/m);
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^Seccomp:\t2$/m);
  // This namespace has a /sys of its own, without control groups: the limits are there all the same.
  assert.match(readFileSync(`/proc/${pid}/cgroup`, "utf8"), new RegExp(`/selvedge-test/${id}$`, "m"));
}
const { rxBytes = 0n } = (await world.domain.usages.usage(other)) ?? {};
assert.ok(rxBytes > 0n, "traffic is counted");

await world.killEngine();
await world.startEngine();
await world.until(web, (it) => it?.report.containers[0]?.ready === true);
assert.match(
  spawnSync("ip", ["netns", "exec", "out", "sh", "-c", ask]).stdout.toString(),
  /hello/,
  "adopted",
);
for (const id of [web, other]) world.remove(id);
for (const id of [web, other]) await world.until(id, (it) => it === undefined);
sh(`kill $(cat ${lan}.pid)`);
