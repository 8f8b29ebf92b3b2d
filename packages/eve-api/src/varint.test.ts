import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readVarint, varintOf } from "./varint.ts";

describe("varint", () => {
  for (const [value, bytes] of [
    [0, [0]],
    [127, [127]],
    [128, [128, 1]],
    [300, [172, 2]],
    [2 ** 32, [128, 128, 128, 128, 16]],
    [Number.MAX_SAFE_INTEGER, [255, 255, 255, 255, 255, 255, 255, 15]],
  ] as const) {
    it(`writes and reads ${value}`, () => {
      assert.deepEqual(varintOf(value), bytes);
      assert.deepEqual(readVarint(Uint8Array.of(9, ...bytes, 9), 1), { value, next: 1 + bytes.length });
    });
  }

  it("reads nothing that is cut short or without end", () => {
    assert.equal(readVarint(Uint8Array.of(128, 128), 0), undefined);
    assert.equal(readVarint(new Uint8Array(11).fill(128), 0), undefined);
    assert.equal(readVarint(new Uint8Array(), 0), undefined);
  });
});
