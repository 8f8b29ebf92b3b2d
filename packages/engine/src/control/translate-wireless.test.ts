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
