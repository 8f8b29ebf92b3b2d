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

/** Whether it is settled, without waiting for it. */
async function isLetIn(entering: Promise<Disposable>): Promise<boolean> {
  const turn = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return await Promise.race([entering.then(() => true), turn]);
}

describe("seats", () => {
  it("are given while there are any, and then to whoever had least", async () => {
    const flow = control(4);
    const seats = await Promise.all([1, 2, 3, 4].map(() => flow.enter(user("greedy"))));
    const waiting = [1, 2, 3].map(() => flow.enter(user("greedy")));
    const modest = flow.enter(user("modest"));
    assert.equal(await isLetIn(modest), false);
    seats[0]?.[Symbol.dispose]();
    assert.equal(await isLetIn(modest), true);
    assert.deepEqual(await Promise.all(waiting.map(isLetIn)), [false, false, false]);
  });

  it("that are lent keep no level from its own", async () => {
    const flow = control(10);
    const lent = await Promise.all(Array.from({ length: 10 }, () => flow.enter(user("greedy"))));
    assert.equal(lent.length, 10);
    assert.equal(await isLetIn(flow.enter(user("greedy"))), false);
    assert.equal(await isLetIn(flow.enter(root)), true);
    assert.equal(await isLetIn(flow.enter({ name: "system:node:a", groups: ["system:nodes"] })), true);
  });

  it("are refused to a client that wants too many at once", async () => {
    const flow = control(1);
    const all = Array.from({ length: 200 }, () => flow.enter(user("greedy")));
    const refused = all.map((one) =>
      one.then(
        () => "in",
        (error: { code: number }) => error.code,
      ),
    );
    const modest = flow.enter(user("modest"));
    const later = await Promise.race(refused.slice(150));
    assert.equal(later, 429);
    await assert.rejects(flow.enter(user("greedy")), { code: 429, details: { retryAfterSeconds: 1 } });
    (await all[0])?.[Symbol.dispose]();
    assert.equal(await isLetIn(modest), true);
  });

  it("are not kept for who has gone", async () => {
    const flow = control(1);
    const held = await flow.enter(user("a"));
    const gone = new AbortController();
    const left = flow.enter(user("b"), () => gone.signal);
    const stays = flow.enter(user("c"));
    gone.abort();
    await assert.rejects(left, { code: 429 });
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    assert.equal(await isLetIn(stays), true);
    // Giving a seat back twice gives back one.
    assert.equal(await isLetIn(flow.enter(user("d"))), false);
  });
});
