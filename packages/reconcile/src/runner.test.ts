import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Clock,
  instant,
  Log,
  type Millis,
  millis,
  SeededRandom,
  seconds,
  silentSink,
  type Timer,
} from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "./reconciler.ts";
import { Runner } from "./runner.ts";

/** Timers that fire when the test says so. */
class ManualClock implements Clock {
  readonly timers: { span: Millis; fire: () => void; live: boolean }[] = [];
  now = () => instant(0);
  monotonic = () => millis(0);

  setTimer(span: Millis, fire: () => void): Timer {
    const timer = { span, fire, live: true };
    this.timers.push(timer);
    return { cancel: () => (timer.live = false) };
  }

  fireAll(): void {
    for (const timer of this.timers.splice(0)) if (timer.live) timer.fire();
  }
}

/** A pass that waits until the test lets it go. */
class Gate {
  readonly passes: string[] = [];
  readonly #open: (() => void)[] = [];
  outcomes: (Outcome | Error)[] = [];

  get reconciler(): Reconciler {
    return {
      name: "gate",
      reads: [],
      writes: [],
      reconcile: async (key) => {
        this.passes.push(key);
        await new Promise<void>((resolve) => this.#open.push(resolve));
        const outcome = this.outcomes.shift() ?? settled;
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
    };
  }

  async let(): Promise<void> {
    this.#open.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function world(concurrency = 16): { gate: Gate; clock: ManualClock; runner: Runner } {
  const gate = new Gate();
  const clock = new ManualClock();
  const log = new Log("test", clock, silentSink);
  const runner = new Runner({
    reconciler: gate.reconciler,
    clock,
    random: new SeededRandom(1),
    log,
    concurrency,
  });
  return { gate, clock, runner };
}

describe("Runner", () => {
  it("runs one pass a key at a time, and one more when woken meanwhile", async () => {
    const { gate, runner } = world();
    runner.wake("a");
    runner.wake("a");
    runner.wake("a");
    assert.deepEqual(gate.passes, ["a"]);
    await gate.let();
    assert.deepEqual(gate.passes, ["a", "a"]);
    await gate.let();
    assert.deepEqual(gate.passes, ["a", "a"]);
    assert.equal(runner.idle, true);
  });

  it("works on different keys side by side, up to its bound", async () => {
    const { gate, runner } = world(2);
    for (const key of ["a", "b", "c"]) runner.wake(key);
    assert.deepEqual(gate.passes, ["a", "b"]);
    await gate.let();
    assert.deepEqual(gate.passes, ["a", "b", "c"]);
  });

  it("lets everything else have its turn when passes wait for nothing", async () => {
    const passes: string[] = [];
    const clock = new ManualClock();
    let time = 0;
    clock.monotonic = () => millis(time);
    const reconciler: Reconciler = {
      ...{ name: "quick", reads: [], writes: [] },
      reconcile: async (key) => {
        passes.push(key);
        time += 4;
        return settled;
      },
    };
    const log = new Log("test", clock, silentSink);
    const runner = new Runner({ reconciler, clock, random: new SeededRandom(1), log, concurrency: 1 });
    for (const key of ["a", "b", "c", "d", "e"]) runner.wake(key);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await turn();
    assert.deepEqual(passes, ["a", "b", "c"]);
    assert.equal(runner.idle, false);
    clock.fireAll();
    await turn();
    assert.deepEqual(passes, ["a", "b", "c", "d", "e"]);
    assert.equal(runner.idle, true);
  });

  it("tries again after a failure, later each time, and starts over after a success", async () => {
    const { gate, clock, runner } = world();
    gate.outcomes = [new Error("no"), new Error("no"), settled, new Error("no")];
    runner.wake("a");
    await gate.let();
    const first = clock.timers[0]?.span ?? 0;
    clock.fireAll();
    await gate.let();
    const second = clock.timers[0]?.span ?? 0;
    assert.ok(second > first, `${second} after ${first}`);
    clock.fireAll();
    await gate.let();
    runner.wake("a");
    await gate.let();
    assert.equal(gate.passes.length, 4);
    assert.ok((clock.timers[0]?.span ?? 0) <= 500);
  });

  it("looks again when a pass says so, or at once when woken", async () => {
    const { gate, clock, runner } = world();
    gate.outcomes = [lookAgain("Waiting", seconds(5))];
    runner.wake("a");
    await gate.let();
    assert.equal(clock.timers[0]?.span, 5000);
    runner.wake("a");
    assert.equal(gate.passes.length, 2);
    assert.equal(clock.timers[0]?.live, false);
  });

  it("starts nothing after it is disposed, and waits for what runs", async () => {
    const { gate, runner } = world();
    runner.wake("a");
    const gone = runner[Symbol.asyncDispose]();
    runner.wake("b");
    await gate.let();
    await gone;
    assert.deepEqual(gate.passes, ["a"]);
  });
});
