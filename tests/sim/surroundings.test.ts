/**
 * Disk, clock and registry misbehave for a while; apps that run go on, and in the end everything is as
 * wanted.
 */
import assert from "node:assert/strict";
import { hours, millis, minutes, seconds } from "@selvedge/base";
import { daemonSet } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

const year = hours(24 * 365);

describe("when the surroundings misbehave", () => {
  inWorlds("the disk is full", async (world) => {
    await world.apply(daemonSet("old"));
    await world.settle();
    const node = world.node();
    const [old] = node.hypervisor.machines();
    const { capacityBytes } = node.disk;
    node.disk.setFree(Math.floor(world.random.next() * 60_000));
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.live(minutes(3));
    if (world.random.next() < 0.3) node.killEngine();
    await world.live(minutes(1));
    assert.equal(old?.isGone, false, "the app that ran went on");
    assert.deepEqual(await world.readyNodes(), [node.name], "the node goes on talking");
    node.disk.setCapacity(capacityBytes);
    await world.settle();
  });

  inWorlds("clocks jump by years", async (world) => {
    await world.apply(daemonSet("web"));
    await world.settle();
    const node = world.node();
    const launches = node.hypervisor.launches.length;
    for (const years of [-30, 3, 0]) {
      node.setSkew(millis(years * year));
      await world.live(minutes(world.random.next() * 20));
      if (world.random.next() < 0.3) node.killEngine();
      await world.live(minutes(2));
    }
    assert.equal(node.hypervisor.launches.length, launches, "nothing was restarted");
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.settle();
  });

  inWorlds("the registry is down, lies, and stops short", async (world) => {
    const { registry } = world;
    const { hypervisor } = world.node();
    registry.faults.wrongBytes = 1;
    await world.apply(daemonSet("web"));
    await world.live(minutes(1));
    assert.equal(hypervisor.launches.length, 0, "what does not match its digest never runs");
    Object.assign(registry.faults, { wrongBytes: 0, truncated: 1 });
    await world.live(seconds(world.random.next() * 60));
    Object.assign(registry.faults, { truncated: 0.3, down: world.random.next() < 0.5 });
    await world.live(seconds(world.random.next() * 60));
    Object.assign(registry.faults, { truncated: 0, down: false });
    await world.settle();
    assert.equal(hypervisor.launches.length, 1);
  });
});
