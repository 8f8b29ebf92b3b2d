import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SystemClock } from "@selvedge/base";
import { FlowControl } from "./flow-control.ts";

const known = "system:authenticated";
const user = (name: string): { name: string; groups: string[] } => ({ name, groups: [known] });
const root = { name: "root", groups: ["system:masters", known] };

function control(seats: number): FlowControl {
  // Nobody here waits for so long that time would tell.
  const clock = Object.assign(new SystemClock(), { setTimer: () => ({ cancel: () => undefined }) });
  return new FlowControl({ clock, seats });
}

/** Whether it is let in within a few turns. */
async function isLetIn(entering: Promise<Disposable>): Promise<boolean> {
  let isIn = false;
  entering.then(
    () => {
      isIn = true;
    },
    () => undefined,
  );
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  return isIn;
}

describe("seats", () => {
  it("are given while there are any, and then to whoever had least", async () => {
    const flow = control(4);
    const seats = await Promise.all(
      [1, 2, 3, 4].map(() => flow.enter({ user: user("greedy"), writes: true })),
    );
    const waiting = [1, 2, 3].map(() => flow.enter({ user: user("greedy"), writes: true }));
    const modest = flow.enter({ user: user("modest"), writes: true });
    assert.equal(await isLetIn(modest), false);
    seats[0]?.[Symbol.dispose]();
    assert.equal(await isLetIn(modest), true);
    assert.deepEqual(await Promise.all(waiting.map(isLetIn)), [false, false, false]);
  });

  it("that are lent keep no level from its own", async () => {
    const flow = control(10);
    const lent = await Promise.all(
      Array.from({ length: 10 }, () => flow.enter({ user: user("greedy"), writes: true })),
    );
    assert.equal(lent.length, 10);
    assert.equal(await isLetIn(flow.enter({ user: user("greedy"), writes: true })), false);
    assert.equal(await isLetIn(flow.enter({ user: root, writes: true })), true);
    assert.equal(
      await isLetIn(flow.enter({ user: { name: "system:node:a", groups: ["system:nodes"] }, writes: true })),
      true,
    );
  });

  it("are refused to a client that wants too many at once", async () => {
    const flow = control(1);
    const all = Array.from({ length: 600 }, () => flow.enter({ user: user("greedy"), writes: true }));
    const refused = all.map((one) =>
      one.then(
        () => "in",
        (error: { code: number }) => error.code,
      ),
    );
    const modest = flow.enter({ user: user("modest"), writes: true });
    const later = await Promise.race(refused.slice(550));
    assert.equal(later, 429);
    await assert.rejects(flow.enter({ user: user("greedy"), writes: true }), {
      code: 429,
      details: { retryAfterSeconds: 1 },
    });
    (await all[0])?.[Symbol.dispose]();
    assert.equal(await isLetIn(modest), true);
  });

  it("are given in turns: what comes in one piece is not answered in one piece", async () => {
    const flow = control(600);
    const order: string[] = [];
    /** A request that computes for a while and waits for nothing. */
    const work = async (name: string): Promise<void> => {
      using _seat = await flow.enter({ user: user(name), writes: false });
      const end = performance.now() + 1;
      while (performance.now() < end);
      order.push(name);
    };
    const flood = Array.from({ length: 100 }, () => work("greedy"));
    await new Promise((resolve) => setImmediate(resolve));
    const modest = work("modest");
    await Promise.all([...flood, modest]);
    assert.ok(order.indexOf("modest") < 30, `${order.indexOf("modest")} were before it`);
  });

  it("are not kept for who has gone", async () => {
    const flow = control(1);
    const held = await flow.enter({ user: user("a"), writes: true });
    const gone = new AbortController();
    const left = flow.enter({ user: user("b"), writes: true, gone: () => gone.signal });
    const stays = flow.enter({ user: user("c"), writes: true });
    gone.abort();
    await assert.rejects(left, { code: 429 });
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    assert.equal(await isLetIn(stays), true);
    // Giving a seat back twice gives back one.
    assert.equal(await isLetIn(flow.enter({ user: user("d"), writes: true })), false);
  });
});
