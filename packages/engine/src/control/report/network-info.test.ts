import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppId, AppSpec, NetworkId, NetworkSpec } from "../../desired.ts";
import type { LinkCounters, NetworkStatus, NicStatus } from "../../observed.ts";
import { networkInfo } from "./network-info.ts";
import { networkMetrics, plugMetrics, portMetrics } from "./network-metrics.ts";
import { plugInfos } from "./plug-info.ts";

const spec: NetworkSpec = {
  ...{ id: "n" as NetworkId, name: "plant", version: "7", kind: "local", subnet: "10.1.0.0/24", mtu: 9000 },
  ...{ gateway: "10.1.0.1", dhcpFirst: "10.1.0.2", dhcpLast: "10.1.0.9", dns: [], hosts: [] },
  routes: [{ destination: "10.9.0.0/16", gateway: "10.1.0.2", port: "" }],
};
const up: NetworkStatus = { phase: "ready", bridge: "svb0", index: 0, ports: ["eth0"], mtu: 9000 };
const nic: NicStatus = {
  ...{ phase: "ready", appId: "a" as AppId, networkId: spec.id, tap: "svt0n0", uid: 1 },
  ...{ mac: "02:00:00:00:00:01", address: "10.1.0.2/24", gateway: "10.1.0.1", router: "10.1.0.1" },
  ...{ dns: ["10.1.0.1"], searchDomains: [] },
};
const apps = [{ id: "a", displayName: "router" }] as unknown as AppSpec[];
const info = (status: NetworkStatus | undefined, more: Partial<NetworkSpec> = {}) => {
  const { InfoContent } = networkInfo("x", { ...spec, ...more }, status, [nic], apps);
  assert(InfoContent.case === "niinfo");
  return InfoContent.value;
};

describe("a network's report", () => {
  it("tells what a network has", () => {
    const it = info(up);
    assert.deepEqual([it.networkVersion, it.activated, it.bridgeNum, it.mtu], ["7", true, 1, 9000]);
    assert.deepEqual([it.bridgeName, it.bridgeIPAddr, it.ports], ["svb0", "10.1.0.1", ["eth0"]]);
    assert.deepEqual(it.ipAssignments[0]?.ipAddress, ["10.1.0.2"]);
    assert.equal(it.vifs[0]?.appID, "a");
    assert.deepEqual([it.ipRoutes[0]?.gateway, it.ipRoutes[0]?.gatewayApp], ["10.1.0.2", "a"]);
    assert.equal(it.state, 2);
  });

  it("tells by which port each way leaves now", () => {
    const ways = [
      { destination: "10.9.0.0/16", gateway: "192.0.2.1", port: "wan" },
      { destination: "0.0.0.0/0", gateway: "192.0.3.1", port: "lte" },
    ];
    const { ipRoutes, CurrentUplinkIntf } = info({ ...up, ways });
    assert.deepEqual(
      ipRoutes.map(({ destinationNetwork, gateway, port }) => ({
        destination: destinationNetwork,
        gateway,
        port,
      })),
      ways,
    );
    assert.equal(CurrentUplinkIntf, "lte");
  });

  const unread = { field: "networkInstances[0].mtu", message: "99 is too few", goesOn: true };
  const states: readonly (readonly [
    string,
    NetworkStatus | undefined,
    Partial<NetworkSpec>,
    number,
    string[],
  ])[] = [
    ["that cannot be is in error", { phase: "waiting", reason: "no mesh" }, {}, 3, ["no mesh"]],
    ["that is not as asked is in error", { ...up, trouble: "too long" }, {}, 3, ["too long"]],
    [
      "that is what it was before is in error, and up",
      up,
      { unread },
      3,
      ["networkInstances[0].mtu: 99 is too few; it stays as it was before"],
    ],
    ["that is not wanted up is no fault", { phase: "waiting", reason: "off" }, { inactive: true }, 1, []],
    ["that nobody looked at yet begins", undefined, {}, 1, []],
  ];
  for (const [name, status, more, state, errors] of states)
    it(`says that one ${name}`, () => {
      const it = info(status, more);
      assert.equal(it.activated, status?.phase === "ready");
      assert.deepEqual([it.state, it.networkErr.map(({ description }) => description)], [state, errors]);
    });

  it("tells no address of a plug whose network gives one by itself", () => {
    const [told] = plugInfos([{ ...nic, address: "" }]);
    assert.deepEqual([told?.IPAddrs, told?.ipv4Up], [[], false]);
    assert.deepEqual(plugInfos([{ phase: "waiting", reason: "" }]), []);
  });
});

describe("metrics of networks", () => {
  const counted = (of: bigint): LinkCounters => ({
    ...{ rxBytes: of, txBytes: 2n * of, rxPackets: 1n, txPackets: 2n, rxDrops: 0n, txDrops: 0n },
    ...{ rxErrors: 0n, txErrors: 0n, rxDenied: 3n, txDenied: 4n, rxLimited: 5n, txLimited: 6n },
  });
  const counters = new Map([
    ["svt0n0", counted(10n)],
    ["svt1n0", counted(100n)],
    ["eth9", counted(7n)],
  ]);

  it("sum up the plugs of each network", () => {
    const nics = [nic, { ...nic, tap: "svt1n0" }, { ...nic, networkId: "m" as NetworkId }];
    const [it] = networkMetrics({ networks: [spec] }, new Map([["n", up]]), nics, counters, []);
    assert.deepEqual([it?.networkStats?.rx?.totalBytes, it?.networkStats?.tx?.totalPackets], [110n, 4n]);
    assert.deepEqual([it?.network[0]?.txAclDrops, it?.network[0]?.rxAclRateLimitDrops], [8n, 10n]);
  });

  it("tell who answered by which port", () => {
    const silent = { up: false, answered: 0, silent: 5, latencyMs: 0 };
    const answers = { up: true, answered: 7, silent: 0, latencyMs: 21.4 };
    const ports = [
      { name: "wan", card: "eth0", gateways: ["192.0.2.1"], there: answers, gateway: silent, remote: silent },
      { name: "lte", card: "wwan0", gateways: ["192.0.3.1"], there: answers, remote: answers },
    ];
    const way = { networkId: spec.id, destination: "0.0.0.0/0", port: "lte", remote: "tcp://x:1", ports };
    const other = { ...way, networkId: "m" as NetworkId };
    const [it] = networkMetrics({ networks: [spec] }, new Map(), [], counters, [way, other]);
    assert.equal(it?.probeMetrics.length, 1);
    const [told] = it?.probeMetrics ?? [];
    assert.deepEqual([told?.currentPort, told?.currentIntf, told?.uplinkCnt], ["lte", "wwan0", 2]);
    assert.deepEqual([told?.pingIntv, told?.remotePingIntv, told?.remoteEndpoint], [15, 150, "tcp://x:1"]);
    const [wan, lte] = told?.intfMetric ?? [];
    assert.deepEqual([wan?.gatewayUP, wan?.nexthopDownCount, wan?.remoteDownCount], [false, 5, 5]);
    assert.deepEqual([lte?.remoteHostUP, lte?.remoteUpCount, lte?.remoteProbeLatency], [true, 7, 21]);
  });

  it("name an app's plugs as its configuration does, and the node's ports", () => {
    const [plug] = plugMetrics(
      [{ name: "main", networkId: spec.id, mac: undefined, rules: [] }],
      () => nic,
      counters,
    );
    assert.deepEqual([plug?.iName, plug?.localName, plug?.rxBytes], ["main", "svt0n0", 10n]);
    const port = { name: "wan", interface: "eth9", labels: [], uplink: true, cost: 0 };
    const [told] = portMetrics({ ports: [port, { ...port, interface: "eth8" }] }, counters);
    assert.deepEqual([told?.iName, told?.alias, told?.txBytes], ["eth9", "wan", 14n]);
  });
});
