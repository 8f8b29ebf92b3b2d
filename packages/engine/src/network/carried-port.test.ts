import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NetworkId, NetworkSpec, PortSpec } from "../desired.ts";
import { carriedFault, carriedPort, spokenPorts } from "./carried-port.ts";

const wire: NetworkSpec = {
  ...{ id: "w" as NetworkId, name: "wire", kind: "switch", subnet: "", gateway: "", port: "wan" },
  ...{ dhcpFirst: "", dhcpLast: "", dns: [], hosts: [] },
};
const wan: PortSpec = { name: "wan", interface: "eth0", labels: ["all-cards"], uplink: true, cost: 0 };
const quiet: PortSpec = {
  ...wan,
  name: "quiet",
  interface: "eth1",
  uplink: false,
  address: { kind: "none" },
};
const wifi = [
  {
    ...({ ssid: "shop", security: "psk", priority: 0 } as const),
    secret: { kind: "clear", user: "", password: "" } as const,
  },
];

describe("a switch on a card of the node", () => {
  const rows: readonly (readonly [string, Partial<NetworkSpec>, PortSpec[], string | undefined])[] = [
    ["takes an uplink along", {}, [wan, quiet], "eth0"],
    ["has a card for itself that nobody speaks by", { port: "quiet" }, [wan, quiet], undefined],
    [
      "takes along a port that has an address and is no uplink",
      { port: "quiet" },
      [wan, { ...quiet, address: { kind: "dhcp" } }],
      "eth1",
    ],
    ["takes none along that cannot speak", {}, [{ ...wan, fault: "x" }], undefined],
    ["has none without a port", { port: "" }, [wan], undefined],
    ["is no network behind NAT", { kind: "local" }, [wan], undefined],
  ];
  for (const [name, more, ports, card] of rows)
    it(name, () => assert.equal(carriedPort({ ...wire, ...more }, ports)?.interface, card));

  it("shares one at most, and no radio", () => {
    const both = carriedFault({ ...wire, port: "all-cards" }, [
      wan,
      { ...wan, name: "b", interface: "eth1" },
    ]);
    assert.match(both ?? "", /wan and b both speak/);
    assert.match(carriedFault(wire, [{ ...wan, wifi }]) ?? "", /wan is Wi-Fi/);
    assert.equal(carriedFault(wire, [wan]), undefined);
  });

  it("speaks for the card in all rules", () => {
    const ports = spokenPorts([wan, quiet], new Map([["eth0", "svu3"]]));
    assert.deepEqual(
      ports.map((port) => port.interface),
      ["svu3", "eth1"],
    );
  });
});
