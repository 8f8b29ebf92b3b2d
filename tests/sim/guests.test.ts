/** Apps that do not do as they are told. */
import assert from "node:assert/strict";
import { millis, minutes } from "@selvedge/base";
import { daemonSetKind } from "@selvedge/kinds";
import { daemonSet } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

describe("guests that do as they please", () => {
  inWorlds("one ignores being shut down", async (world) => {
    await world.apply(daemonSet("web", { program: ["stubborn"], grace: 10 }));
    await world.settle();
    await world.live(millis(world.random.next() * 60_000));
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.settle(minutes(5));
    await world.delete(daemonSetKind, "web");
    await world.settle(minutes(5));
    assert.equal(world.node().hypervisor.machines().length, 0);
  });

  inWorlds("one crashes at start until it is mended", async (world) => {
    const node = world.node();
    const crash = world.random.next() < 0.5 ? ["panic", "300"] : ["exit", "1", "200"];
    node.hypervisor.faults.diesBooting = 0.3;
    node.hypervisor.faults.launchFails = 0.3;
    await world.apply(daemonSet("web", { program: crash }));
    await world.live(minutes(10));
    assert.ok(
      node.hypervisor.launches.length < 60,
      `${node.hypervisor.launches.length} launches are a busy loop`,
    );
    node.hypervisor.faults.diesBooting = 0;
    node.hypervisor.faults.launchFails = 0;
    await world.apply(daemonSet("web", { program: ["serve"] }));
    await world.settle();
  });
});
