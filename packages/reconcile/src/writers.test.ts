import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom, seconds } from "@selvedge/base";
import { backoffDelay } from "./backoff.ts";
import { checkWriters, describeWriters } from "./writers.ts";

describe("checkWriters", () => {
  it("refuses two writers of one kind", () => {
    const one = { name: "one", reads: [], writes: ["Pod.status"] };
    const two = { name: "two", reads: ["Pod"], writes: ["Pod.status"] };
    assert.throws(() => checkWriters([one, two]), /Pod\.status has two writers: one and two/);
    checkWriters([one]);
    assert.equal(describeWriters([two]), "two: Pod -> Pod.status");
  });
});

describe("backoffDelay", () => {
  it("doubles up to its bound and leaves half to chance", () => {
    const policy = { first: seconds(1), max: seconds(60) };
    const random = new SeededRandom(7);
    for (const [failures, full] of [
      [1, 1000],
      [2, 2000],
      [6, 32_000],
      [7, 60_000],
      [10_000, 60_000],
    ] as const) {
      const delay = backoffDelay(policy, failures, random);
      assert.ok(delay >= full / 2 && delay <= full, `${failures} failures: ${delay}`);
    }
  });
});
