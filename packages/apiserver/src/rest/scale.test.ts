import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { scaleOf } from "./scale.ts";

const kindOf = (group: string): KindDefinition => ({
  ...{ group, version: "v1", kind: "Copies", plural: "copies", singular: "copies", namespaced: true },
  ...{ columns: [], schema: { type: "object" } },
  subresources: {
    scale: { specReplicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  },
});

describe("the selector of a scale", () => {
  for (const [group, selector, text] of [
    ["apps", { matchLabels: { app: "web" } }, "app=web"],
    ["apps", { matchExpressions: [{ key: "app", operator: "Exists" }] }, "app"],
    ["", { app: "web", tier: "front" }, "app=web,tier=front"],
    ["", undefined, undefined],
    ["lab.example", "app in (a,b)", "app in (a,b)"],
  ] as const) {
    it(`of ${JSON.stringify(selector)} is ${text}`, () => {
      const metadata = { name: "one", namespace: "default" };
      const spec = { replicas: 2, ...(selector !== undefined && { selector }) };
      const scale = scaleOf(kindOf(group), { apiVersion: "v1", kind: "Copies", metadata, spec });
      const { status } = scale as { status?: { selector?: string } };
      assert.equal(status?.selector, text);
    });
  }
});
