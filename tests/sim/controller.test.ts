/**
 * The controller goes away, or the line to it is bad; apps do not notice, and nothing wanted is forgotten.
 */
import assert from "node:assert/strict";
import { millis, minutes, seconds } from "@selvedge/base";
import { daemonSetKind } from "@selvedge/kinds";
import { controllerHost, daemonSet } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

describe("while the controller cannot be reached", () => {
  inWorlds("the controller dies and its last second is lost", async (world) => {
    await world.apply(daemonSet("web"));
    await world.live(millis(world.random.next() * 8000));
    await world.killController({ lost: seconds(1), down: millis(1000 + world.random.next() * 60_000) });
    await world.until("the controller to be back", async () => true);
    assert.equal((await world.list(daemonSetKind)).length, 1, "what was acknowledged is there");
    await world.settle();
    const { hypervisor } = world.node();
    const launches = hypervisor.launches.length;
    await world.killController({ lost: seconds(1), down: minutes(60) });
    await world.live(minutes(59));
    assert.equal(hypervisor.launches.length, launches, "nothing was restarted");
    await world.until("the controller to be back", async () => true, minutes(10));
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.settle();
    assert.equal(hypervisor.launches.length, launches + 1);
  });

  inWorlds("two changes in flight on a bad line", async (world) => {
    await world.apply(daemonSet("other"));
    await world.settle();
    const [other] = world.node().hypervisor.machines();
    await world.apply(daemonSet("web"));
    await world.settle();
    Object.assign(world.network.faults, { answerLost: 0.1, bodyReset: 0.1, refused: 0.1 });
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.live(millis(world.random.next() * 1500));
    await world.apply(
      daemonSet("web", { tag: world.random.next() < 0.5 ? "1" : "2", program: ["serve", "again"] }),
    );
    await world.live(minutes(2));
    Object.assign(world.network.faults, { answerLost: 0, bodyReset: 0, refused: 0 });
    await world.settle();
    assert.equal(other?.isGone, false, "the app that nobody changed was not restarted");
  });

  inWorlds("the line lets no link through", async (world) => {
    await world.apply(daemonSet("web"));
    await world.settle();
    const { hypervisor } = world.node();
    const launches = hypervisor.launches.length;
    await world.live(minutes(world.random.next() * 20));
    world.network.withoutLinks(controllerHost);
    await world.live(minutes(world.random.next() * 20));
    await world.apply(daemonSet("web", { tag: "2" }));
    await world.settle(minutes(3));
    assert.equal(hypervisor.launches.length, launches + 1, "the new version alone was started");
    assert.deepEqual(await world.readyNodes(), [world.node().name]);
  });
});
