import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FairQueue } from "./fair-queue.ts";

interface Item {
  readonly flow: string;
  readonly number: number;
}

function queue(flowMax = 100, waitingMax = 100): FairQueue<Item> {
  return new FairQueue<Item>({ flowMax, waitingMax });
}

function join(into: FairQueue<Item>, flow: string, count: number): Item[] {
  const items = Array.from({ length: count }, (_none, number) => ({ flow, number }));
  for (const item of items) assert.equal(into.join(item).type, "waits");
  return items;
}

/** Who is let in, one after another, when each costs this. */
function order(of: FairQueue<Item>, costs: Readonly<Record<string, number>>): string {
  let text = "";
  for (let item = of.next(0); item !== undefined; item = of.next(0)) {
    text += item.flow;
    of.done(item.flow, costs[item.flow] ?? 1);
  }
  return text;
}

describe("requests that wait", () => {
  it("take turns by who they are of, not by when they came", () => {
    const waiting = queue();
    join(waiting, "a", 6);
    join(waiting, "b", 2);
    assert.equal(order(waiting, {}), "ababaaaa");
  });

  it("that cost more come less often", () => {
    const waiting = queue();
    join(waiting, "a", 3);
    join(waiting, "b", 6);
    assert.equal(order(waiting, { a: 10, b: 5 }), "abbabbabb");
  });

  it("of a newcomer are next, but what it did not use before counts for nothing", () => {
    const waiting = queue();
    join(waiting, "a", 20);
    for (let turn = 0; turn < 10; turn++) {
      waiting.next(0);
      waiting.done("a", 1);
    }
    join(waiting, "b", 8);
    const text = order(waiting, {});
    assert.ok(text.indexOf("b") <= 1, text);
    // Not all of b before the next of a.
    assert.ok(text.slice(0, 4).includes("a"), text);
  });

  it("keep their own order", () => {
    const waiting = queue();
    join(waiting, "a", 3);
    assert.deepEqual(
      [waiting.next(1), waiting.next(1), waiting.next(1)].map((one) => one?.number),
      [0, 1, 2],
    );
  });

  it("go when they do not want any more", () => {
    const waiting = queue();
    const [first, second] = join(waiting, "a", 2) as [Item, Item];
    assert.equal(waiting.leave(first), true);
    assert.equal(waiting.leave(first), false);
    assert.deepEqual([waiting.waiting, waiting.next(1)], [1, second]);
  });

  it("are bounded for one flow", () => {
    const waiting = queue(2);
    join(waiting, "a", 2);
    assert.equal(waiting.join({ flow: "a", number: 3 }).type, "refused");
    join(waiting, "b", 1);
  });

  it("are bounded in all, at the cost of who has most", () => {
    const waiting = queue(10, 4);
    join(waiting, "a", 4);
    const joined = waiting.join({ flow: "b", number: 0 });
    assert.deepEqual(joined, { type: "pushes-out", other: { flow: "a", number: 3 } });
    assert.equal(waiting.join({ flow: "a", number: 5 }).type, "refused");
    assert.equal(waiting.waiting, 4);
  });
});
