import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { knownModem } from "../../../test/mmcli-recorded.ts";
import type { BondSpec, PortSpec } from "../../desired.ts";
import type { PortsStatus } from "../../observed.ts";
import { portsPart } from "./port-info.ts";

const wan = { name: "wan", interface: "eth0", labels: [], uplink: true, cost: 3, networkId: "n" };
const spare = { ...wan, name: "spare", interface: "eth1", fault: "no card is called spare" };
const status: PortsStatus = {
  book: {
    configs: [
      {
        digest: "b",
        ports: [wan],
        since: instant(2000),
        lastFailed: instant(3000),
        lastError: "wan: refused",
      },
      { digest: "a", ports: [wan, spare], since: instant(1000), lastSucceeded: instant(4000), lastError: "" },
    ],
    current: 1,
  },
  cards: {
    eth0: {
      up: true,
      mac: "m",
      mtu: 1500,
      addresses: ["192.0.2.7/24"],
      gateways: ["192.0.2.1", "fe80::1"],
      dns: ["192.0.2.53"],
    },
  },
  failed: [],
};

describe("the report of ports", () => {
  it("tells which configuration is in force and how the others fared", () => {
    const { systemAdapter } = portsPart(status);
    assert.equal(systemAdapter?.currentIndex, 1);
    const [newest, inForce] = systemAdapter?.status ?? [];
    assert.deepEqual([newest?.lastError, newest?.lastFailed?.seconds], ["wan: refused", 3n]);
    assert.deepEqual([inForce?.lastError, inForce?.lastSucceeded?.seconds], ["", 4n]);
    assert.deepEqual(newest?.ports?.[0]?.IPAddrs, [], "of cards only the one in force tells");
    const [told, broken] = inForce?.ports ?? [];
    assert.deepEqual(
      [told?.IPAddrs, told?.defaultRouters, told?.up],
      [["192.0.2.7"], ["192.0.2.1", "fe80::1"], true],
    );
    assert.deepEqual([told?.isMgmt, told?.cost, told?.dhcpType], [true, 3, 4]);
    assert.equal(broken?.err?.description, "no card is called spare");
  });

  it("tells of a port by which the controller does not answer", () => {
    const [told] = portsPart({ ...status, failed: ["wan"] }).systemAdapter?.status?.[1]?.ports ?? [];
    assert.equal(told?.err?.description, "the controller does not answer by it");
  });

  it("tells why a port of a configuration that was given up did not work", () => {
    const [newest, ...others] = status.book.configs;
    assert(newest !== undefined);
    const configs = [{ ...newest, errors: { wan: "wrong password" } }, ...others];
    const told = portsPart({ ...status, book: { configs, current: 1 } }).systemAdapter?.status?.[0];
    assert.equal(told?.ports?.[0]?.err?.description, "wrong password");
  });

  it("tells how a bond is", () => {
    const bond: BondSpec = {
      ...{ kind: "bond", name: "bond1", mode: "802.3ad", lacpRate: "fast" },
      members: [{ name: "left", card: "eth1" }],
      watch: { kind: "carrier", everyMs: 100, upDelayMs: 0, downDelayMs: 0 },
    };
    const port = { ...wan, interface: "bond1", links: [bond] };
    const card = status.cards["eth0"];
    assert(card !== undefined);
    const bonded = {
      ...card,
      bond: {
        ...{ active: "", partnerMac: "p", aggregator: 2 },
        members: [{ card: "eth1", up: true, aggregator: 2 }],
      },
    };
    const configs = [{ digest: "a", ports: [port], since: instant(1000), lastError: "" }];
    const told = portsPart({ book: { configs, current: 0 }, cards: { bond1: bonded }, failed: [] });
    assert.deepEqual(told.systemAdapter?.status?.[0]?.ports?.[0]?.bondStatus, {
      ...{ mode: 5, activeMember: "" },
      miiMonitor: { enabled: true, pollingInterval: 100, updelay: 0, downdelay: 0 },
      lacp: { lacpRate: 2, activeAggregatorId: 2, partnerMac: "p" },
      members: [{ logicallabel: "left", miiUp: true, lacp: { aggregatorId: 2 } }],
    });
  });

  it("tells what a modem is and who serves it", () => {
    const port: PortSpec = {
      ...{ ...wan, interface: "wwan0" },
      cellular: {
        ...{ apn: "internet", simSlot: 0, authentication: "none", roaming: true, family: "ipv4" },
        secret: { kind: "clear", user: "", password: "" },
      },
    };
    const card = status.cards["eth0"];
    assert(card !== undefined);
    const configs = [{ digest: "a", ports: [port], since: instant(1000), lastError: "" }];
    const told = portsPart({
      ...{ book: { configs, current: 0 }, failed: [] },
      cards: { wwan0: { ...card, modem: knownModem, unanswered: "8.8.8.8 does not answer a ping" } },
    });
    const since = { $typeName: "google.protobuf.Timestamp", seconds: 1_795_678_467n, nanos: 0 };
    assert.deepEqual(told.systemAdapter?.status?.[0]?.ports?.[0]?.wirelessStatus, {
      type: 2,
      cellular: {
        ...{ cellularModule: "490154203237518", simCards: ["8949", "490154203237518-SIM2"] },
        ...{ currentRats: [3, 2], configError: "", probeError: "8.8.8.8 does not answer a ping" },
        providers: [
          { plmn: "26201", description: "Telekom", currentServing: true, roaming: true, forbidden: false },
        ],
        connectedAt: since,
        bearers: [
          {
            ...{ apn: "internet", bearerType: 2, ipType: 1, connected: true, connectionError: "" },
            connectedAt: since,
          },
          { apn: "ims", bearerType: 1, ipType: 0, connected: false, connectionError: "no such APN" },
        ],
        profiles: [{ profileName: "one", apn: "internet", bearerType: 2, ipType: 2, forbidRoaming: true }],
      },
    });
  });

  it("is left out where nothing is said of ports", () => assert.deepEqual(portsPart(undefined), {}));
});
