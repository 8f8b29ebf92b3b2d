import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { selectionOf } from "./selection.ts";

const spec = {
  type: "object",
  properties: { closed: { type: "boolean" }, count: { type: "integer" }, place: { type: "string" } },
} as const;
const builtIn: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gate", plural: "gates", singular: "gate" },
  ...{ namespaced: false, columns: [], schema: { type: "object", properties: { spec } } },
  selectableFields: ["spec.closed", "spec.count", "spec.place"],
  computedFields: { where: ({ metadata }) => `at ${metadata.name}` },
};
const custom: KindDefinition = { ...builtIn, custom: true };

describe("a field selector", () => {
  const rows: readonly (readonly [string, KindDefinition, object, boolean])[] = [
    ["spec.closed=false", builtIn, {}, true],
    ["spec.closed=true", builtIn, {}, false],
    ["spec.closed!=false", builtIn, { closed: true }, true],
    ["spec.count=0", builtIn, {}, true],
    ["spec.place=", builtIn, {}, true],
    ["spec.place=", builtIn, { place: "here" }, false],
    ["where=at a", builtIn, {}, true],
    ["where!=at a", builtIn, {}, false],
    // Upstream leaves those of custom kinds empty.
    ["spec.closed=false", custom, {}, false],
    ["spec.closed=", custom, {}, true],
  ];
  for (const [fieldSelector, kind, said, matches] of rows) {
    const whose = kind.custom ? "a custom kind" : "a kind of the server's own";
    it(`${fieldSelector} of ${JSON.stringify(said)} of ${whose}`, () => {
      const object = { apiVersion: "lab.example/v1", kind: "Gate", metadata: { name: "a" }, spec: said };
      assert.equal(selectionOf(kind, { fieldSelector }).matchesObject(object), matches);
    });
  }
});
