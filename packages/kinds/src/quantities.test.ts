import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalQuantity } from "./quantities.ts";

describe("an amount as upstream writes it", () => {
  for (const [text, canonical] of [
    ["1", "1"],
    [0.5, "500m"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["0.1", "100m"],
    ["1000", "1k"],
    ["1500", "1500"],
    ["0", "0"],
    ["0Mi", "0"],
    ["1024Mi", "1Gi"],
    ["1536Mi", "1536Mi"],
    ["0.5Gi", "512Mi"],
    ["0.5Ki", "512"],
    ["1.1Ki", "1126400m"],
    ["999Mi", "999Mi"],
    ["1e3", "1e3"],
    ["1500e0", "1500"],
    ["12e7", "120e6"],
    ["-1000m", "-1"],
    ["lots", undefined],
  ] as const) {
    it(`${text} is ${canonical}`, () => assert.equal(canonicalQuantity(text), canonical));
  }
});
