/** Many nodes at once. */
import assert from "node:assert/strict";
import { minutes, seconds } from "@selvedge/base";
import { daemonSet, type World } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

describe("a fleet", () => {
  const everybody = async (world: World): Promise<void> => {
    await world.apply(daemonSet("web"));
    await world.settle(minutes(60));
    const launches = world.nodes.map(({ hypervisor }) => hypervisor.launches.length);
    await world.killController({ lost: seconds(1), down: minutes(2) });
    await world.until(
      "everybody to be back",
      async () => (await world.readyNodes()).length === world.nodes.length,
    );
    assert.deepEqual(
      world.nodes.map(({ hypervisor }) => hypervisor.launches.length),
      launches,
      "nothing was restarted",
    );
  };

  inWorlds("of three loses its controller and comes back at once", everybody, { nodes: 3 });
  inWorlds("of a hundred loses its controller and comes back at once", everybody, { nodes: 100, seeds: 1 });
});
