import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hashOf, parseRoute, type Route } from "./routes.ts";

describe("places", () => {
  const rows: readonly (readonly [string, Route])[] = [
    ["#/nodes", { at: "fleet", group: "all", search: "", page: 0 }],
    [
      "#/nodes?state=silent&search=site%3Dshops&page=3",
      { at: "fleet", group: "silent", search: "site=shops", page: 2 },
    ],
    ["#/nodes/till-9", { at: "node", name: "till-9" }],
    ["#/pods/shop/web-0", { at: "pod", namespace: "shop", name: "web-0" }],
  ];
  for (const [hash, route] of rows) {
    it(`are written and read: ${hash}`, () => {
      assert.deepEqual(parseRoute(hash), route);
      assert.equal(hashOf(route), hash);
    });
  }

  for (const [hash, at] of [
    ["", "fleet"],
    ["#/", "fleet"],
    ["#/nodes?state=none&page=-2", "fleet"],
    ["#/pods/shop", "nowhere"],
    ["#/pods/shop/a/b", "nowhere"],
    ["#/nodes/a/b", "nowhere"],
    ["#/%E0%A4%A", "nowhere"],
    ["#/secrets", "nowhere"],
  ] as const) {
    it(`are somewhere whatever was typed: ${hash}`, () => assert.equal(parseRoute(hash).at, at));
  }
});
