import assert from "node:assert/strict";
import { it } from "node:test";
import { type Node, nodeKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

it("a Node that somebody made by hand is told not to be Ready, and keeps what they say of it", async () => {
  await using world = await ObjectWorld.start();
  const node: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "stranger" },
    spec: {},
    status: { capacity: { cpu: "2" } },
  };
  await world.create(nodeKind, node);
  await world.converge();
  const ready = async (): Promise<unknown[]> =>
    ((await world.objects.get<Node>(nodeKind, "stranger")).status?.conditions ?? []).map(
      ({ type, status, reason }) => [type, status, reason],
    );
  assert.deepEqual(await ready(), [], "it may still report");
  await world.pass(61);
  assert.deepEqual(await ready(), [["Ready", "Unknown", "NodeStatusNeverUpdated"]]);
  assert.deepEqual((await world.objects.get<Node>(nodeKind, "stranger")).status?.capacity, { cpu: "2" });
  const conditions = [{ type: "Ready", status: "True", reason: "Mine" }];
  await world.objects.patch(
    nodeKind,
    "stranger",
    undefined,
    "merge",
    { status: { conditions } },
    { subresource: "status" },
  );
  await world.converge();
  assert.deepEqual(await ready(), [["Ready", "True", "Mine"]]);
});
