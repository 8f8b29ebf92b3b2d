import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressAt, defaultServiceRange, isWithin, parseServiceRange } from "./service-range.ts";

describe("a range of addresses for Services", () => {
  const rows: readonly (readonly [text: string, cidr: string | undefined, kept?: number])[] = [
    ["10.96.0.0/12", "10.96.0.0/12", 256],
    ["10.0.0.0/24", "10.0.0.0/24", 16],
    ["10.0.0.77/24", "10.0.0.0/24", 16],
    ["192.168.1.8/29", "192.168.1.8/29", 4],
    ["10.0.0.0", undefined],
    ["10.0.0.0/", undefined],
    ["10.0.0.0/30", undefined],
    ["10.0.0.0/7", undefined],
    ["10.0.0.256/24", undefined],
    ["fd00::/108", undefined],
  ];
  for (const [text, cidr, kept] of rows) {
    it(`${text} is ${cidr}`, () => {
      const range = parseServiceRange(text);
      assert.deepEqual([range?.cidr, range?.kept], [cidr, kept]);
    });
  }

  it("has all addresses but its first and its last", () => {
    assert.deepEqual(parseServiceRange(defaultServiceRange.cidr), defaultServiceRange);
    assert.equal(addressAt(defaultServiceRange, 1), "10.96.0.1");
    const asked = ["10.96.0.0", "10.96.0.1", "10.111.255.254", "10.111.255.255", "10.0.0.1", "fd00::1"];
    const within = asked.map((one) => isWithin(defaultServiceRange, one));
    assert.deepEqual(within, [false, true, true, false, false, false]);
  });
});
