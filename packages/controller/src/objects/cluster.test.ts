import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type EdgeNode, edgeNodeKind } from "@selvedge/kinds";
import { NodeWorld } from "../../test/node-world.ts";
import { cachesOf } from "./caches.ts";

const edgeNode: EdgeNode = {
  ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "a" } },
  spec: { serial: "1" },
};

describe("the controller's copies of objects", () => {
  it("hold no managers, and what is written from them keeps the managers it had", async () => {
    await using world = await NodeWorld.start();
    const { cluster } = world;
    await cluster.objects.create<EdgeNode>(edgeNodeKind, edgeNode, { fieldManager: "owner" });
    await cluster.change<EdgeNode>(edgeNodeKind, "a", undefined, ({ metadata }) => {
      metadata.labels = { of: "us" };
      return true;
    });
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, "a", undefined, (draft) => {
      draft.status = { ...draft.status, serial: "1" };
      return true;
    });
    const copy = cachesOf(cluster).edgeNodes.get("a");
    assert.deepEqual([copy?.metadata.labels, copy?.status?.serial], [{ of: "us" }, "1"]);
    assert.equal(copy?.metadata.managedFields, undefined);
    const { metadata } = await cluster.objects.get<EdgeNode>(edgeNodeKind, "a");
    const owned = metadata.managedFields?.map(({ manager, subresource, fieldsV1 }) => [
      ...[manager, subresource, Object.keys(fieldsV1 ?? {})],
    ]);
    assert.deepEqual(
      new Set(owned),
      new Set([
        ["owner", undefined, ["f:spec"]],
        ["controller", undefined, ["f:metadata"]],
        ["controller", "status", ["f:status"]],
      ]),
    );
  });
});
