import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Instant, instant, Log, seconds, silentSink } from "@selvedge/base";
import { type Event, eventKind, type Pod } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { EventRecorder, type Happening } from "./event-recorder.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "uid-web" },
  spec: { containers: [{ name: "web", image: "web:1" }] },
};

const happening = (reason: string, more: Partial<Happening> = {}): Happening => ({
  ...{ type: "Normal", reason, message: `it is ${reason}`, component: "engine", ...more },
});

async function told(world: ObjectWorld): Promise<string[]> {
  const { items } = await world.objects.list<Event>(eventKind);
  return items.map(({ reason, count }) => `${reason} ${count}`);
}

describe("Events", () => {
  it("are listed in the order in which they began, and counted while they are remembered", async () => {
    await using world = await ObjectWorld.start();
    const recorder = new EventRecorder(
      world.running.cluster,
      world.clock,
      new Log("test", world.clock, silentSink),
    );
    const reasons = ["Scheduled", "Pulling", "Pulled", "Created", "Started", "Unhealthy", "Killing"];
    for (const reason of reasons) {
      await recorder.record(pod, happening(reason));
      world.clock.step(seconds(1));
    }
    await recorder.record(pod, happening("Pulling"));
    assert.deepEqual(
      await told(world),
      reasons.map((reason) => `${reason} ${reason === "Pulling" ? 2 : 1}`),
    );
    const [{ metadata } = { metadata: { name: "" } }] = (await world.objects.list<Event>(eventKind)).items;
    assert.match(metadata.name, /^web\.[0-9a-f]{16}$/);
  });

  it("that a node counts itself are the same after a new start", async () => {
    await using world = await ObjectWorld.start();
    const at = (second: number): Instant => instant(world.clock.now() + seconds(second));
    const [firstAt, log] = [at(0), new Log("test", world.clock, silentSink)];
    for (const count of [1, 4]) {
      const recorder = new EventRecorder(world.running.cluster, world.clock, log);
      await recorder.record(pod, happening("Unhealthy", { count, firstAt, lastAt: at(count) }));
    }
    assert.deepEqual(await told(world), ["Unhealthy 4"]);
  });
});
