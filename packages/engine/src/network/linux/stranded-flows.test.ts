import assert from "node:assert/strict";
import { it } from "node:test";
import { forgetLines } from "./stranded-flows.ts";

const cards = new Map([
  ["up0", ["192.0.2.9"]],
  ["up1", ["192.0.3.9"]],
]);
const routes = [
  "default via 192.0.3.1 dev up1",
  "198.51.100.0/24 via 192.0.2.1 dev up0",
  "10.77.0.0/24 dev svb0",
];
const flow = (to: string, answerer: string, as: string): string =>
  `tcp      6 431999 ESTABLISHED src=10.77.0.2 dst=${to} sport=1 dport=2 src=${answerer} dst=${as} sport=2 dport=1`;

const rows: readonly (readonly [why: string, line: string, forgotten: boolean])[] = [
  ["left by the other card", flow("203.0.113.1", "203.0.113.1", "192.0.2.9"), true],
  ["leaves as it did", flow("203.0.113.1", "203.0.113.1", "192.0.3.9"), false],
  ["has a way of its own that stayed", flow("198.51.100.7", "198.51.100.7", "192.0.2.9"), false],
  ["has a way of its own that moved", flow("198.51.100.7", "198.51.100.7", "192.0.3.9"), true],
  ["is nobody's outside", flow("10.77.0.3", "10.77.0.3", "10.77.0.2"), false],
  ["asks the node, and an app answers", flow("192.0.2.9", "10.77.0.3", "10.77.0.1"), false],
];
for (const [why, line, forgotten] of rows)
  it(`a flow that ${why} is ${forgotten ? "forgotten" : "kept"}`, () =>
    assert.equal(forgetLines(line, "ipv4", routes, cards).length, forgotten ? 1 : 0));

it("is forgotten by whom it is from, to whom, and as whom", () =>
  assert.deepEqual(
    forgetLines(
      [1, 2].map(() => flow("203.0.113.1", "203.0.113.1", "192.0.2.9")).join("\n"),
      "ipv4",
      routes,
      cards,
    ),
    ["-D -f ipv4 -s 10.77.0.2 -d 203.0.113.1 -q 192.0.2.9"],
  ));
