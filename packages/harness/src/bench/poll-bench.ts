import { type Millis, millis, minutes } from "@selvedge/base";
import { controllerHost } from "../sim-controller.ts";
import { daemonSet, World } from "../world.ts";
import { type Bench, quantile, round } from "./bench.ts";

const changes = 20;

/** A controller that offers no link, as EVE's do not: what is measured is the poll. On simulated time. */
export const pollBench: Bench = {
  name: "poll",
  summary: "change to act without the link (simulated)",
  missing: () => undefined,
  async *run() {
    await using world = await World.make(1);
    world.network.withoutLinks(controllerHost);
    await world.live(minutes(5));
    const spans: number[] = [];
    for (let turn = 0; turn < changes; turn++) {
      await world.live(millis(world.random.next() * 60_000));
      const desired = world.node().engine?.store.desired;
      const before = desired?.get()?.configHash;
      const began = world.clock.monotonic();
      await world.apply(daemonSet("web", { program: ["serve", `${turn}`] }));
      const acted = async (): Promise<boolean> => desired?.get()?.configHash !== before;
      await world.until("the engine to act", acted, minutes(10));
      spans.push(between(began, world.clock.monotonic()));
    }
    const note = "simulated; the engine asks every 60 s";
    yield { name: "change.acts.poll.p50", value: round(quantile(spans, 0.5) / 1000, 1), unit: "s", note };
    yield { name: "change.acts.poll.p99", value: round(quantile(spans, 0.99) / 1000, 1), unit: "s", note };
  },
};

function between(from: Millis, to: Millis): number {
  return to - from;
}
