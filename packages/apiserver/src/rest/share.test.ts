import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { share } from "./share.ts";

describe("share", () => {
  const like = { a: { b: [1, { c: 2 }] }, d: { e: null } };

  it("gives back the other where all is equal, whatever the order", () => {
    assert.equal(share({ d: { e: null }, a: { b: [1, { c: 2 }] } }, like), like);
  });

  it("takes over every part that is equal, and nothing else", () => {
    const value = { a: { b: [1, { c: 2 }, 3] }, d: { e: null } };
    const shared = share(value, like) as typeof value;
    assert.equal(shared, value);
    assert.deepEqual(shared, { a: { b: [1, { c: 2 }, 3] }, d: { e: null } });
    assert.equal(shared.d, like.d);
    assert.equal(shared.a.b[1], like.a.b[1]);
  });

  for (const [why, value, other] of [
    ["a member more", { a: 1, b: 2 }, { a: 1 }],
    ["a member less", { a: 1 }, { a: 1, b: 2 }],
    ["another member", { a: 1 }, { b: 1 }],
    ["a shorter list", [1], [1, 2]],
    ["a list that was an object", [], {}],
    ["an object that was nothing", {}, null],
    ["an inherited name", { toString: Object.prototype.toString }, {}],
  ] as const) {
    it(`tells ${why} apart`, () => assert.equal(share(value, other) === value, true));
  }
});
