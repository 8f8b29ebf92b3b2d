/** A thousand nodes lose their controller and come back at once. */
import assert from "node:assert/strict";
import { below, millis, minutes, seconds } from "@selvedge/base";
import { daemonSet, type World } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

const nodes = 1000;
/**
 * To make a thousand nodes takes longer than to lose them: a world loses its own again and again. A return is ten
 * seconds of a processor (docs/decisions/0289), and what waits for real programs wants the processors, too.
 */
const worlds = 2;
const returns = 10;

async function comeBack(world: World): Promise<void> {
  // Links that were good for a while: nodes whose last attempts failed come back less and less at once.
  await world.live(minutes(1));
  const killed = world.clock.now();
  await world.killController({
    lost: millis(below(world.random, seconds(2))),
    down: millis(below(world.random, seconds(30))),
  });
  await world.until("everybody to have a link", async () => world.network.linkCount === nodes);
  await world.until(
    "everybody to be seen",
    async () => (await world.nodesLinkedSince(killed)).length === nodes,
  );
  await world.settle();
  assert.equal((await world.readyNodes()).length, nodes);
}

describe("a thousand nodes that lose their controller and come back at once", () => {
  inWorlds(
    `${returns} times`,
    async (world) => {
      await world.apply(daemonSet("web"));
      await world.settle(minutes(60));
      const launches = world.nodes.map(({ hypervisor }) => hypervisor.launches.length);
      for (let time = 0; time < returns; time++) await comeBack(world);
      assert.deepEqual(
        world.nodes.map(({ hypervisor }) => hypervisor.launches.length),
        launches,
        "nothing was restarted",
      );
    },
    { nodes, seeds: worlds, threads: worlds },
  );
});
