import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PortSpec } from "../desired.ts";
import type { Family } from "./address.ts";
import { answerChain, answerWays } from "./answer-plan.ts";

const port = (card: string): PortSpec => ({
  ...{ name: card, interface: card, labels: [], uplink: true, cost: 0 },
});
const ports = ["up0", "up1", "up2"].map(port);
const addresses = new Map([
  ["up0", ["192.0.2.9", "2001:db8::9"]],
  ["up2", ["192.0.4.9"]],
]);

describe("answers of apps", () => {
  const rows: readonly (readonly [why: string, families: readonly Family[], ways: readonly string[]])[] = [
    ["have a way of their own by each card with an address", ["ip"], ["up0 7800", "up2 7802"]],
    ["need none where there is one card", ["ip6"], []],
    ["need none where no port leads to an app", [], []],
  ];
  for (const [why, families, wanted] of rows)
    it(why, () => {
      const ways = answerWays(ports, addresses, new Set(families));
      assert.deepEqual(
        ways.map(({ card, table }) => `${card} ${table}`),
        wanted,
      );
    });

  it("are known by whom was asked, unless an app did", () => {
    const chain = answerChain("sv", answerWays(ports, addresses, new Set(["ip"])), [
      "10.1.0.0/24",
      "fd00::/64",
    ]);
    assert.match(
      chain,
      /ct original ip saddr != { 10\.1\.0\.0\/24 } .* ip daddr map { 192\.0\.2\.9 : 32256, 192\.0\.4\.9 : 32258 }/,
    );
    assert.equal(answerChain("sv", [], ["10.1.0.0/24"]), "");
  });
});
