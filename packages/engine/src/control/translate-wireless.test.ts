import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { cipher, config } from "@selvedge/eve-api";
import type { PortSpec } from "../desired.ts";
import { translatePorts } from "./translate-ports.ts";

const network = { wifiSSID: "shop", keyScheme: 1, priority: 3 };
const block = { cipherContextId: "c", cipherData: Uint8Array.of(1, 2) };
const port = (wifiCfg: readonly object[], ptype = 5, type = 1): Partial<PortSpec> =>
  translatePorts(
    create(config.EdgeDevConfigSchema, {
      deviceIoList: [{ ptype, logicallabel: "air", phyaddrs: { ifname: "wlan0" } }],
      networks: [{ id: "n", type: 4, ip: { dhcp: 4 }, wireless: { type, wifiCfg } }],
      systemAdapterList: [{ name: "wan", lowerLayerName: "air", uplink: true, networkUUID: "n" }],
      cipherContexts: [{ contextId: "c", controllerCertHash: Uint8Array.of(7) }],
    } as never),
  )?.[0] ?? {};

describe("a Wi-Fi port", () => {
  it("has its networks, with what is encrypted and how it was", () => {
    const { wifi = [], fault, interface: name } = port([{ ...network, cipherData: block }]);
    assert.deepEqual([name, fault, wifi.length], ["wlan0", undefined, 1]);
    const { secret, ...rest } = wifi[0] ?? assert.fail("no network");
    assert.deepEqual(rest, { ssid: "shop", security: "psk", priority: 3 });
    assert(secret.kind === "sealed");
    const sealed = fromBinary(cipher.CipherBlockSchema, Uint8Array.fromBase64(secret.block));
    assert.deepEqual([...sealed.cipherData], [1, 2]);
    const context = fromBinary(cipher.CipherContextSchema, Uint8Array.fromBase64(secret.context));
    assert.deepEqual([...context.controllerCertHash], [7]);
  });

  it("takes what is in clear only where nothing is encrypted", () => {
    const clear = { crypto: { identity: "ann", password: "word" } };
    const [plain] = port([{ ...network, keyScheme: 2, ...clear }]).wifi ?? [];
    assert.deepEqual(
      [plain?.security, plain?.secret],
      ["eap", { kind: "clear", user: "ann", password: "word" }],
    );
    const [both] = port([{ ...network, ...clear, cipherData: block }]).wifi ?? [];
    assert.equal(both?.secret.kind, "sealed");
  });

  const rows: readonly (readonly [RegExp, Partial<PortSpec>])[] = [
    [/air is Wi-Fi and needs a wifiCfg/, port([])],
    [/air is Wi-Fi and needs a wifiCfg/, port([network], 5, 2)],
    [/air is no Wi-Fi card/, port([network], 1)],
    [/wifiSSID: "" is not 1 to 32 bytes/, port([{ ...network, wifiSSID: "" }])],
    [/is not 1 to 32 bytes/, port([{ ...network, wifiSSID: "é".repeat(17) }])],
    [/keyScheme: 7 of shop/, port([{ ...network, keyScheme: 7 }])],
    [/no cipher context d/, port([{ ...network, cipherData: { ...block, cipherContextId: "d" } }])],
  ];
  for (const [why, { fault = "" }] of rows) it(`says ${why.source}`, () => assert.match(fault, why));
});

describe("a modem port", () => {
  const access = { simSlot: 2, apn: "internet", authProtocol: 3, forbidRoaming: true, ipType: 1 };
  const modem = (item: object | undefined, type = 2, ptype = 6): Partial<PortSpec> =>
    translatePorts(
      create(config.EdgeDevConfigSchema, {
        deviceIoList: [{ ptype, logicallabel: "wwan", phyaddrs: { ifname: "wwan0" } }],
        networks: [
          {
            ...{ id: "n", type: 4, ip: { dhcp: 4 } },
            wireless: { type, cellularCfg: item === undefined ? [] : [item] },
          },
        ],
        systemAdapterList: [{ name: "wan", lowerLayerName: "wwan", uplink: true, networkUUID: "n" }],
        cipherContexts: [{ contextId: "c" }],
      } as never),
    )?.[0] ?? {};

  it("has the access point of the SIM card in force", () => {
    const other = { ...access, simSlot: 1, apn: "other" };
    const { cellular, fault } = modem({
      ...{ activatedSimSlot: 2, accessPoints: [other, { ...access, cipherData: block }] },
    });
    const { secret, ...rest } = cellular ?? assert.fail(fault);
    assert.deepEqual(rest, {
      ...{ apn: "internet", simSlot: 2, authentication: "pap-chap", roaming: false, family: "ipv4" },
    });
    assert.equal(secret.kind, "sealed");
  });

  it("has how it becomes known to a network, and what it may use", () => {
    const attach = { attachApn: "edge", attachIpType: 3, attachAuthProtocol: 1 };
    const { cellular } = modem({ accessPoints: [{ ...access, ...attach, preferredRats: [3, 2, 3, 9] }] });
    assert.deepEqual(cellular?.attach, { apn: "edge", family: "ipv6", authentication: "pap" });
    assert.deepEqual(cellular?.technologies, ["lte", "umts"]);
  });

  it("has the one that older controllers name", () => {
    const { cellular, fault } = modem({ APN: "old" });
    assert.deepEqual([cellular?.apn, cellular?.authentication, fault], ["old", "none", undefined]);
  });

  const probes: readonly (readonly [object, object | undefined])[] = [
    [{}, undefined],
    [{ disable: true, probeAddress: "192.0.2.1" }, { kind: "none" }],
    [{ probeAddress: "probe.example.com" }, { kind: "ping", host: "probe.example.com" }],
    [{ customProbe: { probeMethod: 1 }, probeAddress: "192.0.2.1" }, { kind: "ping" }],
    [
      { customProbe: { probeMethod: 1, probeEndpoint: { host: "2001:db8::1" } } },
      { kind: "ping", host: "2001:db8::1" },
    ],
    [
      { customProbe: { probeMethod: 2, probeEndpoint: { host: "192.0.2.1", port: 443 } } },
      { kind: "tcp", host: "192.0.2.1", port: 443 },
    ],
  ];
  for (const [probe, wanted] of probes)
    it(`is tested by ${JSON.stringify(probe)}`, () => {
      const { cellular, fault } = modem({ APN: "x", probe });
      assert.deepEqual([cellular?.probe, fault], [wanted, undefined]);
    });

  const tcp = (host: string, port: number) => ({ probeMethod: 2, probeEndpoint: { host, port } });
  const faults: readonly (readonly [RegExp, Partial<PortSpec>])[] = [
    [/probe: custom_probe: TCP needs the address/, modem({ APN: "x", probe: { customProbe: tcp("a", 1) } })],
    [/port 0 is not/, modem({ APN: "x", probe: { customProbe: tcp("192.0.2.1", 0) } })],
    [/attach_apn: is longer/, modem({ accessPoints: [{ ...access, attachApn: "x".repeat(101) }] })],
    [/method 3 is none/, modem({ APN: "x", probe: { customProbe: { probeMethod: 3 } } })],
    [/"-f" is no address/, modem({ APN: "x", probe: { probeAddress: "-f" } })],
    [/wwan is a modem and needs a cellularCfg/, modem(undefined)],
    [/wwan is no modem/, modem({ APN: "x" }, 2, 1)],
    [/apn: is not 1 to 100/, modem({})],
    [/none is for SIM slot 3/, modem({ activatedSimSlot: 3, accessPoints: [access] })],
  ];
  for (const [why, { fault = "" }] of faults) it(`says ${why.source}`, () => assert.match(fault, why));
});
