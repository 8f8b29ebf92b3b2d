import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isNewer, objectKey, splitKey } from "./object-key.ts";

describe("keys and revisions", () => {
  it("are made and taken apart", () => {
    assert.deepEqual(splitKey(objectKey("a", "d")), { name: "a", namespace: "d" });
    assert.deepEqual(splitKey(objectKey("a")), { name: "a", namespace: "" });
  });

  it("are compared as numbers of any size", () => {
    for (const [left, right, newer] of [
      ["9", "10", false],
      ["10", "9", true],
      ["7", "7", false],
      ["18446744073709551615", "18446744073709551614", true],
      ["1", undefined, true],
      [undefined, "1", false],
      [undefined, undefined, false],
    ] as const) {
      assert.equal(isNewer(left, right), newer, `${left} after ${right}`);
    }
  });
});
