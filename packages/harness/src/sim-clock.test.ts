import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hours, instant, millis, seconds, sleep } from "@selvedge/base";
import { SimClock } from "./sim-clock.ts";

describe("SimClock", () => {
  it("fires timers in order of time, then of setting", async () => {
    const clock = new SimClock();
    const fired: string[] = [];
    clock.setTimer(seconds(2), () => fired.push("late"));
    clock.setTimer(seconds(1), () => fired.push("first"));
    clock.setTimer(seconds(1), () => fired.push("second"));
    await clock.pass(seconds(3));
    assert.deepEqual(fired, ["first", "second", "late"]);
    assert.equal(clock.monotonic(), 3000);
  });

  it("fires timers that timers set within the same span", async () => {
    const clock = new SimClock();
    const at: number[] = [];
    clock.setTimer(seconds(1), () => void sleep(clock, seconds(1)).then(() => at.push(clock.monotonic())));
    await clock.pass(seconds(5));
    assert.deepEqual(at, [2000]);
  });

  it("moves on for a span too small to be added to the time", async () => {
    const clock = new SimClock();
    await clock.pass(hours(1));
    let fired = 0;
    clock.setTimer(millis(0.3), () => (fired = clock.monotonic()));
    await clock.pass(seconds(1));
    assert.equal(fired, 3_600_001);
    assert.equal(clock.monotonic(), 3_601_000);
  });

  it("leaves cancelled timers alone", async () => {
    const clock = new SimClock();
    let fired = false;
    clock.setTimer(seconds(1), () => (fired = true)).cancel();
    await clock.pass(seconds(2));
    assert.equal(fired, false);
  });

  it("lets the calendar jump without moving timers", async () => {
    const clock = new SimClock(instant(0));
    let fired = false;
    clock.setTimer(seconds(1), () => (fired = true));
    clock.jump(hours(24 * 365));
    await clock.pass(millis(999));
    assert.equal(fired, false);
    assert.equal(clock.now(), 24 * 365 * 3_600_000 + 999);
  });

  it("says when a condition never comes", async () => {
    const clock = new SimClock();
    assert.equal(await clock.passUntil(() => false, seconds(10)), false);
    let done = false;
    clock.setTimer(seconds(4), () => (done = true));
    assert.equal(await clock.passUntil(() => done, seconds(10)), true);
    assert.equal(clock.monotonic(), 4000);
  });
});
