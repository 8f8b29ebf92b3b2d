/** The network goes away for days; apps do not notice, and what was wanted meanwhile comes about. */
import assert from "node:assert/strict";
import { hours } from "@selvedge/base";
import { daemonSet } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

/** Of three days each, which is longer than all others live: they take a fifth of the whole simulation. */
const seeds = 100;

describe("while a node is cut off", () => {
  inWorlds(
    "three days without network, then a change",
    async (world) => {
      await world.apply(daemonSet("web"));
      await world.settle();
      const { hypervisor } = world.node();
      const launches = hypervisor.launches.length;
      world.cut();
      await world.live(hours(72 + world.random.next()));
      assert.deepEqual(await world.readyNodes(), [], "a silent node is not Ready");
      assert.equal(hypervisor.launches.length, launches, "nothing was restarted");
      assert.equal(hypervisor.machines().length, 1);
      await world.apply(daemonSet("web", { tag: "2" }));
      world.heal();
      await world.settle();
      assert.equal(hypervisor.launches.length, launches + 1, "the new version alone was started");
    },
    { seeds },
  );
});
