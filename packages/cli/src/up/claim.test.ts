import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claimFolder } from "./claim.ts";

describe("claimFolder", () => {
  it("gives a folder to one at a time, and other folders to others", async () => {
    const first = await claimFolder("/nowhere/one");
    assert.ok(first);
    assert.equal(await claimFolder("/nowhere/one"), undefined);
    await using other = await claimFolder("/nowhere/two");
    assert.ok(other);
    await first[Symbol.asyncDispose]();
    await using second = await claimFolder("/nowhere/one");
    assert.ok(second);
  });
});
