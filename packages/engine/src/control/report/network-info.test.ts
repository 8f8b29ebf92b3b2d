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
const up: NetworkStatus = { phase: "ready", bridge: "svb0", index: 0, ports: ["eth0"] };
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

  const states: readonly (readonly [
    string,
    NetworkStatus | undefined,
    Partial<NetworkSpec>,
    number,
    string[],
  ])[] = [
    ["that cannot be is in error", { phase: "waiting", reason: "no mesh" }, {}, 3, ["no mesh"]],
    ["that is not wanted up is no fault", { phase: "waiting", reason: "off" }, { inactive: true }, 1, []],
    ["that nobody looked at yet begins", undefined, {}, 1, []],
  ];
  for (const [name, status, more, state, errors] of states)
    it(`says that one ${name}`, () => {
      const it = info(status, more);
      assert.equal(it.activated, false);
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
    const [it] = networkMetrics({ networks: [spec] }, new Map([["n", up]]), nics, counters);
    assert.deepEqual([it?.networkStats?.rx?.totalBytes, it?.networkStats?.tx?.totalPackets], [110n, 4n]);
    assert.deepEqual([it?.network[0]?.txAclDrops, it?.network[0]?.rxAclRateLimitDrops], [8n, 10n]);
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
