/** A failure is a seed: the same seed must be the same world, whatever else the machine does. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { millis, minutes, seconds } from "@selvedge/base";
import { daemonSet, World } from "../../packages/harness/src/index.ts";

/**
 * Keys are truly random, and hashes over certificates with them; nothing that happens depends on their
 * bits.
 */
const ofKeys = /[\w-]{43}/g;

async function live(seed: number): Promise<string[]> {
  await using world = await World.make(seed, { nodes: 2 });
  await world.apply(daemonSet("web"));
  await world.live(millis(world.random.next() * 3000));
  world.node().killEngine();
  Object.assign(world.network.faults, { answerLost: 0.1, bodyReset: 0.1, refused: 0.1 });
  await world.apply(daemonSet("web", { tag: "2" }));
  await world.live(minutes(1));
  Object.assign(world.network.faults, { answerLost: 0, bodyReset: 0, refused: 0 });
  await world.killController({ lost: seconds(1), down: seconds(30) });
  await world.settle();
  const said = [...world.nodes.flatMap(({ name, log }) => [name, ...log]), ...world.controller.log];
  return [...said.map((line) => line.replaceAll(ofKeys, "…")), `over at ${world.clock.monotonic()}`];
}

for (const seed of [1, 2, 3]) {
  it(`seed ${seed} is one world, to the millisecond and the word`, async () => {
    assert.deepEqual(await live(seed), await live(seed));
  });
}
