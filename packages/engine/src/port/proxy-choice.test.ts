import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { PortsStatus } from "../observed.ts";
import type { PortSpec, ProxySpec } from "./port-spec.ts";
import { proxyFor } from "./proxy-choice.ts";

const proxy = (server: string, ...exceptions: string[]): ProxySpec => ({
  server,
  exceptions,
  certificates: [],
  automatic: false,
});
const port = (name: string, cost: number, more: Partial<PortSpec> = {}): PortSpec => ({
  ...{ name, interface: name, labels: [], uplink: true, cost, ...more },
});
const status = (ports: PortSpec[], failed: string[] = []): PortsStatus => ({
  ...{
    book: { configs: [{ digest: "a", ports, since: instant(0), lastError: "" }], current: 0 },
    cards: {},
    failed,
  },
});
const two = [
  port("b", 5, { proxy: proxy("b:1") }),
  port("a", 1, { proxy: proxy("a:1", "x.org", "10.0.0.0/8", "*.y.net") }),
];

describe("the proxy of an address", () => {
  const rows: readonly (readonly [string, PortsStatus | undefined, string, string | undefined])[] = [
    ["is none where nothing is known of ports", undefined, "z.org", undefined],
    ["is that of the cheapest uplink", status(two), "z.org", "a:1"],
    ["is the next one's while that one fails", status(two, ["a"]), "z.org", "b:1"],
    [
      "is none of a port that is no uplink",
      status([port("a", 1, { proxy: proxy("a:1"), uplink: false })]),
      "z.org",
      undefined,
    ],
    ["is not asked for an exception", status(two), "x.org", undefined],
    ["nor for what is below one", status(two), "a.x.org", undefined],
    ["nor below a wildcard", status(two), "a.y.net", undefined],
    ["nor in a network", status(two), "10.9.8.7", undefined],
    ["but for a name that only ends alike", status(two), "notx.org", "a:1"],
    ["and outside of the network", status(two), "11.0.0.1", "a:1"],
  ];
  for (const [name, now, host, server] of rows)
    it(name, () => assert.equal(proxyFor(now, host)?.server, server));
});
