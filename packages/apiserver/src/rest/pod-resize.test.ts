import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { applyConfiguration } from "./patching.ts";
import { planUpdate } from "./write-plan.ts";

const list = { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] };
const container = {
  type: "object",
  properties: {
    ...{ name: { type: "string" }, image: { type: "string" } },
    resources: {
      type: "object",
      properties: { limits: { type: "object", additionalProperties: { type: "string" } } },
    },
  },
};
const pod: KindDefinition = {
  ...{
    group: "",
    version: "v1",
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    namespaced: true,
    columns: [],
  },
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          nodeName: { type: "string" },
          containers: { ...list, items: container },
          initContainers: { ...list, items: container },
        },
      },
    },
  },
  subresources: { status: true },
} as KindDefinition;

const [small, large] = [{ limits: { cpu: "1" } }, { limits: { cpu: "2" } }];

function podOf(spec: object, metadata: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "b", ...metadata }, spec };
}

function resized(stored: KubeObject, wanted: KubeObject): KubeObject {
  const context = {
    kind: pod,
    rules: {},
    manager: "me",
    subresource: "resize",
    time: "2026-01-01T00:00:00Z",
  };
  return planUpdate(structuredClone(stored), wanted, context);
}

describe("a write to a Pod's resize", () => {
  const web = { name: "web", image: "web:1" };
  const stored = podOf({ nodeName: "n", containers: [{ ...web, resources: small }] });

  it("changes the size and nothing else", () => {
    const containers = [{ ...web, image: "web:2", resources: large }];
    const wanted = podOf({ nodeName: "m", containers }, { labels: { a: "b" } });
    const { metadata, spec } = resized(stored, wanted);
    assert.deepEqual(spec, { nodeName: "n", containers: [{ ...web, resources: large }] });
    assert.equal(metadata.labels, undefined);
    assert.equal(metadata.generation, 1);
    const [entry] = metadata.managedFields ?? [];
    assert.deepEqual([entry?.manager, entry?.subresource], ["me", "resize"]);
  });

  it("hands another list of containers to the kind, which refuses it", () => {
    const containers = [{ ...web, resources: small }, { name: "more" }];
    assert.deepEqual(resized(stored, podOf({ containers })).spec, { nodeName: "n", containers });
  });

  it("is applied by what it says of sizes, and owns no more", () => {
    const patch = podOf({ nodeName: "m", containers: [{ ...web, image: "web:2", resources: large }] });
    const request = { kind: pod, stored, patch, manager: "me", force: false, subresource: "resize" };
    const applied = applyConfiguration({ ...request, time: "2026-01-01T00:00:00Z" });
    assert.deepEqual(applied["spec"], { nodeName: "n", containers: [{ ...web, resources: large }] });
    const own = { ".": {}, "f:name": {}, "f:resources": { "f:limits": { "f:cpu": {} } } };
    assert.deepEqual(
      applied.metadata.managedFields?.find(({ operation }) => operation === "Apply")?.fieldsV1,
      {
        "f:spec": { "f:containers": { 'k:{"name":"web"}': own } },
      },
    );
    const silent = { ...patch, metadata: { ...patch.metadata, annotations: { a: "b" } }, spec: {} };
    const unsaid = applyConfiguration({ ...request, patch: silent, time: "2026-01-01T00:00:00Z" });
    assert.equal(unsaid.metadata.managedFields?.length ?? 0, 0);
  });
});
