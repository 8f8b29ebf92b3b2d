import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claim } from "./claim.ts";

describe("claim", () => {
  it("gives a thing to one at a time, and other things to others", async () => {
    const first = await claim("/nowhere/one");
    assert.ok(first);
    assert.equal(await claim("/nowhere/one"), undefined);
    await using other = await claim("/nowhere/two");
    assert.ok(other);
    await first[Symbol.asyncDispose]();
    await using second = await claim("/nowhere/one");
    assert.ok(second);
  });
});
