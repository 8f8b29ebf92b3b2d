import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { info, metrics } from "@selvedge/eve-api";
import { knownModem } from "../../../test/mmcli-recorded.ts";
import type { PortsStatus } from "../../observed.ts";
import type { ModemState } from "../../port/cellular/modem-state.ts";
import type { PortSpec } from "../../port/port-spec.ts";
import { cellularMetrics, modemsPart } from "./cellular-info.ts";

const cellular = { apn: "internet" } as NonNullable<PortSpec["cellular"]>;
const port = { name: "lte", label: "wwan", interface: "wwan0", cellular } as unknown as PortSpec;
const cable = { name: "wan", interface: "eth0" } as unknown as PortSpec;
const card = { up: true, mac: "", mtu: 1500, addresses: [], gateways: [], dns: [] };
const status = (modem: ModemState | undefined): PortsStatus => ({
  book: {
    current: 0,
    configs: [{ digest: "a", since: instant(0), ports: [cable, port], lastError: "" }],
  },
  cards: { eth0: card, wwan0: modem === undefined ? card : { ...card, modem } },
  failed: [],
});

describe("modems", () => {
  it("are told with their SIM cards, which name them", () => {
    const { cellRadios, sims } = create(info.ZInfoDeviceSchema, modemsPart(status(knownModem)));
    const [radio] = cellRadios;
    assert.deepEqual([radio?.name, radio?.operatingState, radio?.controlProtocol], [knownModem.imei, 4, 1]);
    assert.deepEqual(
      sims.map((it) => [it.name, it.cellModuleName, it.slotNumber, it.slotActivated, it.state, it.type]),
      [
        ["8949", knownModem.imei, 1, true, "present", 1],
        [`${knownModem.imei}-SIM2`, knownModem.imei, 2, false, "absent", 0],
      ],
    );
  });

  it("are told by where they are plugged in where they have no number", () => {
    const [radio] = modemsPart(status({ ...knownModem, imei: "" })).cellRadios ?? [];
    assert.equal(radio?.name, "1:3.2");
  });

  it("tell how they hear, and what they do not know as EVE says it", () => {
    const [metric] = cellularMetrics(status(knownModem)).map((it) =>
      create(metrics.CellularMetricSchema, it),
    );
    const { rssi, rsrp, rsrq, snr } = metric?.signalStrength ?? assert.fail("no signal");
    assert.deepEqual(
      [metric?.logicallabel, rssi, rsrp, rsrq, snr],
      ["wwan", 2 ** 31 - 1, -101, -10, 2 ** 31 - 1],
    );
    const { rx, tx } = metric?.packetStats ?? assert.fail("no packets");
    assert.deepEqual([rx?.totalBytes, rx?.totalPackets, rx?.drops], [1n, 2n, 3n]);
    assert.deepEqual([tx?.totalBytes, tx?.totalPackets, tx?.drops], [4n, 5n, 6n]);
  });

  it("that nobody can ask are left out", () => {
    assert.deepEqual(modemsPart(status(undefined)), {});
    assert.deepEqual(cellularMetrics(status(undefined)), []);
    assert.deepEqual(cellularMetrics(undefined), []);
  });
});
