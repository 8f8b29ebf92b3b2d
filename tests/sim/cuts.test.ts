/**
 * The engine or the power goes at any moment; what was accepted is there afterwards, and what ran on runs
 * on.
 */
import assert from "node:assert/strict";
import { below, millis, seconds } from "@selvedge/base";
import { daemonSet } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

describe("in the middle of anything", () => {
  inWorlds("the engine is killed again and again", async (world) => {
    await world.apply(daemonSet("old"));
    await world.settle();
    const node = world.node();
    const [old] = node.hypervisor.machines();
    await world.apply(daemonSet("web"));
    for (let kills = 0; kills < 4; kills++) {
      await world.live(millis(world.random.next() * 3000));
      node.killEngine();
    }
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.live(millis(world.random.next() * 3000));
    node.killEngine();
    await world.settle();
    assert.equal(old?.isGone, false, "the app that nobody changed was not restarted");
    assert.equal(node.hypervisor.machines().length, 2);
  });

  inWorlds("the power is cut while content comes down", async (world) => {
    await world.apply(daemonSet("web"));
    await world.live(millis(world.random.next() * 600));
    world.powerCut(0, seconds(5));
    await world.live(millis(5000 + world.random.next() * 1500));
    world.powerCut(0, seconds(5));
    await world.settle();
  });

  inWorlds("the power is cut in the middle of a write", async (world) => {
    await world.apply(daemonSet("web"));
    await world.settle();
    const node = world.node();
    await world.apply(daemonSet("web", { tag: "2" }));
    node.powerCutDuringWrite(1 + below(world.random, 30), seconds(3));
    await world.live(seconds(30));
    node.powerCutDuringWrite(1 + below(world.random, 8), seconds(3));
    await world.apply(daemonSet("more"));
    await world.settle();
  });

  inWorlds("the box reboots without a controller", async (world) => {
    await world.apply(daemonSet("web"));
    await world.settle();
    const node = world.node();
    world.cut();
    await world.live(seconds(1 + world.random.next() * 300));
    world.powerCut(0, seconds(20));
    assert.equal(node.hypervisor.machines().length, 0);
    await world.live(seconds(60));
    assert.equal(node.hypervisor.machines().length, 1, "the app is back although nobody was asked");
    assert.ok(node.hypervisor.machines()[0]?.serves());
    world.heal();
    await world.settle();
  });
});
