/** Several nodes at once; all-at-once.test.ts has a thousand. */
import assert from "node:assert/strict";
import { minutes, seconds } from "@selvedge/base";
import { daemonSet, type World } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

/** The controller goes, and everybody comes back at once; returns how often machines were launched. */
async function reconnect(world: World): Promise<readonly number[]> {
  await world.apply(daemonSet("web"));
  await world.settle(minutes(60));
  const launches = world.nodes.map(({ hypervisor }) => hypervisor.launches.length);
  const killed = world.clock.now();
  await world.killController({ lost: seconds(1), down: minutes(2) });
  await world.until(
    "everybody to be back",
    async () => (await world.nodesLinkedSince(killed)).length === world.nodes.length,
  );
  await world.settle();
  assert.equal((await world.readyNodes()).length, world.nodes.length);
  assert.deepEqual(
    world.nodes.map(({ hypervisor }) => hypervisor.launches.length),
    launches,
    "nothing was restarted",
  );
  return launches;
}

describe("a fleet that loses its controller and comes back at once", () => {
  inWorlds(
    "of three, then a change",
    async (world) => {
      const launches = await reconnect(world);
      await world.apply(daemonSet("web", { tag: "2" }));
      await world.settle();
      assert.deepEqual(
        world.nodes.map(({ hypervisor }) => hypervisor.launches.length),
        launches.map((count) => count + 1),
        "the new version alone was started",
      );
    },
    { nodes: 3 },
  );
});
