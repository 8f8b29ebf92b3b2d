import assert from "node:assert/strict";
import { describe, it } from "node:test";
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
