import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
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
      gateway: "192.0.2.1",
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
    assert.deepEqual([told?.IPAddrs, told?.defaultRouters, told?.up], [["192.0.2.7"], ["192.0.2.1"], true]);
    assert.deepEqual([told?.isMgmt, told?.cost, told?.dhcpType], [true, 3, 4]);
    assert.equal(broken?.err?.description, "no card is called spare");
  });

  it("tells of a port by which the controller does not answer", () => {
    const [told] = portsPart({ ...status, failed: ["wan"] }).systemAdapter?.status?.[1]?.ports ?? [];
    assert.equal(told?.err?.description, "the controller does not answer by it");
  });

  it("is left out where nothing is said of ports", () => assert.deepEqual(portsPart(undefined), {}));
});
