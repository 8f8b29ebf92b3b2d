import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { knownModem } from "../../test/mmcli-recorded.ts";
import type { PortsStatus } from "../observed.ts";
import type { CardState } from "../port/port-driver.ts";
import type { PortSpec } from "../port/port-spec.ts";
import { modemMetricWords, modemStatusWords } from "./modem-words.ts";

const cellular = { apn: "internet" } as NonNullable<PortSpec["cellular"]>;
const port = { name: "lte", label: "wwan", interface: "wwan0", cellular } as unknown as PortSpec;
const status = (more: Partial<CardState>, ports: readonly PortSpec[] = [port]): PortsStatus => ({
  book: { current: 0, configs: [{ digest: "a", since: instant(1_795_678_000_000), ports, lastError: "" }] },
  cards: {
    wwan0: {
      ...{ up: true, mac: "", mtu: 1430, addresses: ["10.1.2.3/30"], gateways: ["10.1.2.1"] },
      ...{ dns: ["10.1.2.53"], ...more },
    },
  },
  failed: [],
});
const places = { Interface: "wwan0", USB: "1:3.2", PCI: "0000:00:14.0", Dev: "/dev/cdc-wdm0" };

/** Fields and their order are those of WwanStatus and WwanMetrics, which EVE gives to Go's encoder as they are. */
describe("an app is told of modems", () => {
  it("how they are", () => {
    const words = modemStatusWords(status({ modem: knownModem, unanswered: "nobody answers" }));
    assert.deepEqual(JSON.parse(JSON.stringify(words)), {
      ...{ DPCKey: "zedagent", DPCTimestamp: "2026-11-26T07:26:40.000Z" },
      RSConfigTimestamp: "0001-01-01T00:00:00Z",
      Networks: [
        {
          ...{ LogicalLabel: "wwan", PhysAddrs: places },
          Module: {
            ...{ Name: "", IMEI: "490154203237518", Model: "X1", Manufacturer: "Acme", Revision: "1.2.3" },
            ...{ ControlProtocol: "qmi", OpMode: "online-and-connected" },
          },
          SimCards: [
            {
              ...{ Name: "", SlotNumber: 1, SlotActivated: true, ICCID: "8949", IMSI: "26201", Type: 1 },
              State: "present",
            },
            {
              ...{ Name: "", SlotNumber: 2, SlotActivated: false, ICCID: "", IMSI: "", Type: 0 },
              State: "absent",
            },
          ],
          ...{ ConfigError: "", ProbeError: "nobody answers" },
          CurrentProvider: {
            ...{ PLMN: "26201", Description: "Telekom", CurrentServing: true, Roaming: true },
            Forbidden: false,
          },
          ...{ VisibleProviders: null, CurrentRATs: ["lte", "umts"], ConnectedAt: 1_795_678_467 },
          IPSettings: {
            ...{ Address: { IP: "10.1.2.3", Mask: "/////A==" }, Gateway: "10.1.2.1" },
            ...{ DNSServers: ["10.1.2.53"], MTU: 1430 },
          },
          LocationTracking: false,
          Bearers: [
            {
              ...{ APN: "internet", Type: 2, IPType: "ipv4", Connected: true, ConnectionError: "" },
              ConnectedAt: 1_795_678_467,
            },
            {
              ...{ APN: "ims", Type: 1, IPType: "", Connected: false, ConnectionError: "no such APN" },
              ConnectedAt: 0,
            },
          ],
          Profiles: [{ Name: "one", APN: "internet", BearerType: 2, IPType: "ipv4v6", ForbidRoaming: true }],
        },
      ],
    });
  });

  it("that one is not there", () => {
    const words = modemStatusWords(status({ addresses: [], gateways: [], dns: [] })) as {
      Networks: Record<string, unknown>[];
    };
    const { ConfigError, SimCards, IPSettings } = words.Networks[0] ?? assert.fail("no network");
    assert.deepEqual([ConfigError, SimCards], ["modem not found", null]);
    assert.deepEqual(IPSettings, { Address: null, Gateway: "", DNSServers: null, MTU: 1430 });
  });

  it("what went through them", () =>
    assert.deepEqual(modemMetricWords(status({ modem: knownModem })), {
      Networks: [
        {
          ...{ LogicalLabel: "wwan", PhysAddrs: places },
          PacketStats: { RxBytes: 1, RxPackets: 2, RxDrops: 3, TxBytes: 4, TxPackets: 5, TxDrops: 6 },
          SignalInfo: { RSSI: 0x7fffffff, RSRQ: -10, RSRP: -101, SNR: 0x7fffffff },
        },
      ],
    }));

  it("nothing where there are none", () => {
    assert.equal(modemStatusWords(status({}, [])), undefined);
    assert.equal(modemStatusWords(undefined), undefined);
    assert.equal(modemMetricWords(status({})), undefined);
  });
});
