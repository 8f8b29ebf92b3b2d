import assert from "node:assert/strict";
import { it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { metrics } from "@selvedge/eve-api";
import { type Pod, podKind } from "@selvedge/kinds";
import { ObjectWorld, type PlayedNode } from "../../test/object-world.ts";

it("nobody but its node speaks of an app, also when its Pod is gone", async () => {
  await using world = await ObjectWorld.start();
  const [own, other] = [await world.addNode("own"), await world.addNode("other")];
  const pod = await world.create(podKind, {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "default" } },
    spec: { nodeName: "own", containers: [{ name: "main", image: "web:1" }] },
  } as Pod);
  await world.settle();
  const { reports, usages } = world.running;
  const app = pod.metadata.uid ?? "";
  const say = async ({ id }: PlayedNode, usedMB: number): Promise<number | undefined> => {
    const message = create(metrics.ZMetricMsgSchema, { am: [{ AppID: app, appMemory: { usedMB } }] });
    await reports.metrics(id, message, toBinary(metrics.ZMetricMsgSchema, message));
    return usages.app(app, world.clock.now())?.memoryBytes;
  };
  assert.equal(await say(other, 7), undefined);
  assert.equal(await say(own, 5), 5 * 2 ** 20);
  assert.equal(await say(other, 7), 5 * 2 ** 20);
  const writers = (): boolean[] => [own, other].map(({ id }) => reports.writes(id, app));
  assert.deepEqual(writers(), [true, false]);
  assert.equal(reports.writes(other.id, own.id), false, "a node's own log is no app's");
  await world.objects.delete(podKind, "web", "default");
  await world.converge();
  assert.equal(world.running.caches.pods.by("uid", app).length, 0);
  assert.deepEqual(writers(), [true, false]);
});
