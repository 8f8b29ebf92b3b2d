import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { goSyntax, goText, goType } from "./go-text.ts";

const rows: readonly (readonly [value: unknown, text: string, syntax: string, type: string])[] = [
  [null, "<nil>", "interface {}(nil)", "<nil>"],
  ["a b", "a b", '"a b"', "string"],
  [true, "true", "true", "bool"],
  [587, "587", "587", "int64"],
  [2026.01, "2026.01", "2026.01", "float64"],
  [[1, "b"], "[1 b]", '[]interface {}{1, "b"}', "[]interface {}"],
  [
    { metadata: { labels: "x", a: [true, null] } },
    "map[metadata:map[a:[true <nil>] labels:x]]",
    'map[string]interface {}{"metadata":map[string]interface {}{' +
      '"a":[]interface {}{true, interface {}(nil)}, "labels":"x"}}',
    "map[string]interface {}",
  ],
];

describe("values as Go prints them", () => {
  for (const [value, ...printed] of rows)
    it(printed[0], () => assert.deepEqual([goText(value), goSyntax(value), goType(value)], printed));
});
