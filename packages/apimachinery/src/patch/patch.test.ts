import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Schema } from "../schema.ts";
import { jsonPatch } from "./json-patch.ts";
import { mergePatch } from "./merge-patch.ts";
import { PatchError } from "./patch-error.ts";
import { strategicMergePatch } from "./strategic-merge-patch.ts";

describe("jsonPatch", () => {
  for (const [what, object, patch, expected] of [
    ["adds a member", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["adds before an item", [1, 3], [{ op: "add", path: "/1", value: 2 }], [1, 2, 3]],
    ["adds at the end", [1], [{ op: "add", path: "/-", value: 2 }], [1, 2]],
    ["replaces the whole", { a: 1 }, [{ op: "replace", path: "", value: [] }], []],
    ["reads escapes", { "a/b": { "c~d": 1 } }, [{ op: "remove", path: "/a~1b/c~0d" }], { "a/b": {} }],
    ["moves", { a: { b: 1 } }, [{ op: "move", from: "/a/b", path: "/c" }], { a: {}, c: 1 }],
    ["copies", { a: [1] }, [{ op: "copy", from: "/a", path: "/b" }], { a: [1], b: [1] }],
    [
      "tests without regard to order",
      { a: { x: 1, y: 2 } },
      [{ op: "test", path: "/a", value: { y: 2, x: 1 } }],
      { a: { x: 1, y: 2 } },
    ],
    ["tests for null", { a: null }, [{ op: "test", path: "/a", value: null }], { a: null }],
    ["tests that there is none", {}, [{ op: "test", path: "/a", value: null }], {}],
    ["replaces what is not there", { a: {} }, [{ op: "replace", path: "/a/b", value: 1 }], { a: { b: 1 } }],
  ] as const) {
    it(what, () => assert.deepEqual(jsonPatch(object, patch), expected));
  }

  for (const [what, object, patch] of [
    ["a path that is not there", {}, [{ op: "remove", path: "/a" }]],
    ["a parent that is not there", {}, [{ op: "add", path: "/a/b", value: 1 }]],
    ["an index out of bounds", [1], [{ op: "add", path: "/2", value: 1 }]],
    ["an index with a leading zero", [1], [{ op: "replace", path: "/00", value: 1 }]],
    ["a failed test", { a: 1 }, [{ op: "test", path: "/a", value: 2 }]],
    ["a value missing", {}, [{ op: "add", path: "/a" }]],
    ["to replace an item that is not there", [1], [{ op: "replace", path: "/1", value: 1 }]],
    ["to replace in what is not there", {}, [{ op: "replace", path: "/a/b", value: 1 }]],
    ["an index before the first", [1], [{ op: "remove", path: "/-1" }]],
    ["an unknown operation", {}, [{ op: "spam", path: "/a" }]],
    ["a move into itself", { a: { b: {} } }, [{ op: "move", from: "/a", path: "/a/b/c" }]],
    ["a pointer without a slash", {}, [{ op: "add", path: "a", value: 1 }]],
    ["a wrong escape", { "a~": 1 }, [{ op: "remove", path: "/a~" }]],
    ["an inherited member", {}, [{ op: "remove", path: "/toString" }]],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => jsonPatch(object, patch as never), PatchError));
  }

  it("leaves the prototype alone, and the object given", () => {
    const object = { a: 1 };
    const result = jsonPatch(object, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
    assert.ok(Object.hasOwn(result as object, "__proto__"));
    assert.deepEqual(object, { a: 1 });
  });

  it("bounds what copies make", () => {
    const patch = Array.from({ length: 30 }, () => ({ op: "copy", from: "/a", path: "/a/-" }) as const);
    assert.throws(() => jsonPatch({ a: ["x".repeat(1000)] }, patch), /copies add more/);
  });
});

describe("mergePatch", () => {
  for (const [object, patch, expected] of [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: "foo" }, null, null],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [["a", "b"], { a: "c" }, { a: "c" }],
  ] as const) {
    it(`${JSON.stringify(object)} with ${JSON.stringify(patch)}`, () => {
      assert.deepEqual(mergePatch(object, patch), expected);
    });
  }
});

const list = (items: Schema, key?: string): Schema => ({
  ...{ type: "array", items, "x-kubernetes-patch-strategy": "merge" },
  ...(key === undefined ? {} : { "x-kubernetes-patch-merge-key": key }),
});
const schema: Schema = {
  properties: {
    containers: list({ properties: { env: list({}, "name"), image: { type: "string" } } }, "name"),
    finalizers: list({ type: "string" }),
    args: { type: "array", items: { type: "string" } },
    strategy: { "x-kubernetes-patch-strategy": "retainKeys", properties: {} },
  },
};

describe("strategicMergePatch", () => {
  const containers = [
    { name: "a", image: "1" },
    { name: "b", image: "1" },
  ];
  for (const [what, object, patch, expected] of [
    [
      "merges items by key",
      { containers },
      { containers: [{ name: "b", image: "2" }] },
      {
        containers: [
          { name: "a", image: "1" },
          { name: "b", image: "2" },
        ],
      },
    ],
    ["adds an item", { containers: [] }, { containers: [{ name: "c" }] }, { containers: [{ name: "c" }] }],
    [
      "deletes an item",
      { containers },
      { containers: [{ name: "a", $patch: "delete" }] },
      { containers: containers.slice(1) },
    ],
    [
      "replaces a list",
      { containers },
      { containers: [{ $patch: "replace" }, { name: "z" }] },
      { containers: [{ name: "z" }] },
    ],
    [
      "orders items",
      { containers },
      { $setElementOrder: 1, "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] },
      {
        containers: [containers[1], containers[0]],
      },
    ],
    [
      "leaves a new item as it is",
      { containers },
      { containers: [{ name: "c", env: [{ $patch: "replace" }, { name: "A", $patch: "delete" }] }] },
      {
        containers: [
          { name: "c", env: [{ $patch: "replace" }, { name: "A", $patch: "delete" }] },
          ...containers,
        ],
      },
    ],
    [
      "looks into no item that replaces",
      { containers },
      { containers: [{ $patch: "replace" }, { name: "z", env: [{ $patch: "replace" }] }] },
      { containers: [{ name: "z", env: [{ $patch: "replace" }] }] },
    ],
    [
      "replaces a plain list as it is",
      { rules: [{ key: "a" }] },
      { rules: [{ key: "b", $patch: "delete" }] },
      { rules: [{ key: "b", $patch: "delete" }] },
    ],
    [
      "takes directives out of a new member",
      {},
      {
        containers: [
          { name: "c", $patch: "delete" },
          { name: "d", env: [{ $patch: "replace" }, { name: "A" }] },
        ],
      },
      { containers: [{ name: "d", env: [{ name: "A" }] }] },
    ],
    ["adds to a set once", { finalizers: ["a"] }, { finalizers: ["a", "b"] }, { finalizers: ["a", "b"] }],
    [
      "takes out of a set",
      { finalizers: ["a", "b"] },
      { "$deleteFromPrimitiveList/finalizers": ["a"] },
      { finalizers: ["b"] },
    ],
    ["replaces a plain list", { args: ["a"] }, { args: ["b"] }, { args: ["b"] }],
    ["removes a member", { args: ["a"], x: 1 }, { args: null }, { x: 1 }],
    [
      "retains only what it lists",
      { strategy: { type: "A", rolling: {} } },
      { strategy: { $retainKeys: ["type"], type: "B" } },
      {
        strategy: { type: "B" },
      },
    ],
    ["empties an object", { strategy: { type: "A" } }, { strategy: { $patch: "delete" } }, { strategy: {} }],
  ] as const) {
    it(what, () => assert.deepEqual(strategicMergePatch(object as never, patch as never, schema), expected));
  }

  it("refuses an item without its key, and an unknown directive", () => {
    assert.throws(
      () => strategicMergePatch({ containers: [{ name: "a" }] }, { containers: [{ image: "x" }] }, schema),
      /merge key: name/,
    );
    assert.throws(() => strategicMergePatch({}, { $patch: "spam" }, schema), /unknown patch type: spam/);
  });
});
